//! Labelled speech from disk as examples for a network, with who speaks, and a report of what was found and what was not
//! used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use corpus::{Clip, Corpus, Part, Reading, Split};
use models::{Example, Standardisation};
use protocol::Augmentation;
use rayon::prelude::*;
use speech::Input;
use text::Transcript;

use super::{FeatureCache, Normalisation, TestSpeakers};
use crate::participant::sound_file;
use crate::participant::unused::{by_reason, suffices};

/// The name of whoever can't be told.
const UNKNOWN: &str = "unknown";

/// A clip, ready to train on.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Where it lies.
    pub path: PathBuf,
    /// Who speaks; [`UNKNOWN`] where that can't be told.
    pub speaker: String,
    /// The part of the corpus' own split that it is in.
    pub part: Option<Part>,
    /// What is said: the corpus' own number for it, else its transcript.
    pub script: Option<String>,
    /// Features and label.
    pub example: Example,
    /// Whether it comes from a folder that is for testing alone.
    pub only_tested: bool,
}

/// The clips of some folders.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The labels, in the model's order.
    pub labels: Vec<String>,
    /// The clips: folder after folder, in each one's order.
    pub clips: Vec<Spoken>,
    /// Files that were found but not used, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What was found, in plain text for people.
    pub found: String,
    /// Speakers by whom published corpora are usually tested.
    published_test_speakers: Vec<String>,
    /// Why some clips can't be divided by speaker, and what to do about it.
    unknown_speakers: Vec<String>,
}

impl Dataset {
    /// Reads all clips of `data`, and those of `eval_data` as clips that are only tested on. `on_clip` is told how many
    /// are done, and of how many.
    ///
    /// # Errors
    /// A folder that is no corpus, or of which no clip can be used, or too few ([`suffices`]).
    pub fn read(
        data: &[PathBuf],
        eval_data: &[PathBuf],
        labels: &[String],
        reading: &Reading,
        normalisation: Normalisation,
        cache: Option<&FeatureCache>,
        on_clip: impl Fn(usize, usize) + Sync,
    ) -> Result<Self> {
        let mut dataset = Self {
            labels: labels.to_vec(),
            clips: Vec::new(),
            skipped: Vec::new(),
            found: String::new(),
            published_test_speakers: Vec::new(),
            unknown_speakers: Vec::new(),
        };
        let several = data.len() + eval_data.len() > 1;
        for (folder, only_tested) in data.iter().map(|one| (one, false)).chain(eval_data.iter().map(|one| (one, true)))
        {
            let corpus = Corpus::open_as(folder, labels, reading)
                .with_context(|| format!("cannot read clips from {}", folder.display()))?;
            let done = AtomicUsize::new(0);
            let read: Vec<Result<Example>> = corpus
                .clips
                .par_iter()
                .map(|clip| {
                    let example = example(clip, cache);
                    on_clip(done.fetch_add(1, Ordering::Relaxed) + 1, corpus.clips.len());
                    example
                })
                .collect();
            dataset.skipped.extend(corpus.skipped.iter().cloned());
            // Speakers of two folders may have the same name and are not the same person.
            let of = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let named = |speaker: &str| if several { format!("{of}/{speaker}") } else { speaker.to_owned() };
            let before = dataset.clips.len();
            let mut lost = Vec::new();
            for (clip, example) in corpus.clips.iter().zip(read) {
                match example {
                    Ok(example) => dataset.clips.push(Spoken {
                        path: clip.path.clone(),
                        speaker: named(clip.speaker.as_deref().unwrap_or(UNKNOWN)),
                        part: clip.part,
                        script: script(clip),
                        example,
                        only_tested,
                    }),
                    Err(error) => lost.push((clip.path.clone(), format!("{error:#}"))),
                }
            }
            dataset.skipped.extend(lost.iter().cloned());
            ensure!(
                dataset.clips.len() > before,
                "none of the clips in {} could be used\n{}",
                folder.display(),
                by_reason(&dataset.skipped)
            );
            let read = dataset.clips.len() - before;
            let unreadable: Vec<_> = lost.iter().chain(corpus::unreadable(&corpus.skipped)).cloned().collect();
            suffices(folder, read + unreadable.len(), &unreadable, reading.skip_unreadable)?;
            let report = corpus.report();
            let absent = report.absent_labels();
            ensure!(
                absent.is_empty(),
                "{} has no clip of {}; leave out such labels with --labels",
                folder.display(),
                absent.join(", ")
            );
            dataset.found += &format!("{}\n{report}\n", folder.display());
            dataset.published_test_speakers.extend(corpus.test_speakers().into_iter().map(named));
            dataset.unknown_speakers.extend(corpus.unknown_speakers());
        }
        match normalisation {
            Normalisation::Group => {}
            Normalisation::Own => dataset.speakers_known()?,
            Normalisation::Speaker => {
                dataset.speakers_known()?;
                dataset.standardise_by_speaker();
            }
        }
        Ok(dataset)
    }

