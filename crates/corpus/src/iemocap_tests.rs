//! A made-up corner of IEMOCAP, with its true names and the true form of its label files.

use super::*;
use crate::{Corpus, CorpusError, Kind, Reading};

/// The first lines of a label file, with the raters' own lines that follow each utterance.
const IMPROVISED: &str = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes05F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes05F_impro01_M000\tang\t[2.5000, 2.5000, 2.5000]
[14.8872 - 18.0175]\tSes05F_impro01_F001\texc\t[4.0000, 4.0000, 3.0000]
[19.2900 - 20.7875]\tSes05F_impro01_M001\thap\t[4.0000, 3.0000, 3.0000]
[21.3257 - 24.7400]\tSes05F_impro01_F002\txxx\t[2.0000, 3.5000, 3.5000]
[27.4600 - 31.4900]\tSes05F_impro01_M002\tfru\t[2.0000, 3.5000, 3.5000]
";
const TRANSCRIBED: &str = "Ses05F_impro01_F000 [006.2901-008.2357]: Excuse me.\r
Ses05F_impro01_FXX0 [008.2400-009.9999]: [BREATHING]
Ses05F_impro01_M000 [010.0100-011.3925]:   What is it: now?  
M: [LAUGHTER]
Ses05F_impro01_F001 [014.8872-018.0175]:
";
const SCRIPTED: &str = "[5.0 - 6.0]\tSes01M_script01_1_MXX0\tsad\t[2.0, 2.0, 2.0]\r\n";

fn release() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join("IEMOCAP_full_release").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Session5/dialog/EmoEvaluation/Ses05F_impro01.txt", IMPROVISED);
    write("Session5/dialog/EmoEvaluation/._Ses05F_impro01.txt", "[0 - 1]\tSes05F_impro01_F000\tsad\t[]");
    write("Session5/dialog/EmoEvaluation/Categorical/Ses05F_impro01_e2_cat.txt", "Ses05F_impro01_F000 :Sadness;");
    write("Session1/dialog/EmoEvaluation/Ses01M_script01_1.txt", SCRIPTED);
    write("Session5/dialog/transcriptions/Ses05F_impro01.txt", TRANSCRIBED);
    write("Session5/dialog/transcriptions/._Ses05F_impro01.txt", "Ses05F_impro01_F000 [0-1]: hidden");
    for turn in ["F000", "M000", "F001", "M001", "F002", "M002"] {
        write(&format!("Session5/sentences/wav/Ses05F_impro01/Ses05F_impro01_{turn}.wav"), "");
    }
    write("Session1/sentences/wav/Ses01M_script01_1/Ses01M_script01_1_MXX0.wav", "");
    dir
}

fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn found(corpus: &Corpus) -> Vec<(String, &str, usize, Option<&str>)> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    corpus
        .clips
        .iter()
        .map(|clip| (stem(&clip.path), clip.speaker.as_deref().unwrap(), clip.label, clip.sentence.as_deref()))
        .collect()
}

#[test]
fn happy_is_excited_and_the_last_letter_says_who_speaks() {
    let dir = release();
    for dir in [dir.path().to_path_buf(), dir.path().join("IEMOCAP_full_release")] {
        let corpus = Corpus::open(&dir, &labels(&crate::EMOTIONS)).unwrap();
        assert_eq!(Some(corpus.kind), super::release().map(Kind::Published));
        assert_eq!(
            found(&corpus),
            [
                ("Ses01M_script01_1_MXX0".into(), "iemocap_01M", 3, Some("script01_1")),
                ("Ses05F_impro01_F000".into(), "iemocap_05F", 2, None),
                ("Ses05F_impro01_M000".into(), "iemocap_05M", 0, None),
                ("Ses05F_impro01_F001".into(), "iemocap_05F", 1, None),
            ]
        );
        assert_eq!(corpus.test_speakers(), ["iemocap_05F", "iemocap_05M"]);
        let reasons: Vec<&str> = corpus.skipped.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "a session without its folder dialog/EmoEvaluation of labels",
                "a session without its folder dialog/EmoEvaluation of labels",
                "a session without its folder dialog/EmoEvaluation of labels",
                "happy in IEMOCAP's own sense, where the label happy stands for excited",
                "its emotion, not agreed on, is none of the labels",
                "its emotion, frustrated, is none of the labels",
            ]
        );
    }
}

