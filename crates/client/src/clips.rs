//! The clips of one participant: added, relabelled, deleted, brought back. Nothing is lost that the person has not
//! deleted.
//!
//! A change is made in two steps, since a browser's storage may refuse: a method here says what the clip would be, the
//! shell stores it, and [`Clips::put`] has it in the list.

use models::Example;
use protocol::{Augmentation, Modalities};
use speech::{Sound, SoundError};
use text::{NoTranscript, Transcript};

use crate::clip::LONGEST_S;
use crate::{Clip, FailureCode, held_back, per_label};

/// Why a clip is not added or changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClipError {
    /// Neither the person nor a name says which label it has.
    #[error("Which emotion is this?")]
    NeedsLabel,
    /// Longer than [`LONGEST_S`].
    #[error("{seconds:.0} seconds are too long for one clip; cut it into pieces of a few seconds.")]
    TooLong {
        /// How long it is.
        seconds: f64,
    },
    /// The same sound is in the list.
    #[error("This very sound is in the list already.")]
    Duplicate,
    /// The room has no label with this index.
    #[error("There is no such label.")]
    NoSuchLabel,
    /// There is no clip with this id.
    #[error("This clip is gone.")]
    Gone,
    /// A text that is too long to be what is said in one clip.
    #[error("A text may have {} characters at most.", text::LONGEST)]
    LongText,
    /// A sound that no clip can be made of.
    #[error(transparent)]
    Sound(#[from] SoundError),
}

impl ClipError {
    /// As the page knows it.
    pub fn code(&self) -> FailureCode {
        match self {
            Self::NeedsLabel => FailureCode::NeedsLabel,
            Self::TooLong { .. } => FailureCode::TooLong,
            Self::Duplicate => FailureCode::Duplicate,
            Self::NoSuchLabel => FailureCode::Label,
            Self::Gone => FailureCode::NoClip,
            Self::LongText => FailureCode::LongText,
            Self::Sound(error) => error.into(),
        }
    }
}

/// What is said in a clip, as a person or a table has it; none where nothing is left of it that one could read.
///
/// # Errors
/// [`ClipError::LongText`].
pub fn said(text: &str) -> Result<Option<Transcript>, ClipError> {
    match Transcript::new(text) {
        Ok(transcript) => Ok(Some(transcript)),
        Err(NoTranscript::Empty) => Ok(None),
        Err(NoTranscript::TooLong) => Err(ClipError::LongText),
    }
}

/// A clip in the list.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// It.
    pub clip: &'a Clip,
    /// Its label's index.
    pub label: usize,
    /// Whether it is kept for the test.
    pub held_back: bool,
    /// Whether the room sees nothing of it: it looks at text alone, and this clip has none.
    pub unseen: bool,
}

impl Listed<'_> {
    /// Whether it is trained on.
    pub fn is_trained_on(&self) -> bool {
        !self.held_back && !self.unseen
    }
}

/// The clips of a participant in a room.
#[derive(Clone, Debug, Default)]
pub struct Clips {
    labels: Vec<String>,
    /// What of a clip the room looks at.
    modalities: Modalities,
    /// In the order of adding.
    clips: Vec<Clip>,
    /// The clips of each deletion that can be taken back, the last one last.
    deletions: Vec<Vec<f64>>,
}

impl Clips {
    /// What a room with these labels, which looks at these sides of a clip, begins with.
    pub fn new(labels: Vec<String>, modalities: Modalities, clips: Vec<Clip>) -> Self {
        Self { labels, modalities, clips, deletions: Vec::new() }
    }

