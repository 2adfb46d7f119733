//! The labelled clips of one native participant: sound from disk or a made-up voice, turned into features, a part held
//! back from training.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::synth::Voice;
use corpus::{Clip, Corpus, Reading};
use models::Example;
use protocol::{Augmentation, RoomConfig, TrainingSettings};
use text::Transcript;

use super::sound_file;
use super::unused::{by_reason, suffices};

/// Clips that a made-up voice says where no number is given.
const MADE_UP_CLIPS: usize = 48;

/// Files that could not be used, and why.
type Unused = Vec<(PathBuf, String)>;

/// Where a participant's clips come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Labelled sound files in a folder.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Whose clips.
        speaker: Speaker,
        /// How names are read.
        reading: Reading,
    },
    /// A voice that no one has.
    MadeUp {
        /// Which of them.
        voice: u64,
    },
}

/// Whose clips of a folder to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// All of them.
    Everyone,
    /// The one of this name.
    Named(String),
    /// The one at this place, from 0, in the corpus' order.
    Nth(usize),
}

/// A participant's examples.
#[derive(Debug)]
pub struct Clips {
    /// What it trains on.
    pub training: Vec<Example>,
    /// What it tells by how good a model is.
    pub held_back: Vec<Example>,
    /// Files that could not be used, and why.
    pub skipped: Unused,
}

impl Clips {
    /// Reads at most `most` clips, spread evenly over the room's labels.
    pub fn load(source: &Source, room: &RoomConfig, most: Option<usize>) -> Result<Self> {
        let RoomConfig { labels, modalities, training: TrainingSettings { augmentation, .. }, .. } = room;
        let augmentation = *augmentation;
        let (examples, mut skipped) = match source {
            Source::Folder { folder, speaker, reading } => {
                from_folder(folder, speaker, reading, labels, most, augmentation)?
            }
            Source::MadeUp { voice } => {
                let clips = made_up(*voice, labels, most.unwrap_or(MADE_UP_CLIPS), augmentation)?;
                (clips, Vec::new())
            }
        };
        let all = examples.len();
        let examples: Vec<Example> =
            examples.into_iter().filter_map(|example| client::with_sides(example, *modalities)).collect();
        if examples.is_empty() {
            bail!(
                "this room looks at {modalities} alone, and none of the {all} clips has that; add transcripts to them"
            );
        }
        if examples.len() < all {
            let without = all - examples.len();
            let reason = format!("{without} of {all} clips have no {modalities}, which is all that this room looks at");
            let place = if let Source::Folder { folder, .. } = source { folder.clone() } else { PathBuf::new() };
            skipped.push((place, reason));
        }
        let (training, held_back) = client::divide(examples);
        Ok(Self { training, held_back, skipped })
    }
}

fn from_folder(
    folder: &Path,
    speaker: &Speaker,
    reading: &Reading,
    labels: &[String],
    most: Option<usize>,
    augmentation: Augmentation,
) -> Result<(Vec<Example>, Unused)> {
    let corpus = Corpus::open_as(folder, labels, reading)
        .with_context(|| format!("cannot read clips from {}", folder.display()))?;
    let speakers = corpus.speakers();
    if *speaker != Speaker::Everyone && speakers.is_empty() {
        bail!(corpus.unknown_speakers().unwrap_or_default());
    }
    let chosen = match speaker {
        Speaker::Everyone => None,
        Speaker::Named(name) => Some(name.as_str()),
        Speaker::Nth(index) => Some(*speakers.get(*index).with_context(|| {
            format!("{} has {} speakers, too few for so many participants", folder.display(), speakers.len())
        })?),
    };
    let of_speaker: Vec<&Clip> = corpus
        .clips
        .iter()
        .filter(|clip| chosen.is_none_or(|speaker| clip.speaker.as_deref() == Some(speaker)))
        .collect();
    if of_speaker.is_empty() {
        match chosen {
            Some(speaker) => {
                bail!("{} has no clips of speaker {speaker:?}; it has {}", folder.display(), speakers.join(", "))
            }
            None => bail!("{} has no clips with one of the labels {}", folder.display(), labels.join(", ")),
        }
    }
    // What is to be known of the folder comes before its files.
    let warnings = corpus.warnings.iter().map(|warning| (folder.to_path_buf(), warning.clone()));
    let mut skipped: Vec<_> = warnings.chain(corpus.skipped.iter().cloned()).collect();
    let mut examples = Vec::new();
    let mut lost = Vec::new();
    for clip in evenly(&of_speaker, labels.len(), most.unwrap_or(usize::MAX)) {
        match read(clip, augmentation) {
            Ok(example) => examples.push(example),
            Err(error) => lost.push((clip.path.clone(), format!("{error:#}"))),
        }
    }
    if examples.is_empty() {
        skipped.extend(lost);
        bail!("none of the clips in {} could be used\n{}", folder.display(), by_reason(&skipped));
    }
    let unreadable: Vec<_> = lost.iter().chain(corpus::unreadable(&corpus.skipped)).cloned().collect();
    suffices(folder, examples.len() + unreadable.len(), &unreadable, reading.skip_unreadable)?;
    skipped.extend(lost);
    Ok((examples, skipped))
}

