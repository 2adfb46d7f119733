//! Clips of a voice that a program makes up, for who has no microphone.

use corpus::synth::Voice;
use speech::Sound;

use crate::FailureCode;

/// Made-up clips of each label.
const TAKES: u64 = 6;

/// The room has no label that a made-up voice can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Made-up voices know only angry, happy, neutral and sad.")]
pub struct NoMadeUpVoice;

impl NoMadeUpVoice {
    /// As the page knows it.
    pub fn code(self) -> FailureCode {
        FailureCode::NoMadeUp
    }
}

/// A sound of a made-up voice.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeUp {
    /// A name for it.
    pub name: String,
    /// Its label's index.
    pub label: usize,
    /// It.
    pub sound: Sound,
}

/// What the voice with this seed says: six takes of each label that it knows, one after the other and each made when it
/// is asked for.
///
/// # Errors
/// Where it knows none.
pub fn made_up(labels: &[String], seed: u64) -> Result<impl Iterator<Item = MadeUp> + use<>, NoMadeUpVoice> {
    let known: Vec<(usize, usize)> = labels
        .iter()
        .enumerate()
        .filter_map(|(label, name)| Some((label, corpus::EMOTIONS.iter().position(|emotion| emotion == name)?)))
        .collect();
    if known.is_empty() {
        return Err(NoMadeUpVoice);
    }
    let voice = Voice::new(seed);
    let takes = (0..TAKES).flat_map(move |take| known.clone().into_iter().map(move |known| (take, known)));
    Ok(takes.map(move |(take, (label, emotion))| MadeUp {
        name: format!("made-up voice {}, take {}", seed % 1000, take + 1),
        label,
        sound: voice.say(emotion, take),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_takes_of_each_label_that_a_voice_knows() {
        let labels = ["sad", "bored", "angry"].map(str::to_owned);
        let said: Vec<MadeUp> = made_up(&labels, 2_042).unwrap().collect();
        let order: Vec<usize> = said.iter().map(|one| one.label).collect();
        assert_eq!(order, [0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2], "take by take");
        assert_eq!(
            (said[0].name.as_str(), said[11].name.as_str()),
            ("made-up voice 42, take 1", "made-up voice 42, take 6")
        );
        assert_eq!(said[2].sound, Voice::new(2_042).say(3, 1), "sad is the fourth emotion");
    }

    #[test]
    fn no_voice_says_what_no_voice_knows() {
        let none = made_up(&["left".to_owned(), "right".to_owned()], 1).err();
        assert_eq!(none.map(|none| none.code().name()), Some("no_made_up"));
    }
}
