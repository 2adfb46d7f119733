//! Labelled speech from disk as examples for a network, with who speaks, and a report of what was found and what was not
//! used.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use corpus::{Clip, Corpus};
use models::{Example, FEATURES};
use rayon::prelude::*;

use super::{FeatureCache, TestSpeakers};

/// A clip, ready to train on.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Where it lies.
    pub path: PathBuf,
    /// Who speaks.
    pub speaker: String,
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
}

impl Dataset {
    /// Reads all clips of `data`, and those of `eval_data` as clips that are only tested on. `on_clip` is told how many
    /// are done, and of how many.
    ///
    /// # Errors
    /// A folder that is no corpus, or of which no clip can be used.
    pub fn read(
        data: &[PathBuf],
        eval_data: &[PathBuf],
        labels: &[String],
        cache: Option<&FeatureCache>,
        on_clip: impl Fn(usize, usize) + Sync,
    ) -> Result<Self> {
        let mut dataset =
            Self { labels: labels.to_vec(), clips: Vec::new(), skipped: Vec::new(), found: String::new() };
        let several = data.len() + eval_data.len() > 1;
        for (folder, only_tested) in data.iter().map(|one| (one, false)).chain(eval_data.iter().map(|one| (one, true)))
        {
            let corpus =
                Corpus::open(folder, labels).with_context(|| format!("cannot read clips from {}", folder.display()))?;
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
            let before = dataset.clips.len();
            for (clip, example) in corpus.clips.iter().zip(read) {
                match example {
                    Ok(example) => dataset.clips.push(Spoken {
                        path: clip.path.clone(),
                        speaker: if several { format!("{of}/{}", clip.speaker) } else { clip.speaker.clone() },
                        example,
                        only_tested,
                    }),
                    Err(error) => dataset.skipped.push((clip.path.clone(), format!("{error:#}"))),
                }
            }
            ensure!(
                dataset.clips.len() > before,
                "none of the clips in {} could be used; the first problem: {}",
                folder.display(),
                dataset.skipped.last().map(|(_, reason)| reason.as_str()).unwrap_or_default()
            );
            dataset.found += &format!(
                "{} clips of {} speakers in {}\n",
                corpus.clips.len(),
                corpus.speakers().len(),
                folder.display()
            );
        }
        Ok(dataset)
    }

    /// All speakers of whom clips may be trained on, each once, by name.
    fn speakers(&self) -> Vec<&str> {
        let names: BTreeSet<&str> =
            self.clips.iter().filter(|clip| !clip.only_tested).map(|clip| clip.speaker.as_str()).collect();
        names.into_iter().collect()
    }

    /// The clips to train on and the clips to test on, by index; nobody is heard on both sides.
    ///
    /// # Errors
    /// A test speaker who is not there, or a side that would be empty.
    pub fn split(&self, test: &TestSpeakers) -> Result<(Vec<usize>, Vec<usize>)> {
        let all = 0..self.clips.len();
        if self.clips.iter().any(|clip| clip.only_tested) {
            return Ok(all.partition(|&clip| !self.clips[clip].only_tested));
        }
        let tested = self.tested(test)?;
        let (tested, train): (Vec<usize>, Vec<usize>) =
            all.partition(|&clip| tested.contains(&self.clips[clip].speaker));
        ensure!(!train.is_empty(), "all speakers are tested, and nobody is left to train on; name fewer test speakers");
        Ok((train, tested))
    }
}

impl Dataset {
    fn tested(&self, test: &TestSpeakers) -> Result<BTreeSet<String>> {
        let speakers = self.speakers();
        Ok(match test {
            TestSpeakers::Usual => {
                let number = speakers.len().div_ceil(5);
                speakers.iter().rev().take(number).map(|one| (*one).to_owned()).collect()
            }
            TestSpeakers::Named(names) => {
                for name in names {
                    if !speakers.contains(&name.as_str()) {
                        bail!("there is no speaker {name:?}; there are {}", speakers.join(", "));
                    }
                }
                names.iter().cloned().collect()
            }
            TestSpeakers::Fold { index, of } => speakers
                .iter()
                .enumerate()
                .filter(|(place, _)| place % of == *index)
                .map(|(_, one)| (*one).to_owned())
                .collect(),
        })
    }
}

/// The clip's features, from the cache where they are.
fn example(clip: &Clip, cache: Option<&FeatureCache>) -> Result<Example> {
    let bytes = fs::read(&clip.path)?;
    let key = format!(
        "{:x}",
        ring::digest::digest(&ring::digest::SHA256, &bytes)
            .as_ref()
            .iter()
            .fold(0_u128, |k, b| (k << 7) ^ (k >> 121) ^ u128::from(*b))
    );
    let kept = cache.and_then(|cache| cache.get(&key));
    let frames = match kept {
        Some(values) => values,
        None => {
            let name = clip.path.file_name().map(|name| name.to_string_lossy());
            let sound = speech::decode(&bytes, name.as_deref())?;
            let values = speech::features(&sound)?.as_flattened().to_vec();
            if let Some(cache) = cache {
                cache.put(&key, &values)?;
            }
            values
        }
    };
    let frames: Vec<speech::Frame> = frames.chunks_exact(FEATURES).filter_map(|frame| frame.try_into().ok()).collect();
    let speech::Input { values, frames } = speech::input(&frames);
    Ok(Example { values, frames, label: clip.label })
}