    /// Everybody is known, as whatever is done by speaker needs.
    ///
    /// # Errors
    /// What is seen of those who are not, and what to do about it.
    pub fn speakers_known(&self) -> Result<()> {
        match self.unknown_speakers.first() {
            Some(why) => bail!("{why}; --own-split and --eval-data test without knowing who speaks"),
            None => Ok(()),
        }
    }

    /// The clips to train on and the clips to test on, by index; nobody is heard on both sides, but in the corpus' own split.
    ///
    /// # Errors
    /// Speakers who are not known, a test speaker who is not there, or a side that would be empty.
    pub fn split(&self, test: &TestSpeakers) -> Result<Split> {
        if self.clips.iter().any(|clip| clip.only_tested) {
            let (test, train) = (0..self.clips.len()).partition(|&clip| self.clips[clip].only_tested);
            return Ok(Split { train, test });
        }
        if *test != TestSpeakers::OwnSplit {
            self.speakers_known()?;
        }
        let speakers: Vec<&str> = self.clips.iter().map(|clip| clip.speaker.as_str()).collect();
        Ok(match test {
            TestSpeakers::Named(names) => corpus::hold_out(&speakers, names)?,
            TestSpeakers::Usual => corpus::hold_out(&speakers, &self.usual_test_speakers())?,
            TestSpeakers::OwnSplit => self.own_split()?,
            // The folds are the same whatever a plan's seed, so that all of them together test everyone once.
            TestSpeakers::Fold { index, of } => {
                let folds = corpus::folds(&speakers, *of, 0)?;
                let number = folds.len();
                folds.into_iter().nth(*index).with_context(|| format!("there is no fold {} of {number}", index + 1))?
            }
        })
    }

    /// The same with what is said parted as well, so that no test clip's script is trained on.
    ///
    /// # Errors
    /// As [`Dataset::split`], clips of which it isn't known what is said, or too few scripts.
    pub fn split_apart(&self, test: &TestSpeakers) -> Result<Split> {
        let split = self.split(test)?;
        let unknown = self.clips.iter().filter(|clip| clip.script.is_none()).count();
        ensure!(
            unknown == 0,
            "what is said in {unknown} of the {} clips isn't known, so that scripts can't be parted; add a column sentence or \
             transcript to the corpus' manifest.csv, or test without --scripts-apart",
            self.clips.len()
        );
        let scripts: Vec<&str> = self.clips.iter().map(|clip| clip.script.as_deref().unwrap_or_default()).collect();
        Ok(corpus::part_scripts(&split, &scripts)?)
    }

