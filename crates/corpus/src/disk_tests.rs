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

fn reasons(corpus: &Corpus) -> Vec<(String, &str)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let skipped = corpus.skipped.iter();
    skipped.map(|(path, reason)| (name(path), reason.as_str())).collect()
}

#[test]
fn a_folder_for_each_label() {
    let dir = folder(&["angry/Anna/1.wav", "angry/Ben/1.WAV", "Sad/Anna/2.flac", "other/3.wav", "sad/notes.txt"]);
    let corpus = Corpus::open(dir.path(), &labels()).unwrap();
    let found: Vec<(&str, usize)> = corpus.clips.iter().map(|clip| (clip.speaker.as_str(), clip.label)).collect();
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
            speaker: "ravdess_07".into(),
            label: 3,
            sentence: Some("s02".into()),
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
        corpus.clips.iter().map(|clip| (clip.speaker.as_str(), clip.label, clip.sentence.as_deref())).collect();
    assert_eq!(found, [("7", 3, Some("s1")), ("unknown", 1, None)]);
    assert_eq!(
        reasons(&corpus),
        [
            ("2.wav".into(), "its emotion, fear, is none of the labels"),
            ("missing.wav".into(), "the manifest names it, but it isn't there"),
            ("passwd".into(), "its path leads out of the corpus' folder"),
            ("passwd".into(), "its path leads out of the corpus' folder"),
        ]
    );
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

/// The names of real corpora agree with the tables that came with them.
#[test]
fn real_corpora_are_read_by_their_names() {
    let data = std::env::var_os("CHORUS_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    for name in ["ravdess", "emodb"] {
        let dir = data.join(name);
        if !dir.join("manifest.csv").is_file() {
            eprintln!("SKIPPED: no {} (set CHORUS_DATA to the folder of real corpora)", dir.display());
            continue;
        }
        let corpus = Corpus::open(&dir, &labels()).unwrap();
        assert_eq!(corpus.skipped, []);
        for clip in &corpus.clips {
            let path = clip.path.strip_prefix(&dir).unwrap().to_string_lossy();
            assert_eq!(label_of(&path, &labels()), Some(clip.label), "{path}");
            assert_eq!(crate::speaker_of(&path).as_ref(), Some(&clip.speaker), "{path}");
            assert_eq!(published(&path).map(|name| name.sentence), clip.sentence, "{path}");
        }
    }
}
