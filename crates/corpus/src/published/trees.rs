//! Folders as the publishers' archives unpack, as far as names go: which corpus, who speaks and what is felt. The five oldest
//! stand in `disk_tests.rs`.

use std::fs;

use crate::{Corpus, Kind, Part};

/// What is to be found of a clip: who speaks (None where nobody can tell), its label, the part of the corpus' own split.
type Expected = (Option<&'static str>, &'static str, Option<Part>);

/// Files with their content, of a corpus with this id, and its clips by path (or in the tables' order).
struct Tree {
    id: &'static str,
    files: &'static [(&'static str, &'static str)],
    clips: &'static [Expected],
}

/// A sound, of which only the name is looked at.
const fn sound(name: &'static str) -> (&'static str, &'static str) {
    (name, "")
}

const fn of(speaker: &'static str, label: &'static str) -> Expected {
    (Some(speaker), label, None)
}

const TREES: &[Tree] = &[
    // Emotion Speech Dataset.zip: each person's folder has the emotions' and in them the parts, under other names.
    Tree {
        id: "esd",
        files: &[
            sound("Emotion Speech Dataset/0001/0001.txt"),
            sound("Emotion Speech Dataset/0011/Angry/evaluation/0011_000351.wav"),
            sound("Emotion Speech Dataset/0011/Angry/test/0011_000371.wav"),
            sound("Emotion Speech Dataset/0011/Angry/train/0011_000401.wav"),
            sound("Emotion Speech Dataset/0012/Happy/train/0012_000701.wav"),
            sound("Emotion Speech Dataset/0012/Neutral/train/0012_000001.wav"),
            sound("Emotion Speech Dataset/0012/Sad/0012_001051.wav"),
            sound("Emotion Speech Dataset/0012/Surprise/train/0012_001401.wav"),
        ],
        clips: &[
            (Some("esd_0011"), "angry", Some(Part::Validation)),
            (Some("esd_0011"), "angry", Some(Part::Test)),
            (Some("esd_0011"), "angry", Some(Part::Train)),
            (Some("esd_0012"), "happy", Some(Part::Train)),
            (Some("esd_0012"), "neutral", Some(Part::Train)),
            of("esd_0012", "sad"),
        ],
    },
    // https://openslr.org/115: an archive for each voice and emotion; the voice's name is in the archive's alone.
    Tree {
        id: "emov-db",
        files: &[
            sound("bea_Angry/anger_1-28_0001.wav"),
            sound("jenie/Amused/amused_1-15_0001.wav"),
            sound("jenie/Neutral/neutral_1-28_0002.wav"),
            sound("sam/neutral_1-28_0002.wav"),
        ],
        clips: &[of("emovdb_bea", "angry"), of("emovdb_jenie", "neutral"), of("emovdb_sam", "neutral")],
    },
    Tree {
        id: "jl",
        files: &[
            sound("Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_angry_10a_1.wav"),
            sound("Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_excited_10a_1.wav"),
            sound("Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/male2_happy_1b_2.wav"),
            sound("Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/male2_happy_1b_2.txt"),
        ],
        clips: &[of("jl_female1", "angry"), of("jl_male2", "happy")],
    },
    Tree {
        id: "nemo",
        files: &[
            ("data.tsv", "file_id\temotion\nWR0_surprised_64.wav\tsurprised\n"),
            sound("samples/EB0_neutral_13.wav"),
            sound("samples/WR0_surprised_64.wav"),
            sound("samples/WR0_anger_9.wav"),
        ],
        clips: &[of("nemo_eb0", "neutral"), of("nemo_wr0", "angry")],
    },
    Tree {
        id: "subesco",
        files: &[
            sound("SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav"),
            sound("SUBESCO/F_02_MONIKA_S_10_ANGRY_1.wav"),
            sound("SUBESCO/M_09_BASHIR_S_1_SAD_5.wav"),
        ],
        clips: &[of("subesco_f_02", "angry"), of("subesco_m_09", "sad")],
    },
    Tree {
        id: "urdu",
        files: &[sound("Angry/SM1_F10_A010.wav"), sound("Sad/SF7_F3_S099.wav"), sound("README.md")],
        clips: &[of("urdu_sm1", "angry"), of("urdu_sf7", "sad")],
    },
    Tree {
        id: "mesd",
        files: &[
            sound("Mexican Emotional Speech Database (MESD)/Anger_F_A_abajo.wav"),
            sound("Mexican Emotional Speech Database (MESD)/Sadness_C_B_a veces.wav"),
        ],
        clips: &[(None, "angry", None), (None, "sad", None)],
    },
    Tree {
        id: "cafe",
        files: &[
            sound("Colère/Faible/01-C-1-1.wav"),
            sound("Dégoût/Fort/12-D-2-6.wav"),
            sound("Neutre/12-N-1-6.wav"),
            sound("Readme.txt"),
        ],
        clips: &[of("cafe_01", "angry"), of("cafe_12", "neutral")],
    },
    Tree {
        id: "meld",
        files: &[
            (
                "MELD.Raw/train/train_sent_emo.csv",
                "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n\
                 1,\"also, no\",Chandler,neutral,neutral,0,0\n2,You must’ve,The Interviewer,joy,positive,0,1\n",
            ),
            sound("MELD.Raw/train/train_splits/dia0_utt0.mp4"),
            sound("MELD.Raw/train/train_splits/dia0_utt1.mp4"),
            (
                "MELD.Raw/test_sent_emo.csv",
                "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n1,Why,Mark,anger,negative,0,0\n",
            ),
            sound("MELD.Raw/output_repeated_splits_test/dia0_utt0.mp4"),
            sound("MELD.Raw/output_repeated_splits_test/final_videos_testdia0_utt1.mp4"),
        ],
        clips: &[
            (Some("meld_Chandler"), "neutral", Some(Part::Train)),
            (Some("meld_The Interviewer"), "happy", Some(Part::Train)),
            (Some("meld_Mark"), "angry", Some(Part::Test)),
        ],
    },
    Tree {
        id: "aesdd",
        files: &[
            sound("Acted Emotional Speech Dynamic Database/anger/a01 (1).wav"),
            sound("Acted Emotional Speech Dynamic Database/sadness/s05 (6)b.wav"),
        ],
        clips: &[of("aesdd_1", "angry"), of("aesdd_6", "sad")],
    },
    Tree {
        id: "shemo",
        files: &[sound("female/F14A09.wav"), sound("male/M02F01.wav"), sound("male/M02S01.wav"), sound("shemo.json")],
        clips: &[of("shemo_f14", "angry"), of("shemo_m02", "sad")],
    },
    Tree {
        id: "emozionalmente",
        files: &[
            (
                "emozionalmente_dataset/metadata/samples.csv",
                "file_name,sentence,sentence_language,actor,emotion_expressed\n1614951631538.wav,E,italian,d4bb,anger\n\
                 1613671614352.wav,T,italian,b830,joy\n1613671614353.wav,T,italian,b830,fear\n",
            ),
            ("emozionalmente_dataset/metadata/users.csv", "username,gender\nd4bb,female\n"),
            sound("emozionalmente_dataset/audio/1614951631538.wav"),
            sound("emozionalmente_dataset/audio/1613671614352.wav"),
            sound("emozionalmente_dataset/audio/1613671614353.wav"),
        ],
        clips: &[of("emozionalmente_d4bb", "angry"), of("emozionalmente_b830", "happy")],
    },
    Tree {
        id: "emovo",
        files: &[sound("EMOVO/f1/dis-f1-b1.wav"), sound("EMOVO/f1/gio-f1-b1.wav"), sound("EMOVO/m3/tri-m3-n5.wav")],
        clips: &[of("emovo_f1", "happy"), of("emovo_m3", "sad")],
    },
    Tree {
        id: "demos",
        files: &[sound("wav_DEMoS/DEMOS/NP_f_01_gio07b.wav"), sound("wav_DEMoS/DEMOS/PR_m_12_rab03a.wav")],
        clips: &[of("demos_01", "happy"), of("demos_12", "angry")],
    },
    Tree {
        id: "enterface",
        files: &[
            sound("subject 1/anger/sentence 1/s1_an_1.wav"),
            sound("subject 43/happiness/sentence 5/s43_ha_5.wav"),
        ],
        clips: &[of("enterface_s1", "angry"), of("enterface_s43", "happy")],
    },
    // The emotions stand in a table of raters; here somebody has sorted the files.
    Tree {
        id: "msp-improv",
        files: &[sound("sad/MSP-IMPROV-S01A-F01-P-FM01.wav"), sound("happy/MSP-IMPROV-S01A-M01-P-FM02.wav")],
        clips: &[of("mspimprov_m01", "happy"), of("mspimprov_f01", "sad")],
    },
    Tree {
        id: "banglaser",
        files: &[
            sound("BanglaSER/Actor 1/03-01-03-01-01-01-01.wav"),
            sound("BanglaSER/Actor 34/03-01-01-02-03-03-34.wav"),
        ],
        clips: &[of("banglaser_01", "angry"), of("banglaser_34", "happy")],
    },
];

