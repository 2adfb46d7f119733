//! Corpora on disk: made up in a temporary folder, and the real ones where they are present.

use super::*;

fn labels() -> Vec<String> {
    crate::EMOTIONS.map(String::from).to_vec()
}

/// A temporary folder with empty files of these names.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    dir
}

/// Who speaks, of clips of whom that is known.
fn speaker(clip: &Clip) -> &str {
    clip.speaker.as_deref().unwrap_or("unknown")
}

/// A published corpus, by its name in files.
fn published(id: &str) -> Kind {
    Kind::Published(crate::TABLE.iter().find(|corpus| corpus.id == id).unwrap())
}

fn reasons(corpus: &Corpus) -> Vec<(String, &str)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let skipped = corpus.skipped.iter();
    skipped.map(|(path, reason)| (name(path), reason.as_str())).collect()
}

#[test]
fn a_folder_for_each_label() {
    let dir = folder(&["angry/Anna/1.wav", "angry/Ben/1.WAV", "Sad/Anna/2.flac", "other/3.wav", "sad/notes.txt"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let found: Vec<(&str, usize)> = corpus.clips.iter().map(|clip| (speaker(clip), clip.label)).collect();
    assert_eq!(found, [("Anna", 3), ("Anna", 0), ("Ben", 0)]);
    assert_eq!(corpus.speakers(), ["Anna", "Ben"]);
    assert_eq!(corpus.of_speaker("Anna").count(), 2);
    assert_eq!(
        reasons(&corpus),
        [
            ("3.wav".into(), "neither its folder nor its name is one of the labels"),
            ("notes.txt".into(), "not a sound file by its name"),
        ]
    );
}

#[test]
fn known_file_names_without_a_manifest() {
    let dir = folder(&["Actor_07/03-01-04-02-02-01-07.wav", "Actor_07/03-01-06-02-02-01-07.wav"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!(
        corpus.clips,
        [Clip {
            path: dir.path().join("Actor_07/03-01-04-02-02-01-07.wav"),
            speaker: Some("ravdess_07".into()),
            label: 3,
            sentence: Some("s02".into()),
            part: None,
            transcript: text::Transcript::new("Dogs are sitting by the door").ok(),
        }]
    );
}

#[test]
fn a_manifest_outweighs_the_names() {
    let dir = folder(&["angry/1.wav", "2.wav", "3.wav"]);
    let table = "file,speaker,emotion,sentence,gender,duration_s\nangry/1.wav,7,sad,s1,female,1.5\n2.wav,7,fear,,,\n\
                 missing.wav,7,sad,,,\n../../etc/passwd,7,sad,,,\n/etc/passwd,7,sad,,,\n3.wav,,Freude,,,\n";
    fs::write(dir.path().join("manifest.csv"), table).unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let found: Vec<_> =
        corpus.clips.iter().map(|clip| (clip.speaker.as_deref(), clip.label, clip.sentence.as_deref())).collect();
    assert_eq!(found, [(Some("7"), 3, Some("s1")), (None, 1, None)]);
    assert!(corpus.unknown_speakers().unwrap().starts_with("who speaks in 1 of the 2 clips can't be told"));
    assert_eq!(
        reasons(&corpus),
        [
            ("2.wav".into(), "its emotion, fear, is none of the labels"),
            ("missing.wav".into(), "its table names it, but it isn't there"),
            ("passwd".into(), "its path leads out of the corpus' folder"),
            ("passwd".into(), "its path leads out of the corpus' folder"),
        ]
    );
}

/// Transcripts as people and programs get them wrong: each of their clips stays, and what became of its text is said.
#[test]
fn a_transcript_is_taken_left_out_or_told_of_and_no_clip_is_lost() {
    let dir = folder(&["1.wav", "2.wav", "3.wav", "4.wav", "5.wav", "6.wav", "7.wav"]);
    let long = "so angry ".repeat(11_000);
    let table = format!(
        "file;emotion;Transcript\n1.wav;angry;\"Nein;\nnein!\"\n2.wav;sad;{long}\n3.wav;sad;\u{202E}\u{200F}\n4.wav;happy;\n\
         5.wav;{long};angry\n6.wav;I am so angry today;sad\n7.wav;happy;\u{202E}olleh\u{1}\n"
    );
    fs::write(dir.path().join("manifest.csv"), table).unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let found: Vec<_> =
        corpus.clips.iter().map(|clip| (clip.label, clip.transcript.as_ref().map(text::Transcript::as_str))).collect();
    assert_eq!(found, [(0, Some("Nein; nein!")), (3, None), (3, None), (1, None), (1, Some("olleh"))]);
    let warnings = corpus.report().warnings.join("\n");
    assert!(warnings.contains("2 of the 5 clips have a transcript"), "{warnings}");
    assert!(warnings.contains("1 transcripts are left out, since they have more than 1000 characters"), "{warnings}");
    // A text in a label's place is none, whatever words are in it, and is not repeated in full.
    let reasons = reasons(&corpus);
    assert_eq!(reasons[0].0, "5.wav");
    assert!(reasons[0].1.len() < 100 && reasons[0].1.contains("so angry so angry"), "{}", reasons[0].1);
    assert_eq!(reasons[1], ("6.wav".into(), "its emotion, I am so angry today, is none of the labels"));
}

#[test]
fn a_manifest_without_its_columns_says_which_it_needs() {
    let dir = folder(&["1.wav"]);
    fs::write(dir.path().join("manifest.csv"), "name,mood\n1.wav,sad\n").unwrap();
    let error = Corpus::open(dir.path(), &labels()).unwrap_err().to_string();
    assert!(error.contains("the columns file and emotion"), "{error}");
}

#[test]
fn an_empty_corpus_says_what_to_do() {
    let dir = folder(&["1.wav"]);
    let error = Corpus::open(dir.path(), &labels()).unwrap_err().to_string();
    assert!(error.contains("angry, happy, neutral, sad") && error.contains("manifest.csv"), "{error}");
    assert!(error.contains("1.wav was skipped"), "{error}");
    let missing = dir.path().join("nowhere");
    assert!(matches!(Corpus::open(&missing, &labels()), Err(CorpusError::Folder { .. })));
    assert!(matches!(Corpus::open(&dir.path().join("1.wav"), &labels()), Err(CorpusError::Folder { .. })));
}

#[test]
fn folders_too_deep_are_skipped() {
    let dir = folder(&["sad/1.wav", "sad/2/3/4/5/6/7/8/9/10/too-deep.wav"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!(corpus.clips.len(), 1);
    assert_eq!(reasons(&corpus), [("9".into(), "more than 8 folders deep")]);
}

#[cfg(unix)]
#[test]
fn odd_names_and_links_in_a_circle_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let dir = folder(&["sad/1.wav", "sad/.hidden.wav", "sad/…🎤\n.wav"]);
    let odd = std::ffi::OsStr::from_bytes(b"sad/\xff\xfe.wav");
    fs::write(dir.path().join(odd), "").unwrap();
    symlink(dir.path(), dir.path().join("sad/again")).unwrap();
    symlink("nowhere.wav", dir.path().join("sad/broken.wav")).unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!(corpus.clips.len(), 3);
    let skipped: Vec<String> = reasons(&corpus).into_iter().map(|(name, _)| name).collect();
    assert_eq!(skipped, [".hidden.wav", "broken.wav"]);
}

#[test]
fn a_half_copied_corpus_is_an_error_and_a_nearly_whole_one_is_not() {
    let dir = folder(&["1.wav", "2.wav", "3.wav"]);
    let open = |rows: &str| {
        fs::write(dir.path().join("manifest.csv"), format!("file,emotion\n{rows}")).unwrap();
        Corpus::open(dir.path(), &labels())
    };
    let corpus = open("1.wav,sad\n2.wav,sad\n3.wav,sad\n4.wav,sad\n").unwrap();
    assert_eq!(reasons(&corpus), [("4.wav".into(), NOT_THERE)]);
    let error = open("1.wav,sad\n2.wav,sad\n3.wav,sad\n4.wav,sad\n5.wav,sad\n").unwrap_err();
    assert!(matches!(error, CorpusError::HalfCopied { missing: 2, named: 5, .. }), "{error}");
    assert!(error.to_string().contains("4.wav); copy the folder again"), "{error}");
}

#[test]
fn a_file_that_a_manifest_names_twice_is_one_clip() {
    let dir = folder(&["1.wav"]);
    fs::write(dir.path().join("manifest.csv"), "file,emotion\n1.wav,sad\n./1.wav,angry\n").unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!(corpus.clips.len(), 1);
    assert_eq!(reasons(&corpus), [("1.wav".into(), "an earlier row of the manifest names it too")]);
}

/// A kind of corpus, its files, and speaker and label of each clip that is to be found in them.
type Tree = (&'static str, &'static [&'static str], &'static [(&'static str, usize)]);

/// Folders as the publishers' archives (of CREMA-D: the repository) unpack, with what else lies in them.
#[test]
fn published_corpora_as_they_are_shipped() {
    let trees: [Tree; 5] = [
        (
            "ravdess",
            &[
                "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav",
                "Audio_Speech_Actors_01-24/Actor_24/03-01-05-02-01-01-24.wav",
                "Audio_Speech_Actors_01-24/Actor_24/03-01-02-02-01-01-24.wav",
                "Audio_Song_Actors_01-24/Actor_24/03-02-05-02-01-01-24.wav",
            ],
            &[("ravdess_01", 2), ("ravdess_24", 0)],
        ),
        (
            "emo-db",
            &["erklaerung.txt", "wav/03a01Fa.wav", "wav/16b10Wb.wav", "wav/16b10Lb.wav", "lablaut/03a01Fa.lablaut"],
            &[("emodb_03", 1), ("emodb_16", 0)],
        ),
        (
            "crema-d",
            &["AudioMP3/1001_DFA_ANG_XX.mp3", "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1091_IEO_SAD_HI.wav"],
            &[("cremad_1001", 0), ("cremad_1091", 3)],
        ),
        (
            "tess",
            &["OAF_angry/OAF_back_angry.wav", "OAF_Pleasant_surprise/OAF_back_ps.wav", "YAF_sad/YAF_youth_sad.wav"],
            &[("tess_oaf", 0), ("tess_yaf", 3)],
        ),
        (
            "savee",
            &["AudioData/DC/a01.wav", "AudioData/DC/su01.wav", "AudioData/KL/n30.wav", "AudioData/Info.txt"],
            &[("savee_dc", 0), ("savee_kl", 2)],
        ),
    ];
    for (kind, files, expected) in trees {
        let dir = folder(files);
        let corpus = Corpus::open(dir.path(), &labels()).unwrap();
        assert_eq!(corpus.kind, published(kind));
        let found: Vec<(&str, usize)> = corpus.clips.iter().map(|clip| (speaker(clip), clip.label)).collect();
        assert_eq!(found, expected, "{kind}");
        assert_eq!(corpus.clips.len() + corpus.skipped.len(), files.len());
        assert!(corpus.clips.iter().all(|clip| clip.path.extension().is_some_and(|extension| extension == "wav")));
    }
}

#[test]
fn a_published_clip_in_two_places_is_taken_once_and_songs_are_not() {
    let clip = "03-01-05-01-01-01-01.wav";
    let (inner, outer) = (format!("again/Actor_01/{clip}"), format!("Actor_01/{clip}"));
    let dir = folder(&[&inner, &outer, "Actor_01/03-02-05-01-01-01-01.wav"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!(corpus.clips.iter().map(|clip| &clip.path).collect::<Vec<_>>(), [&dir.path().join(&outer)]);
    let twice =
        format!("a clip that is there twice, and taken from another file: {}", dir.path().join(outer).display());
    assert_eq!(reasons(&corpus), [("03-02-05-01-01-01-01.wav".into(), "sung, not spoken"), (clip.into(), &*twice)]);
}

#[test]
fn two_corpora_in_one_folder_are_neither() {
    let dir = folder(&["03a01Fa.wav", "03-01-05-01-01-01-01.wav"]);
    assert_eq!(Corpus::open(dir.path(), &labels()).unwrap().kind, Kind::Folders);
}

#[test]
fn laryngograms_and_other_folders_of_the_same_takes_are_left_out_with_a_warning() {
    let dir = folder(&[
        "laryngo/03a01Fa.wav",
        "laryngo/16b10Wb.wav",
        "laryngo/16b10Wc.wav",
        "wav/03a01Fa.wav",
        "wav/16b10Wb.wav",
    ]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let paths: Vec<&Path> = corpus.clips.iter().map(|clip| clip.path.strip_prefix(dir.path()).unwrap()).collect();
    assert_eq!(paths, ["wav/03a01Fa.wav", "wav/16b10Wb.wav"].map(Path::new), "a laryngogram alone is no speech either");
    let warning = "3 files in laryngo are left out: they hold no speech (films without sound, laryngograms), or takes that \
                   are taken from another folder";
    assert_eq!(corpus.warnings, [warning]);
    assert!(corpus.report().to_string().lines().nth(1).unwrap().starts_with("WARNING: 3 files in laryngo"));
}

#[test]
fn films_with_and_without_sound_and_sound_alone_are_one_clip() {
    let dir = folder(&[
        "Audio_Speech_Actors_01-24/Actor_01/03-01-05-01-01-01-01.wav",
        "Video_Speech_Actor_01/Actor_01/01-01-05-01-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-05-01-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/01-01-03-01-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-03-01-01-01-01.mp4",
        "Video_Speech_Actor_01/Actor_01/02-01-04-01-01-01-01.mp4",
    ]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let names: Vec<_> = corpus.clips.iter().map(|clip| clip.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["03-01-05-01-01-01-01.wav", "01-01-03-01-01-01-01.mp4"]);
    assert_eq!(corpus.warnings.len(), 1);
}

#[test]
fn people_who_cant_be_told_are_not_one_person() {
    let dir = folder(&["audio/angry/lea_01.wav", "audio/angry/tom_01.wav", "audio/sad/lea_02.wav"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert!(corpus.speakers().is_empty());
    let advice = corpus.unknown_speakers().unwrap();
    assert!(
        advice.contains("/audio/angry/lea_01.wav; if that is \"lea\", pass --speaker-pattern '/([^/_-]+)[^/]*$'"),
        "{advice}"
    );
    assert!(corpus.report().to_string().contains("(not known)"));
    // What it says to pass helps.
    let reading = Reading { speaker_pattern: Some("/([^/_-]+)[^/]*$".parse().unwrap()), ..Reading::default() };
    let corpus = Corpus::open_as(dir.path(), &labels(), &reading).unwrap();
    assert_eq!((corpus.speakers(), corpus.unknown_speakers()), (vec!["lea", "tom"], None));
}

#[test]
fn patterns_outweigh_names() {
    let dir = folder(&["a-x1-2.wav", "b-x1-1.wav", "b-x2-1.wav", "notes-x.wav"]);
    let reading = Reading {
        speaker_pattern: Some("-(x[0-9])-".parse().unwrap()),
        label_pattern: Some("/([ab])-x[0-9]".parse().unwrap()),
        map: vec!["a=angry".parse().unwrap(), "b=sad".parse().unwrap()],
        ..Reading::default()
    };
    let corpus = Corpus::open_as(dir.path(), &labels(), &reading).unwrap();
    let found: Vec<_> = corpus.clips.iter().map(|clip| (speaker(clip), clip.label)).collect();
    assert_eq!(found, [("x1", 0), ("x1", 3), ("x2", 3)]);
    assert_eq!(reasons(&corpus), [("notes-x.wav".into(), "--label-pattern finds nothing in its path")]);
    let wrong = Reading { map: vec!["a=blue".parse().unwrap()], ..Reading::default() };
    let error = Corpus::open_as(dir.path(), &labels(), &wrong).unwrap_err().to_string();
    assert_eq!(error, "a=blue maps to none of the labels angry, happy, neutral, sad; name one of them behind the =");
}

#[test]
fn what_words_became_stands_in_the_report() {
    let dir = folder(&["Ana/happy/1.wav", "Ana/excited/2.wav", "Ana/rabia/3.wav", "Ben/fear/4.wav", "Ben/happy/5.wav"]);
    let report = Corpus::open(dir.path(), &labels()).unwrap().report().to_string();
    assert!(report.contains("Words and their labels: rabia = angry (1), happy = happy (2).\n"), "{report}");
    assert!(
        report.contains("Left out, since they are no labels (--map WORD=LABEL takes one in): excited (1), fear (1).\n")
    );
    let reading = Reading { map: vec!["excited=happy".parse().unwrap()], ..Reading::default() };
    let report = Corpus::open_as(dir.path(), &labels(), &reading).unwrap().report().to_string();
    assert!(report.contains("rabia = angry (1), excited = happy (1), happy = happy (2)"), "{report}");
}

#[test]
fn manifests_of_spreadsheets_are_found_and_their_paths_read() {
    let dir = folder(&["angry/1.wav", "2.wav"]);
    std::fs::write(dir.path().join("Manifest.CSV"), "File;Emotion;Split\nangry\\1.wav;sad;test\n2.wav;happy;train\n")
        .unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let found: Vec<_> = corpus.clips.iter().map(|clip| (clip.label, clip.part)).collect();
    assert_eq!((corpus.kind, found), (Kind::Manifest, vec![(3, Some(Part::Test)), (1, Some(Part::Train))]));
}

#[test]
fn other_tables_count_where_they_have_the_columns() {
    let dir = folder(&["angry/Anna/1.wav", "sad/Ben/2.wav"]);
    std::fs::write(dir.path().join("metadata.csv"), "id,text\n1,hello\n").unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!((corpus.clips.len(), corpus.warnings.len()), (2, 1));
    std::fs::write(dir.path().join("metadata.csv"), "file_name,label\nangry/Anna/1.wav,happy\n").unwrap();
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    assert_eq!((corpus.clips.len(), corpus.clips[0].label), (1, 1));
}

/// A real corpus; None, said aloud, where it is missing.
fn real(name: &str) -> Option<Corpus> {
    let data = std::env::var_os("CHORUS_DATA").map_or_else(|| "../../../shared/data".into(), PathBuf::from);
    let dir = data.join(name);
    if !dir.join("manifest.csv").is_file() {
        eprintln!("SKIPPED: no {} (set CHORUS_DATA to the folder of real corpora)", dir.display());
        return None;
    }
    Some(Corpus::open(&dir, &labels()).unwrap())
}

/// The names of real corpora agree with the tables that came with them, and so do their files' headers.
#[test]
fn real_corpora_are_read_by_their_names() {
    for corpus in ["ravdess", "emodb"].into_iter().filter_map(real) {
        assert_eq!(corpus.skipped, []);
        let table = File::open(corpus.dir.join("manifest.csv")).unwrap();
        for (clip, row) in corpus.clips.iter().zip(manifest::rows(table).unwrap()) {
            let path = clip.path.strip_prefix(&corpus.dir).unwrap().to_string_lossy();
            assert_eq!(crate::label_of(&path, &labels()), Some(clip.label), "{path}");
            assert_eq!(crate::speaker_of(&path), clip.speaker, "{path}");
            let labels = labels();
            let said = naming::read(&[&path], &Vocabulary::new(&labels)).pop().unwrap().said;
            assert_eq!(said.and_then(|said| said.sentence), clip.sentence, "{path}");
            let seconds = crate::length::seconds(&clip.path).unwrap();
            assert!((seconds - row.unwrap().row.duration_s.unwrap()).abs() < 0.001, "{path} lasts {seconds} s");
        }
    }
}

#[test]
fn ravdess_has_560_clips_of_20_speakers_and_a_pair_of_the_same_bytes() {
    let Some(corpus) = real("ravdess") else { return };
    assert_eq!(corpus.kind, published("ravdess"));
    let report = corpus.report();
    assert_eq!((report.clips, report.speakers.len(), report.untimed), (560, 20, 0));
    // Each actor says everything in two strengths, but neutral sentences in one only.
    assert!(report.speakers.iter().all(|speaker| speaker.counts == [8, 8, 4, 8]));
    let pair = ["03-01-03-01-02-01-07.flac", "03-01-03-01-02-02-07.flac"].map(PathBuf::from);
    assert_eq!(report.duplicates, [pair]);
    assert!(report.to_string().starts_with("RAVDESS: 560 clips of 20 speakers (of 24 that were published), "));
}

#[test]
fn emo_db_has_266_clips_of_8_speakers() {
    let Some(corpus) = real("emodb") else { return };
    assert_eq!(corpus.kind, published("emo-db"));
    let report = corpus.report();
    assert_eq!((report.clips, report.speakers.len(), report.untimed), (266, 8, 0));
    assert!(report.duplicates.is_empty() && report.absent_labels().is_empty());
}

/// The same corpus without its table: only the labels and speakers that names give, and the same of them.
#[cfg(unix)]
#[test]
fn real_corpora_are_the_same_without_their_tables() {
    for corpus in ["ravdess", "emodb"].into_iter().filter_map(real) {
        let bare = tempfile::tempdir().unwrap();
        for clip in &corpus.clips {
            let path = clip.path.canonicalize().unwrap();
            std::os::unix::fs::symlink(path, bare.path().join(clip.path.file_name().unwrap())).unwrap();
        }
        let found = Corpus::open(bare.path(), &labels()).unwrap();
        assert_eq!(found.kind, corpus.kind);
        assert_eq!(found.report().speakers, corpus.report().speakers);
        assert_eq!(found.duplicates().len(), corpus.duplicates().len());
    }
}

/// Names as a Mac's disk has them, and as a table and a person have them.
#[test]
fn names_from_macos_are_found_in_every_language() {
    let labels = ["\u{17C}al", "rado\u{15B}\u{107}"].map(String::from);
    let apart = |text: &str| text::decomposed(text).into_owned();
    let speaker_apart = apart("Zo\u{EB}");
    assert_ne!(speaker_apart, "Zo\u{EB}");
    let files = labels.each_ref().map(|label| format!("{speaker_apart}/{}/1.wav", apart(label)));
    let dir = folder(&[&*files[0], &*files[1], &format!("Ana/{}/1.wav", apart(&labels[1]))]);
    let corpus = Corpus::open(dir.path(), &labels).unwrap();
    let mut found: Vec<_> = corpus.clips.iter().map(|clip| (speaker(clip), clip.label)).collect();
    found.sort();
    assert_eq!(found, [("Ana", 1), ("Zo\u{EB}", 0), ("Zo\u{EB}", 1)]);

    let composed = text::composed(&files[0]).into_owned();
    let table = format!("file,speaker,emotion\n{composed},{speaker_apart},{}\n", labels[0]);
    std::fs::write(dir.path().join("manifest.csv"), table).unwrap();
    let corpus = Corpus::open(dir.path(), &labels).unwrap();
    let found: Vec<_> = corpus.clips.iter().map(|clip| (speaker(clip), clip.label)).collect();
    assert_eq!(found, [("Zo\u{EB}", 0)]);
    assert!(corpus.clips[0].path.is_file());
}