    /// The room's labels.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The label of a new clip: the chosen one, or else what its path or name speaks of.
    ///
    /// # Errors
    /// [`ClipError::NeedsLabel`], and [`ClipError::TooLong`] for a sound that no label would help.
    pub fn label_for(&self, sound: &Sound, chosen: Option<usize>, path: &str) -> Result<&str, ClipError> {
        let seconds = sound.seconds();
        if seconds > LONGEST_S {
            return Err(ClipError::TooLong { seconds });
        }
        let chosen = chosen.and_then(|label| self.labels.get(label));
        let label = chosen.or_else(|| self.labels.get(corpus::label_of(path, &self.labels)?));
        label.map(String::as_str).ok_or(ClipError::NeedsLabel)
    }

    /// Whether the clip may come into the list.
    ///
    /// # Errors
    /// [`ClipError::Duplicate`].
    pub fn check_new(&self, clip: &Clip) -> Result<(), ClipError> {
        let same = |other: &Clip| other.digest == clip.digest && !other.removed;
        if self.clips.iter().any(same) { Err(ClipError::Duplicate) } else { Ok(()) }
    }

    /// Has the clip in the list as it now is: a new one at the end, a changed one in its place.
    pub fn put(&mut self, clip: Clip) {
        match self.clips.iter_mut().find(|other| other.id == clip.id) {
            Some(place) => *place = clip,
            None => self.clips.push(clip),
        }
    }

    /// The clip with this id, deleted or not.
    ///
    /// # Errors
    /// [`ClipError::Gone`].
    pub fn get(&self, id: f64) -> Result<&Clip, ClipError> {
        self.clips.iter().find(|clip| clip.id == id).ok_or(ClipError::Gone)
    }

    /// All clips, also the deleted ones.
    pub fn all(&self) -> &[Clip] {
        &self.clips
    }

    /// The clip as it is with another label.
    ///
    /// # Errors
    /// [`ClipError::NoSuchLabel`], [`ClipError::Gone`].
    pub fn relabelled(&self, id: f64, label: usize) -> Result<Clip, ClipError> {
        let label = self.labels.get(label).ok_or(ClipError::NoSuchLabel)?;
        Ok(Clip { label: label.clone(), ..self.get(id)?.clone() })
    }

    /// The clip as it is with another transcript, or without one.
    ///
    /// # Errors
    /// [`ClipError::Gone`].
    pub fn transcribed(&self, id: f64, transcript: Option<Transcript>) -> Result<Clip, ClipError> {
        Ok(Clip { transcript, ..self.get(id)?.clone() })
    }

    /// Begins to delete clips in one step, which is taken back as one: those of them that are in the list. The step is noted
    /// before any of it is stored, so that whatever of it is stored before the browser refuses can come back.
    ///
    /// # Errors
    /// [`ClipError::Gone`] where none of them is in the list.
    pub fn delete(&mut self, ids: &[f64]) -> Result<Vec<f64>, ClipError> {
        let present: Vec<f64> =
            self.clips.iter().filter(|clip| !clip.removed && ids.contains(&clip.id)).map(|clip| clip.id).collect();
        if present.is_empty() {
            return Err(ClipError::Gone);
        }
        self.deletions.push(present.clone());
        Ok(present)
    }

    /// The clip as it is deleted, or brought back.
    ///
    /// # Errors
    /// [`ClipError::Gone`].
    pub fn removed(&self, id: f64, removed: bool) -> Result<Clip, ClipError> {
        Ok(Clip { removed, ..self.get(id)?.clone() })
    }

    /// Begins to take the last deletion back: the clips of it.
    pub fn undo(&mut self) -> Option<Vec<f64>> {
        self.deletions.pop()
    }

    /// It could not be taken back, and still can be.
    pub fn undo_failed(&mut self, ids: Vec<f64>) {
        self.deletions.push(ids);
    }