#[test]
fn corpora_as_their_archives_unpack() {
    let labels = crate::EMOTIONS.map(String::from);
    for Tree { id, files, clips } in TREES {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in *files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let corpus = Corpus::open(dir.path(), &labels).unwrap();
        let Kind::Published(of) = corpus.kind else { panic!("{id} is taken for {}", corpus.kind) };
        assert_eq!(of.id, *id);
        let found: Vec<(Option<&str>, &str, Option<Part>)> =
            corpus.clips.iter().map(|clip| (clip.speaker.as_deref(), labels[clip.label].as_str(), clip.part)).collect();
        assert_eq!(found, *clips, "{id}");
        assert_eq!(corpus.clips.len() + corpus.skipped.len(), files.len(), "{id}: {:?}", corpus.skipped);
    }
}

/// Whoever adds a corpus adds a tree.
#[test]
fn every_corpus_has_a_tree() {
    let elsewhere = ["ravdess", "emo-db", "crema-d", "tess", "savee", "iemocap"];
    for corpus in super::TABLE {
        let here = TREES.iter().any(|tree| tree.id == corpus.id);
        assert!(here || elsewhere.contains(&corpus.id), "{} has no tree", corpus.name);
    }
}

#[test]
fn every_corpus_stands_in_the_docs() {
    let docs = include_str!("../../../../docs/corpora.md");
    for corpus in super::TABLE {
        assert!(docs.contains(&format!("| {} |", corpus.name)), "docs/corpora.md has no row for {}", corpus.name);
    }
}