#[test]
fn what_is_said_stands_in_the_transcriptions() {
    let dir = release();
    let corpus = Corpus::open(dir.path(), &labels(&crate::EMOTIONS)).unwrap();
    let said: Vec<_> = corpus.clips.iter().map(|clip| clip.transcript.as_ref().map(text::Transcript::as_str)).collect();
    assert_eq!(said, [None, Some("Excuse me."), Some("What is it: now?"), None]);
    let warned = corpus.warnings.iter().any(|warning| warning.starts_with("2 of the 4 clips have a transcript"));
    assert!(warned, "{:?}", corpus.warnings);
    fs::remove_dir_all(dir.path().join("IEMOCAP_full_release/Session5/dialog/transcriptions")).unwrap();
    let corpus = Corpus::open(dir.path(), &labels(&crate::EMOTIONS)).unwrap();
    assert!(corpus.clips.len() == 4 && corpus.clips.iter().all(|clip| clip.transcript.is_none()));
    assert!(!corpus.warnings.iter().any(|warning| warning.contains("transcript")));
}

#[test]
fn happy_and_excited_are_two_where_the_labels_are_two() {
    let corpus = Corpus::open(release().path(), &labels(&["happy", "excited"])).unwrap();
    let found: Vec<_> = found(&corpus).into_iter().map(|clip| (clip.0, clip.2)).collect();
    assert_eq!(found, [("Ses05F_impro01_F001".into(), 1), ("Ses05F_impro01_M001".into(), 0)]);
}

#[test]
fn sounds_that_were_not_copied_are_an_error() {
    let dir = release();
    fs::remove_dir_all(dir.path().join("IEMOCAP_full_release/Session5/sentences")).unwrap();
    let error = Corpus::open(dir.path(), &labels(&crate::EMOTIONS)).unwrap_err();
    assert!(matches!(error, CorpusError::HalfCopied { missing: 3, named: 4, .. }), "{error}");
    assert!(error.to_string().contains("3 of the 4 sound files"), "{error}");
}

#[test]
fn happy_and_excited_together_or_happy_alone_are_a_choice() {
    let dir = release();
    let found = |map: &str| {
        let reading = Reading { map: vec![map.parse().unwrap()], ..Reading::default() };
        let corpus = Corpus::open_as(dir.path(), &labels(&crate::EMOTIONS), &reading).unwrap();
        corpus
            .clips
            .iter()
            .filter(|clip| clip.label == 1)
            .map(|clip| clip.path.file_stem().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("excited=happy"), ["Ses05F_impro01_F001", "Ses05F_impro01_M001"]);
    assert_eq!(found("exc=happy"), found("excited=happy"));
    assert_eq!(found("happy=happy"), ["Ses05F_impro01_M001"]);
    let usual = Corpus::open(dir.path(), &labels(&crate::EMOTIONS)).unwrap();
    assert!(usual.warnings.iter().any(|warning| warning.contains("--map excited=happy")), "{:?}", usual.warnings);
    let report = usual.report().to_string();
    assert!(report.contains("exc = happy (1)") && report.contains("hap (1)"), "{report}");
}

#[test]
fn it_is_found_deeper_and_what_is_missing_is_said() {
    let dir = release();
    let deeper = tempfile::tempdir().unwrap();
    fs::create_dir(deeper.path().join("downloads")).unwrap();
    fs::rename(dir.path().join("IEMOCAP_full_release"), deeper.path().join("downloads/IEMOCAP_full_release")).unwrap();
    let corpus = Corpus::open(deeper.path(), &labels(&crate::EMOTIONS)).unwrap();
    assert_eq!(corpus.clips.len(), 4);
    assert_eq!(corpus.warnings[0], "IEMOCAP is not whole: without Session2, Session3, Session4");
    let session = deeper.path().join("downloads/IEMOCAP_full_release/Session5");
    assert_eq!(Corpus::open(&session, &labels(&crate::EMOTIONS)).unwrap().speakers(), ["iemocap_05F", "iemocap_05M"]);
    for session in ["Session1", "Session5"] {
        let root = deeper.path().join("downloads/IEMOCAP_full_release");
        fs::remove_dir_all(root.join(session).join("dialog")).unwrap();
    }
    let error = Corpus::open(deeper.path(), &labels(&crate::EMOTIONS)).unwrap_err();
    assert!(matches!(error, CorpusError::Incomplete { corpus: "IEMOCAP", .. }), "{error}");
    assert!(error.to_string().contains("Session1 without dialog/EmoEvaluation"), "{error}");
}

#[test]
fn names_that_lead_elsewhere_are_none() {
    for name in ["Ses01F_../../impro01_F000", "Ses01F_impro01_X000", "Sesä1F_impro01_F000", "Ses01F", "_", ""] {
        assert_eq!(parse(name), None, "{name}");
    }
}
