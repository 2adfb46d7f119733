//! The table of published corpora, one entry each. Whoever adds one writes what its own documentation says, with the source,
//! a row in `docs/corpora.md` and a tree of names in `trees.rs`.
//!
//! Sources that are named by a repository alone were read there on 28 November 2026.

use super::line::{Published, Tabled};
use crate::Part;
use crate::emotion::Emotion::{Angry, Bored, Calm, Disgusted, Fearful, Guilty, Happy, Neutral, Sad, Surprised};

/// All of them. Where a name could be of several, that one counts which the most names of the same folder could be of, and of
/// these the first.
pub static TABLE: &[Published] = &[
    Published {
        id: "ravdess",
        name: "RAVDESS",
        speakers: Some(24),
        // Modality (full, video only, audio only), channel, emotion, intensity, statement, repetition, actor.
        pattern: r"(?:0[13]|(?<mute>02))-(?<take>(?:01|(?<song>02))-(?<emotion>0[1-8])-0[12]-(?<statement>0[12])-0[12])-(?<actor>0[1-9]|1[0-9]|2[0-4])",
        speaker: "ravdess_$actor",
        sentence: "s$statement",
        sentences: &[("s01", "Kids are talking by the door"), ("s02", "Dogs are sitting by the door")],
        take: "$take",
        codes: &[
            ("01", Neutral),
            ("02", Calm),
            ("03", Happy),
            ("04", Sad),
            ("05", Angry),
            ("06", Fearful),
            ("07", Disgusted),
            ("08", Surprised),
        ],
        licence: "CC BY-NC-SA 4.0",
        source: "Livingstone & Russo 2018, https://zenodo.org/records/1188976",
        ..Published::LINE
    },
    Published {
        id: "emo-db",
        name: "EMO-DB",
        speakers: Some(10),
        // Speaker, text, the German word's first letter, version. Release 2.0 has laryngograms under the same names.
        pattern: r"(?:(?<mute>laryngo)/)?(?<speaker>03|08|09|1[0-6])(?<text>a0[12457]|b0[1239]|b10)(?<emotion>[WLEAFTN])[a-z]",
        speaker: "emodb_$speaker",
        sentence: "$text",
        sentences: &[
            ("a01", "Der Lappen liegt auf dem Eisschrank."),
            ("a02", "Das will sie am Mittwoch abgeben."),
            ("a04", "Heute abend könnte ich es ihm sagen."),
            ("a05", "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück."),
            ("a07", "In sieben Stunden wird es soweit sein."),
            ("b01", "Was sind denn das für Tüten, die da unter dem Tisch stehen?"),
            ("b02", "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter."),
            ("b03", "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht."),
            ("b09", "Ich will das eben wegbringen und dann mit Karl was trinken gehen."),
            ("b10", "Die wird auf dem Platz sein, wo wir sie immer hinlegen."),
        ],
        codes: &[
            ("W", Angry),
            ("L", Bored),
            ("E", Disgusted),
            ("A", Fearful),
            ("F", Happy),
            ("T", Sad),
            ("N", Neutral),
        ],
        home: "wav",
        licence: "CC0 1.0",
        source: "Burkhardt et al. 2005, http://emodb.bilderbar.info; 2.0: github.com/audeering/datasets",
        ..Published::LINE
    },
    Published {
        id: "crema-d",
        name: "CREMA-D",
        speakers: Some(91),
        // Actor, sentence, emotion, level; one file of the published set has the level X.
        pattern: r"(?<actor>10(?:0[1-9]|[1-8][0-9]|9[01]))_(?<sentence>IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)_(?<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX|X)",
        speaker: "cremad_$actor",
        sentence: "$sentence",
        sentences: &[
            ("ieo", "It's eleven o'clock"),
            ("tie", "That is exactly what happened"),
            ("iom", "I'm on my way to the meeting"),
            ("iww", "I wonder what this is about"),
            ("tai", "The airplane is almost full"),
            ("mti", "Maybe tomorrow it will be cold"),
            ("iwl", "I would like a new alarm clock"),
            ("ith", "I think I have a doctor's appointment"),
            ("dfa", "Don't forget a jacket"),
            ("its", "I think I've seen this before"),
            ("tsi", "The surface is slick"),
            ("wsi", "We'll stop in a couple of minutes"),
        ],
        home: "AudioWAV",
        licence: "ODbL 1.0",
        source: "Cao et al. 2014, github.com/CheyneyComputerScience/CREMA-D",
        ..Published::LINE
    },
    Published {
        id: "tess",
        name: "TESS",
        speakers: Some(2),
        // Speaker, word, emotion ("ps" is pleasant surprise). OA without its F is a slip in a published name.
        pattern: r"(?<speaker>OA|YA)F?_(?<word>[A-Za-z]+)_(?<emotion>angry|disgust|fear|happy|neutral|ps|sad)",
        speaker: "tess_${speaker}F",
        sentence: "$word",
        codes: &[("ps", Surprised)],
        licence: "CC BY-NC-ND 4.0",
        source: "Pichora-Fuller & Dupuis 2020, https://doi.org/10.5683/SP2/E8H2MF",
        ..Published::LINE
    },
    Published {
        id: "savee",
        name: "SAVEE",
        speakers: Some(4),
        // The speaker is the folder, or stands in front; without it a name such as a01 is too short to mean anything.
        pattern: r"(?<speaker>DC|JE|JK|KL)[/_](?<emotion>a|d|f|h|n|sa|su)(?<number>[0-9]{2})",
        speaker: "savee_$speaker",
        sentence: "$emotion$number",
        codes: &[
            ("a", Angry),
            ("d", Disgusted),
            ("f", Fearful),
            ("h", Happy),
            ("n", Neutral),
            ("sa", Sad),
            ("su", Surprised),
        ],
        licence: "research only, on request",
        source: "Haq & Jackson 2009, AudioData/Info.txt of the release",
        ..Published::LINE
    },
    Published {
        id: "iemocap",
        name: "IEMOCAP",
        speakers: Some(10),
        // Emotions stand in the release's label files; see `iemocap.rs`.
        pattern: r"Ses(?<session>0[1-5])[FM]_(?:impro[0-9]{2}[a-z]?|(?<script>script[0-9]{2}_[0-9][a-z]?))_(?<gender>[FM])[A-Z]{0,2}[0-9]{3}",
        speaker: "iemocap_$session$gender",
        sentence: "$script",
        test_speakers: &["iemocap_05F", "iemocap_05M"],
        licence: "research only, by agreement",
        source: "Busso et al. 2008, https://sail.usc.edu/iemocap",
        ..Published::LINE
    },
    Published {
        id: "esd",
        name: "ESD",
        speakers: Some(20),
        // Speaker and number; the emotion is a folder, and within it train, test and evaluation.
        pattern: r"(?<speaker>00(?:0[1-9]|1[0-9]|20))_[0-9]{6}",
        speaker: "esd_$speaker",
        licence: "research only, by agreement",
        source: "Zhou et al. 2021, https://hltsingapore.github.io/ESD",
        ..Published::LINE
    },
    Published {
        id: "emov-db",
        name: "EmoV-DB",
        speakers: Some(4),
        // Emotion, range of the annotation, sentence of CMU Arctic; the speaker is a folder (bea, bea/Amused, bea_Amused).
        pattern: r"(?:(?i:(?<speaker>bea|jenie|josh|sam))(?:_[A-Za-z]+)?/(?:[A-Za-z]+/)?)?(?i:(?<emotion>amused|anger|angry|disgust|disgusted|neutral|sleepiness|sleepy))_[0-9]{1,3}-[0-9]{1,3}_(?<sentence>[0-9]{4})",
        speaker: "emovdb_$speaker",
        sentence: "$sentence",
        licence: "non-commercial",
        source: "Adigwe et al. 2018, github.com/numediart/EmoV-DB, https://openslr.org/115",
        ..Published::LINE
    },
    Published {
        id: "jl",
        name: "JL corpus",
        speakers: Some(4),
        // Speaker, emotion, sentence, session.
        pattern: r"(?<speaker>(?:fe)?male[12])_(?<emotion>angry|sad|neutral|happy|excited|anxious|apologetic|assertive|concerned|encouraging)_(?<sentence>[0-9]{1,2}[ab])_[12]",
        speaker: "jl_$speaker",
        sentence: "$sentence",
        licence: "CC0 1.0",
        source: "James et al. 2018; names: github.com/felixbur/nkululeko, data/jl",
        ..Published::LINE
    },
    Published {
        id: "nemo",
        name: "nEMO",
        speakers: Some(9),
        pattern: r"(?<speaker>[A-Z]{2}0)_(?<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?<sentence>[0-9]{1,2})",
        speaker: "nemo_$speaker",
        sentence: "$sentence",
        licence: "CC BY-NC-SA 4.0",
        source: "Christop 2024, github.com/amu-cai/nEMO",
        ..Published::LINE
    },
    Published {
        id: "subesco",
        name: "SUBESCO",
        speakers: Some(20),
        // Gender, number, name, sentence, emotion, take; one published name ends in "3]".
        pattern: r"(?<speaker>[FM]_[0-9]{2})_[A-Z]+_S_(?<sentence>[0-9]{1,2})_(?<emotion>ANGRY|DISGUST|FEAR|HAPPY|NEUTRAL|SAD|SURPRISE)_[0-9]\]?",
        speaker: "subesco_$speaker",
        sentence: "$sentence",
        licence: "CC BY 4.0",
        source: "Sultana et al. 2021, https://zenodo.org/records/4526477; names: github.com/audeering/datasets",
        ..Published::LINE
    },
    Published {
        id: "urdu",
        name: "URDU",
        // Its description says 38 people; the names of its 400 files tell 29.
        speakers: Some(29),
        // Speaker with gender, the speaker's file, the emotion's letter and file.
        pattern: r"(?<speaker>S[FM][0-9]{1,2})_F[0-9]{1,3}_(?<emotion>[AHNS])[0-9]{1,4}",
        speaker: "urdu_$speaker",
        codes: &[("A", Angry), ("H", Happy), ("N", Neutral), ("S", Sad)],
        licence: "research only",
        source: "Latif et al. 2018, github.com/siddiquelatif/URDU-Dataset",
        ..Published::LINE
    },
    Published {
        id: "mesd",
        name: "MESD",
        // Emotion, voice (a woman's, a man's or a child's, of several people each), word list, word: nobody can be told.
        pattern: r"(?<emotion>Anger|Disgust|Fear|Happiness|Neutral|Sadness)_[FMC]_[AB]_(?<word>.+)",
        sentence: "$word",
        licence: "CC BY 4.0",
        source: "Duville et al. 2021, https://doi.org/10.17632/cy34mh68j9; names: github.com/audeering/datasets",
        ..Published::LINE
    },
    Published {
        id: "cafe",
        name: "CaFE",
        speakers: Some(12),
        // Actor, the French word's first letter, intensity, sentence.
        pattern: r"(?<speaker>0[1-9]|1[0-2])-(?<emotion>[CDJNPST])-[12]-(?<sentence>[1-6])",
        speaker: "cafe_$speaker",
        sentence: "$sentence",
        codes: &[
            ("C", Angry),
            ("D", Disgusted),
            ("J", Happy),
            ("N", Neutral),
            ("P", Fearful),
            ("S", Surprised),
            ("T", Sad),
        ],
        licence: "CC BY-NC-SA 4.0",
        source: "Gournay et al. 2018, Readme.txt of https://zenodo.org/records/1478765",
        ..Published::LINE
    },
    Published {
        id: "meld",
        name: "MELD",
        // Films of dialogues; speakers and emotions stand in one table for each part.
        tables: &[
            Tabled {
                file: "train_sent_emo.csv",
                sound: "train_splits/dia{Dialogue_ID}_utt{Utterance_ID}",
                speaker: "Speaker",
                emotion: "Emotion",
                transcript: Some("Utterance"),
                part: Some(Part::Train),
            },
            Tabled {
                file: "dev_sent_emo.csv",
                sound: "dev_splits_complete/dia{Dialogue_ID}_utt{Utterance_ID}",
                speaker: "Speaker",
                emotion: "Emotion",
                transcript: Some("Utterance"),
                part: Some(Part::Validation),
            },
            Tabled {
                file: "test_sent_emo.csv",
                sound: "output_repeated_splits_test/dia{Dialogue_ID}_utt{Utterance_ID}",
                speaker: "Speaker",
                emotion: "Emotion",
                transcript: Some("Utterance"),
                part: Some(Part::Test),
            },
        ],
        licence: "GPL 3.0",
        source: "Poria et al. 2019, github.com/declare-lab/MELD; folders: github.com/felixbur/nkululeko, data/meld",
        ..Published::LINE
    },
    Published {
        id: "aesdd",
        name: "AESDD",
        // Emotion, utterance, speaker in brackets, in a folder for each emotion; a few have a second take, b.
        pattern: r"(?:anger|disgust|fear|happiness|sadness)/(?<emotion>[adfhs])(?<sentence>[0-9]{2}) ?\((?<speaker>[0-9]{1,2})\)b?",
        speaker: "aesdd_$speaker",
        sentence: "$emotion$sentence",
        codes: &[("a", Angry), ("d", Disgusted), ("f", Fearful), ("h", Happy), ("s", Sad)],
        licence: "CC BY 4.0",
        source: "Vryzas et al. 2018, README of https://huggingface.co/datasets/EdwardLin2023/AESDD",
        ..Published::LINE
    },
    Published {
        id: "shemo",
        name: "ShEMO",
        speakers: Some(87),
        // Gender and number of the speaker, emotion, number.
        pattern: r"(?<speaker>[FM][0-9]{2})(?<emotion>[AFHNSW])[0-9]{2}",
        speaker: "shemo_$speaker",
        codes: &[("A", Angry), ("F", Fearful), ("H", Happy), ("N", Neutral), ("S", Sad), ("W", Surprised)],
        licence: "academic use",
        source: "Mohamad Nezami et al. 2019, github.com/pariajm/sharif-emotional-speech-dataset",
        ..Published::LINE
    },
    Published {
        id: "emozionalmente",
        name: "Emozionalmente",
        speakers: Some(431),
        // Names are times; who speaks what stands in a table.
        tables: &[Tabled {
            file: "samples.csv",
            sound: "audio/{file_name}",
            speaker: "actor",
            emotion: "emotion_expressed",
            transcript: None,
            part: None,
        }],
        licence: "CC BY 4.0",
        source: "Catania et al. 2023, https://zenodo.org/records/6569824",
        ..Published::LINE
    },
    Published {
        id: "emovo",
        name: "EMOVO",
        speakers: Some(6),
        // The Italian word's first letters, speaker, sentence.
        pattern: r"(?<emotion>dis|gio|neu|pau|rab|sor|tri)-(?<speaker>[fm][1-3])-(?<sentence>[a-z][0-9])",
        speaker: "emovo_$speaker",
        sentence: "$sentence",
        codes: &[
            ("dis", Disgusted),
            ("gio", Happy),
            ("neu", Neutral),
            ("pau", Fearful),
            ("rab", Angry),
            ("sor", Surprised),
            ("tri", Sad),
        ],
        licence: "free to have",
        source: "Costantini et al. 2014; names: github.com/felixbur/nkululeko, data/emovo",
        ..Published::LINE
    },
    Published {
        id: "demos",
        name: "DEMoS",
        speakers: Some(68),
        // Prototypical or not, gender, speaker, the Italian word's first letters, number.
        pattern: r"(?:(?:NP|PR)_)?[fm]_(?<speaker>[0-9]{2})_(?<emotion>col|dis|gio|neu|pau|rab|sor|tri)[0-9]*[a-z]?",
        speaker: "demos_$speaker",
        codes: &[
            ("col", Guilty),
            ("dis", Disgusted),
            ("gio", Happy),
            ("neu", Neutral),
            ("pau", Fearful),
            ("rab", Angry),
            ("sor", Surprised),
            ("tri", Sad),
        ],
        licence: "by agreement",
        source: "Parada-Cabaleiro et al. 2019, file name legend of https://zenodo.org/records/2544829",
        ..Published::LINE
    },
    Published {
        id: "enterface",
        name: "eNTERFACE'05",
        // Subject, emotion, sentence. As published these are AVI films, of which somebody made sound files.
        pattern: r"(?<speaker>s[0-9]{1,2})_(?<emotion>an|di|fe|ha|sa|su)_(?<sentence>[1-5])",
        speaker: "enterface_$speaker",
        sentence: "$emotion$sentence",
        codes: &[("an", Angry), ("di", Disgusted), ("fe", Fearful), ("ha", Happy), ("sa", Sad), ("su", Surprised)],
        licence: "research only",
        source: "Martin et al. 2006; names: github.com/felixbur/nkululeko, data/enterface",
        ..Published::LINE
    },
    Published {
        id: "msp-improv",
        name: "MSP-IMPROV",
        speakers: Some(12),
        // Sentence and target, speaker, kind of scene. The emotions that raters heard stand in Evaluation.txt.
        pattern: r"MSP-IMPROV-(?<sentence>S[0-9]{2})[AHNS]-(?<speaker>[FM][0-9]{2})-[PRST]-[FM]{2}[0-9]{2}",
        speaker: "mspimprov_$speaker",
        sentence: "$sentence",
        licence: "research only, by agreement",
        source: "Busso et al. 2017; names: github.com/felixbur/nkululeko, data/msp-improv",
        ..Published::LINE
    },
    Published {
        id: "banglaser",
        name: "BanglaSER",
        speakers: Some(34),
        // As long as RAVDESS' names, with other meanings: mode, script, emotion, intensity, text, repetition, actor.
        pattern: r"03-01-(?<emotion>0[1-5])-0[12]-(?<text>0[1-3])-0[1-3]-(?<actor>0[1-9]|[12][0-9]|3[0-4])",
        speaker: "banglaser_$actor",
        sentence: "s$text",
        codes: &[("01", Happy), ("02", Sad), ("03", Angry), ("04", Surprised), ("05", Neutral)],
        licence: "CC BY 4.0",
        source: "Das et al. 2022, https://doi.org/10.17632/t9h6p943xy; names: github.com/felixbur/nkululeko, data/banglaser",
        ..Published::LINE
    },
];