    /// The clips that [`Clips::undo`] would bring back.
    pub fn last_deleted(&self) -> &[f64] {
        self.deletions.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// The clips in the list. Corrections are never held back: the person was told that they are trained on, and a test
    /// of sounds that a model got wrong would be unfair to it. Neither are those of which the room sees nothing.
    pub fn listed(&self) -> Vec<Listed<'_>> {
        let label_of = |clip: &Clip| self.labels.iter().position(|label| *label == clip.label);
        let mut listed: Vec<Listed<'_>> = self
            .clips
            .iter()
            .filter(|clip| !clip.removed)
            .filter_map(|clip| {
                let unseen = !clip.is_seen(self.modalities);
                Some(Listed { clip, label: label_of(clip)?, held_back: false, unseen })
            })
            .collect();
        let may_be_held = |listed: &Listed<'_>| !listed.clip.corrected && !listed.unseen;
        let labels: Vec<usize> =
            listed.iter().filter(|listed| may_be_held(listed)).map(|listed| listed.label).collect();
        let places = listed.iter_mut().filter(|listed| may_be_held(listed));
        for (listed, held_back) in places.zip(held_back(&labels)) {
            listed.held_back = held_back;
        }
        listed
    }

    /// The clips, with their labels' indices, that test a model which was trained on `trained_on`: those that are held back,
    /// but for one that was trained on before others were deleted, which would be no test of it.
    pub fn tests_of(&self, trained_on: &[f64]) -> Vec<(&Clip, usize)> {
        let listed = self.listed().into_iter().filter(|listed| listed.held_back);
        let unheard = listed.filter(|listed| !trained_on.contains(&listed.clip.id));
        unheard.map(|listed| (listed.clip, listed.label)).collect()
    }

    /// How many clips of each label there are to train on.
    pub fn holdings(&self) -> Vec<u32> {
        let training = self.listed().into_iter().filter(Listed::is_trained_on);
        per_label(training.map(|listed| listed.label), self.labels.len())
    }

    /// How many clips there are to evaluate on.
    pub fn held_back_count(&self) -> u32 {
        self.listed().into_iter().filter(|listed| listed.held_back).count() as u32
    }

    /// How many clips there are to train on.
    pub fn training_count(&self) -> u32 {
        self.holdings().iter().sum()
    }