/// The first clip of each label, then the second of each, and so on, `most` in all.
fn evenly<'a>(clips: &[&'a Clip], labels: usize, most: usize) -> Vec<&'a Clip> {
    let mut seen = vec![0; labels];
    let mut ranked: Vec<(usize, &Clip)> = clips
        .iter()
        .filter_map(|clip| {
            let count = seen.get_mut(clip.label)?;
            *count += 1;
            Some((*count, *clip))
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, clip)| clip).take(most).collect()
}

fn read(clip: &Clip, augmentation: Augmentation) -> Result<Example> {
    let sound = sound_file::decode(std::fs::read(&clip.path)?, &clip.path)?;
    let text = clip.transcript.as_ref().map(Transcript::buckets).unwrap_or_default();
    Ok(Example { text, ..client::example_of(&sound, clip.label, augmentation)? })
}

/// A made-up voice knows the four emotions by name; a room with other labels has none for it.
fn made_up(voice: u64, labels: &[String], most: usize, augmentation: Augmentation) -> Result<Vec<Example>> {
    let emotions: Vec<usize> = labels
        .iter()
        .map(|label| {
            let known = corpus::EMOTIONS.iter().position(|emotion| emotion == label);
            known.with_context(|| format!("a made-up voice cannot say {label:?}; use --data with a folder of clips"))
        })
        .collect::<Result<_>>()?;
    let voice = Voice::new(voice);
    (0..most)
        .map(|index| {
            let label = index % emotions.len();
            let sound = voice.say(emotions[label], (index / emotions.len()) as u64);
            Ok(client::example_of(&sound, label, augmentation)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use protocol::{Modalities, RoomCode};

    use super::*;

    fn emotions() -> Vec<String> {
        corpus::EMOTIONS.map(str::to_owned).to_vec()
    }

    fn room(labels: &[String], augmentation: Augmentation) -> RoomConfig {
        let mut room = RoomConfig::new(RoomCode::from_random(1), "compact-text", 1, labels.to_vec());
        room.training.augmentation = augmentation;
        room
    }

    #[test]
    fn a_made_up_voice_says_every_label_equally_and_holds_some_back() {
        let room = room(&emotions(), Augmentation::Speed);
        let clips = Clips::load(&Source::MadeUp { voice: 3 }, &room, Some(20)).unwrap();
        assert_eq!(client::per_label(clips.training.iter().map(|example| example.label), 4), [4, 4, 4, 4]);
        assert_eq!(clips.held_back.len(), 4);
        assert!(clips.training.iter().all(|example| example.variants.len() == speech::SPEEDS.len()));
    }

    #[test]
    fn a_made_up_voice_follows_the_order_of_the_rooms_labels() {
        let labels = ["sad".to_owned(), "angry".to_owned()];
        let load = |labels: &[String], most| {
            Clips::load(&Source::MadeUp { voice: 3 }, &room(labels, Augmentation::None), Some(most)).unwrap()
        };
        let (here, usual) = (load(&labels, 2), load(&emotions(), 4));
        assert_eq!(here.training[0].values, usual.training[3].values, "sad is the fourth emotion");
    }

    #[test]
    fn a_label_that_no_made_up_voice_knows_is_refused_in_words() {
        let labels = ["calm".to_owned(), "angry".to_owned()];
        let error = Clips::load(&Source::MadeUp { voice: 1 }, &room(&labels, Augmentation::None), None);
        assert!(error.unwrap_err().to_string().contains("--data"));
    }

    #[test]
    fn a_room_that_only_reads_says_what_it_lacks() {
        let room = RoomConfig { modalities: Modalities::Text, ..room(&emotions(), Augmentation::None) };
        let error = Clips::load(&Source::MadeUp { voice: 1 }, &room, Some(4)).unwrap_err().to_string();
        assert!(error.contains("looks at text alone") && error.contains("add transcripts"), "{error}");
    }

    #[test]
    fn few_clips_are_spread_over_the_labels() {
        let clip = |name: &str, label| Clip {
            path: name.into(),
            speaker: None,
            label,
            sentence: None,
            part: None,
            transcript: None,
        };
        let clips = [clip("a1", 0), clip("a2", 0), clip("a3", 0), clip("b1", 1)];
        let chosen = evenly(&clips.iter().collect::<Vec<_>>(), 2, 3);
        let names: Vec<_> = chosen.iter().map(|clip| clip.path.to_str().unwrap()).collect();
        assert_eq!(names, ["a1", "b1", "a2"]);
    }
}
