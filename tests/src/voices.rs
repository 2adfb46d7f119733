//! Voices for the tests: real ones from RAVDESS where its folder lies beside the checkout, else made-up ones,
//! and the test's output says which.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Sound files of some speakers, with the folder that they lie in.
pub struct Voices {
    clips: Vec<corpus::Clip>,
    speakers: Vec<String>,
    /// Whether they are real people's.
    pub real: bool,
    /// Keeps made-up files until the test is over.
    _made_up: Option<tempfile::TempDir>,
}

/// The labels of every test.
pub fn labels() -> Vec<String> {
    corpus::EMOTIONS.iter().map(|&emotion| emotion.to_owned()).collect()
}

/// `CHORUS_DATA`, or `../shared/data` beside the checkout.
fn data() -> PathBuf {
    std::env::var_os("CHORUS_DATA").map_or_else(|| "../../shared/data".into(), PathBuf::from)
}

impl Voices {
    /// Opens the real corpus, or makes one of sixteen voices.
    ///
    /// # Errors
    /// Where files cannot be read or written.
    pub fn open() -> Result<Self> {
        let folder = data().join("ravdess");
        if folder.join("manifest.csv").exists() {
            println!("voices: real ones, RAVDESS in {}", folder.display());
            return Self::of(folder, true, None);
        }
        println!("voices: MADE-UP ones, because {} is missing", folder.display());
        let made_up = tempfile::tempdir()?;
        for speaker in 0..16 {
            let voice = corpus::synth::Voice::new(speaker);
            for (index, emotion) in labels().iter().enumerate() {
                let folder = made_up.path().join(format!("speaker{speaker:02}")).join(emotion);
                std::fs::create_dir_all(&folder)?;
                for take in 0..7 {
                    // The page sees a chosen file's name alone, and reads its label there.
                    std::fs::write(folder.join(format!("{emotion}_{take}.wav")), voice.say(index, take).to_wav())?;
                }
            }
        }
        let mut rows = String::from("file,speaker,emotion,sentence,gender,duration_s\n");
        for speaker in 0..16 {
            for emotion in labels() {
                for take in 0..7 {
                    rows += &format!("speaker{speaker:02}/{emotion}/{emotion}_{take}.wav,{speaker},{emotion},,,\n");
                }
            }
        }
        std::fs::write(made_up.path().join("manifest.csv"), rows)?;
        Self::of(made_up.path().to_owned(), false, Some(made_up))
    }

    fn of(root: PathBuf, real: bool, made_up: Option<tempfile::TempDir>) -> Result<Self> {
        let mut corpus = corpus::Corpus::open(&root, &labels()).context("could not open the corpus")?;
        // Two files of RAVDESS are the same bytes under two names; a page takes a sound only once.
        corpus.clips.retain(|clip| !clip.path.ends_with("03-01-03-01-02-02-07.flac"));
        let speakers = corpus.speakers().into_iter().map(str::to_owned).collect();
        Ok(Self { clips: corpus.clips, speakers, real, _made_up: made_up })
    }

    /// The clips of the speakers with these indices.
    pub fn of_speakers(&self, indices: std::ops::Range<usize>) -> Vec<&corpus::Clip> {
        let speakers = &self.speakers[indices];
        self.clips
            .iter()
            .filter(|clip| clip.speaker.as_ref().is_some_and(|speaker| speakers.contains(speaker)))
            .collect()
    }

    /// The files of the speaker with this index.
    pub fn paths_of(&self, speaker: usize) -> Vec<PathBuf> {
        self.of_speakers(speaker..speaker + 1).iter().map(|clip| self.path(clip)).collect()
    }

    /// A clip as a microphone hears it, over and over: a WAV file in a folder.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn microphone(&self, clip: &corpus::Clip, folder: &Path, name: &str) -> Result<PathBuf> {
        let sound = speech::decode(&std::fs::read(self.path(clip))?, clip.path.to_str())?.sound;
        let path = folder.join(format!("{name}.wav"));
        std::fs::write(&path, sound.to_wav())?;
        Ok(path)
    }

    /// The same of a student's first clip.
    ///
    /// # Errors
    /// As [`Voices::microphone`].
    pub fn microphone_of(&self, student: usize, folder: &Path) -> Result<PathBuf> {
        let clips = self.of_speakers(student..student + 1);
        self.microphone(clips.first().context("a speaker has clips")?, folder, &format!("voice-{student}"))
    }

    /// A clip's file, whole.
    pub fn path(&self, clip: &corpus::Clip) -> PathBuf {
        clip.path.clone()
    }
}