    /// What there is to train on, or else what is kept for the test.
    pub fn examples(&self, held_back: bool, augmentation: Augmentation) -> Vec<Example> {
        let listed = self.listed().into_iter().filter(|listed| listed.held_back == held_back);
        listed.filter_map(|listed| listed.clip.example(listed.label, augmentation, self.modalities)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ClipSound;

    /// A clip with a sound that says which it is, and nothing that takes time to compute.
    fn clip(id: f64, label: &str) -> Clip {
        let kept = ClipSound {
            wav: Vec::new(),
            inputs: vec![id as f32; crate::INPUT_VALUES],
            input_frames: vec![7],
            columns: 0,
            bands: 0,
            pixels: Vec::new(),
            waveform: Vec::new(),
            quality: None,
        };
        Clip {
            id,
            name: format!("clip {id}"),
            label: label.to_owned(),
            seconds: 1.0,
            made_up: false,
            corrected: false,
            digest: id as u32,
            transcript: None,
            removed: false,
            sound: Arc::new(kept),
        }
    }

    fn room(clips: Vec<Clip>) -> Clips {
        Clips::new(vec!["angry".to_owned(), "happy".to_owned()], Modalities::Both, clips)
    }

    /// Does what a shell does whose storage takes everything.
    fn set_removed(clips: &mut Clips, ids: &[f64], removed: bool) {
        for &id in ids {
            clips.put(clips.removed(id, removed).unwrap());
        }
    }

    fn ids(clips: &Clips) -> Vec<f64> {
        clips.listed().iter().map(|listed| listed.clip.id).collect()
    }

    fn sound(seconds: usize) -> Sound {
        Sound::from_pcm(&vec![0.0; 16_000 * seconds], 1, 16_000).unwrap()
    }

    #[test]
    fn a_label_is_chosen_or_read_from_the_path() {
        let room = room(Vec::new());
        assert_eq!(room.label_for(&sound(1), Some(1), "angry/1.wav"), Ok("happy"), "what was chosen counts");
        assert_eq!(room.label_for(&sound(1), None, "angry/1.wav"), Ok("angry"));
        assert_eq!(room.label_for(&sound(1), Some(2), "angry/1.wav"), Ok("angry"), "there is no third label");
        let none = room.label_for(&sound(1), None, "1.wav").unwrap_err();
        assert_eq!(none.code().name(), "needs_label");
    }

    #[test]
    fn two_minutes_are_the_longest_clip() {
        let room = room(Vec::new());
        assert!(room.label_for(&sound(120), Some(0), "").is_ok());
        let long = room.label_for(&sound(121), Some(0), "").unwrap_err();
        assert_eq!(long, ClipError::TooLong { seconds: 121.0 });
        assert_eq!(long.code().name(), "too_long");
        assert_eq!(room.label_for(&sound(121), None, ""), Err(long), "no label would help, so none is asked for");
    }

    #[test]
    fn the_same_sound_is_taken_once_unless_it_was_deleted() {
        let mut room = room(vec![clip(1.0, "angry")]);
        let again = Clip { digest: 1, ..clip(2.0, "happy") };
        let twice = room.check_new(&again).unwrap_err();
        assert_eq!(twice.code().name(), "duplicate");
        assert_eq!(room.check_new(&clip(3.0, "happy")), Ok(()));
        set_removed(&mut room, &[1.0], true);
        assert_eq!(room.check_new(&again), Ok(()));
    }

    #[test]
    fn a_clip_gets_another_label_and_keeps_its_place() {
        let mut room = room(vec![clip(1.0, "angry"), clip(2.0, "happy")]);
        let changed = room.relabelled(1.0, 1).unwrap();
        assert_eq!(room.get(1.0).unwrap().label, "angry", "before it is stored, nothing has changed");
        room.put(changed);
        assert_eq!(ids(&room), [1.0, 2.0]);
        assert_eq!(room.listed()[0].label, 1);
        assert_eq!(room.relabelled(1.0, 2).unwrap_err().code().name(), "label");
        assert_eq!(room.relabelled(3.0, 0).unwrap_err().code().name(), "no_clip");
    }

    #[test]
    fn deletions_are_taken_back_step_by_step() {
        let mut room = room((1..=4).map(|id| clip(f64::from(id), "angry")).collect());
        let first = room.delete(&[2.0, 9.0]).unwrap();
        assert_eq!(first, [2.0], "what is not in the list is no part of the step");
        set_removed(&mut room, &first, true);
        let second = room.delete(&[4.0, 1.0, 2.0]).unwrap();
        assert_eq!(second, [1.0, 4.0], "the second clip is deleted already");
        set_removed(&mut room, &second, true);
        assert_eq!(ids(&room), [3.0]);
        assert_eq!(room.delete(&[2.0]).unwrap_err().code().name(), "no_clip");

        assert_eq!(room.last_deleted(), [1.0, 4.0]);
        let back = room.undo().unwrap();
        set_removed(&mut room, &back, false);
        assert_eq!(ids(&room), [1.0, 3.0, 4.0]);
        assert_eq!(room.last_deleted(), [2.0]);
        let back = room.undo().unwrap();
        room.undo_failed(back);
        let back = room.undo().unwrap();
        set_removed(&mut room, &back, false);
        assert_eq!(ids(&room), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(room.undo(), None);
        assert_eq!(room.last_deleted(), [0.0; 0]);
    }

    #[test]
    fn a_fifth_is_held_back_but_no_correction() {
        let mut clips: Vec<Clip> = (1..=5).map(|id| clip(f64::from(id), "angry")).collect();
        clips[1].corrected = true;
        clips.insert(0, clip(6.0, "happy"));
        let mut room = room(clips);
        let held = |room: &Clips| -> Vec<f64> {
            room.listed().iter().filter(|listed| listed.held_back).map(|listed| listed.clip.id).collect()
        };
        assert_eq!(held(&room), [5.0], "the fourth of label angry that is no correction");
        assert_eq!(room.holdings(), [4, 1]);
        assert_eq!(room.training_count(), 5);
        set_removed(&mut room, &[1.0], true);
        assert_eq!(held(&room), [0.0; 0]);
        assert_eq!(room.holdings(), [4, 1]);
    }

    #[test]
    fn a_clip_that_a_model_was_trained_on_does_not_test_it() {
        let mut room = room((1..=9).map(|id| clip(f64::from(id), "happy")).collect());
        let tests = |room: &Clips, trained_on: &[f64]| -> Vec<(f64, usize)> {
            room.tests_of(trained_on).iter().map(|(clip, label)| (clip.id, *label)).collect()
        };
        let trained_on = [1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0];
        assert_eq!(tests(&room, &trained_on), [(4.0, 1), (9.0, 1)], "the fourth and the ninth");
        set_removed(&mut room, &[1.0], true);
        assert!(tests(&room, &trained_on).is_empty(), "the fifth is the fourth now, and was trained on");
        assert_eq!(tests(&room, &[]), [(5.0, 1)]);
    }

    #[test]
    fn examples_are_of_the_listed_clips_in_their_order() {
        let mut room = room((1..=5).map(|id| clip(f64::from(id), "happy")).collect());
        set_removed(&mut room, &[1.0], true);
        let values = |held_back| -> Vec<(f32, usize, usize)> {
            let examples = room.examples(held_back, Augmentation::None);
            examples.iter().map(|example| (example.values[0], example.frames, example.label)).collect()
        };
        assert_eq!(values(false), [(2.0, 7, 1), (3.0, 7, 1), (4.0, 7, 1)]);
        assert_eq!(values(true), [(5.0, 7, 1)]);
    }

    #[test]
    fn a_room_that_looks_at_text_alone_passes_over_clips_without_any() {
        let clips: Vec<Clip> = (1..=6)
            .map(|id| Clip {
                transcript: said(["", "no"][usize::from(id != 2)]).unwrap(),
                ..clip(f64::from(id), "happy")
            })
            .collect();
        let labels = vec!["angry".to_owned(), "happy".to_owned()];
        let mut room = Clips::new(labels, Modalities::Text, clips);
        assert_eq!(ids(&room), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "it stays in the list");
        let unseen: Vec<f64> =
            room.listed().iter().filter(|listed| listed.unseen).map(|listed| listed.clip.id).collect();
        assert_eq!(unseen, [2.0]);
        assert_eq!((room.holdings(), room.held_back_count()), (vec![0, 4], 1));
        let held = |room: &Clips| room.listed().iter().find(|listed| listed.held_back).map(|listed| listed.clip.id);
        assert_eq!(held(&room), Some(5.0), "the fourth that is read");
        assert_eq!(room.examples(false, Augmentation::None).len(), 4);
        // Once it is told what is said in it, it counts.
        room.put(room.transcribed(2.0, said("What?").unwrap()).unwrap());
        assert_eq!((room.holdings(), held(&room)), (vec![0, 5], Some(4.0)));
        assert_eq!(room.transcribed(9.0, None).unwrap_err().code().name(), "no_clip");
    }

    #[test]
    fn what_is_said_is_cleaned_or_refused() {
        assert_eq!(said("\u{202E} oh\tno ").unwrap().unwrap().as_str(), "oh no");
        assert_eq!(said(" \u{200F}\r\n"), Ok(None));
        assert_eq!(said(&"a".repeat(100_000)).unwrap_err().code().name(), "long_text");
    }

    #[test]
    fn a_clip_of_a_label_that_the_room_has_not_is_not_listed() {
        let room = room(vec![clip(1.0, "bored"), clip(2.0, "happy")]);
        assert_eq!(ids(&room), [2.0]);
        assert_eq!(room.all().len(), 2);
    }
}