    /// The corpus' own split: what is in no part is trained on, and what is for validation is left out.
    fn own_split(&self) -> Result<Split> {
        let of = |parts: &[Option<Part>]| -> Vec<usize> {
            (0..self.clips.len()).filter(|&clip| parts.contains(&self.clips[clip].part)).collect()
        };
        let split = Split { train: of(&[Some(Part::Train), None]), test: of(&[Some(Part::Test)]) };
        ensure!(
            !split.test.is_empty() && !split.train.is_empty(),
            "the corpus has no split of its own to test by: {} clips to train on and {} to test on lie in folders called train \
             and test, or have that in the column split of their table",
            split.train.len(),
            split.test.len()
        );
        Ok(split)
    }

    /// What a reader of figures should know of how these are tested.
    pub fn remarks(&self, test: &TestSpeakers) -> Result<Vec<String>> {
        if *test != TestSpeakers::OwnSplit {
            return Ok(Vec::new());
        }
        let Split { train, test } = self.own_split()?;
        let voices =
            |side: &[usize]| -> BTreeSet<&str> { side.iter().map(|&clip| self.clips[clip].speaker.as_str()).collect() };
        let (train, test) = (voices(&train), voices(&test));
        let both = test.intersection(&train).count();
        Ok(if self.speakers_known().is_err() {
            vec![
                "The corpus' own split is tested by, and nobody knows whether it hears the same people on both sides."
                    .to_owned(),
            ]
        } else if both > 0 {
            vec![format!("In the corpus' own split {both} of {} test speakers are trained on, too.", test.len())]
        } else {
            Vec::new()
        })
    }

    /// The test speakers that the corpus is known by, else the last fifth by name.
    fn usual_test_speakers(&self) -> Vec<&str> {
        if !self.published_test_speakers.is_empty() {
            return self.published_test_speakers.iter().map(String::as_str).collect();
        }
        let speakers: BTreeSet<&str> = self.clips.iter().map(|clip| clip.speaker.as_str()).collect();
        let tested = speakers.len().div_ceil(5);
        speakers.into_iter().rev().take(tested).collect()
    }

    /// Standardises every clip by its speaker's own mean and deviation, which each client of one person can do alone and
    /// without labels.
    fn standardise_by_speaker(&mut self) {
        let mut sums: BTreeMap<&str, Vec<&Example>> = BTreeMap::new();
        for clip in &self.clips {
            sums.entry(&clip.speaker).or_default().push(&clip.example);
        }
        let own: BTreeMap<String, Standardisation> =
            sums.into_iter().map(|(speaker, examples)| (speaker.to_owned(), Standardisation::of(examples))).collect();
        for clip in &mut self.clips {
            if let Some(own) = own.get(&clip.speaker) {
                own.standardise(&mut clip.example);
            }
        }
    }
}

/// By what a clip's script is known.
fn script(clip: &Clip) -> Option<String> {
    clip.sentence.clone().or_else(|| clip.transcript.as_ref().map(|said| said.as_str().to_lowercase()))
}

/// The clip with its variants at other speeds, and its text; features from the cache where they are.
fn example(clip: &Clip, cache: Option<&FeatureCache>) -> Result<Example> {
    let text = clip.transcript.as_ref().map(Transcript::buckets).unwrap_or_default();
    Ok(Example { text, ..heard(clip, cache)? })
}

fn heard(clip: &Clip, cache: Option<&FeatureCache>) -> Result<Example> {
    let bytes = fs::read(&clip.path)?;
    let key = corpus::content_key(&bytes);
    if let Some(inputs) = cache.and_then(|cache| cache.get(&key)) {
        return at_all_speeds(inputs, clip.label);
    }
    let inputs = speech::inputs_at_speeds(&sound_file::decode(bytes, &clip.path)?)?;
    if let Some(cache) = cache {
        cache.put(&key, &inputs)?;
    }
    at_all_speeds(inputs, clip.label)
}

fn at_all_speeds(inputs: Vec<Input>, label: usize) -> Result<Example> {
    client::example(inputs, label, Augmentation::Speed).context("a clip has no input at all")
}
