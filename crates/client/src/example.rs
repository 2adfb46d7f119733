//! From a sound to what a network sees of it, and, here alone, what a room's `augmentation` means: which inputs are
//! computed of a sound, and which of a clip's inputs are looked at in training, in tests and in answers.

use models::{Example, Variant};
use protocol::{Augmentation, Modalities};
use speech::{Input, Sound, SoundError};

/// How many inputs of one clip a room looks at, at most: of the clip as it is, and then at other speeds.
fn looked_at(augmentation: Augmentation) -> usize {
    match augmentation {
        Augmentation::None => 1,
        Augmentation::Speed => 1 + speech::SPEEDS.len(),
    }
}

/// Whether clips are looked at at several speeds, in which case an answer is the mean over all of them.
pub fn at_several_speeds(augmentation: Augmentation) -> bool {
    looked_at(augmentation) > 1
}

/// The augmentation of which [`at_several_speeds`] says this.
pub fn augmentation_at(several_speeds: bool) -> Augmentation {
    if several_speeds { Augmentation::Speed } else { Augmentation::None }
}

/// What a network sees of a sound. Its label is given where it is known, and is 0 otherwise.
///
/// # Errors
/// [`SoundError::TooShort`] where not one frame fits.
pub fn example_of(sound: &Sound, label: usize, augmentation: Augmentation) -> Result<Example, SoundError> {
    let inputs =
        if at_several_speeds(augmentation) { speech::inputs_at_speeds(sound)? } else { vec![speech::input(sound)?] };
    example(inputs, label, augmentation).ok_or(SoundError::Empty)
}

/// The same from a clip's inputs at all speeds, the clip as it is first; `None` where there are none.
pub fn example(inputs: impl IntoIterator<Item = Input>, label: usize, augmentation: Augmentation) -> Option<Example> {
    from_inputs(inputs.into_iter().take(looked_at(augmentation)), label)
}

/// An example that was made for several speeds as a room with this augmentation looks at it.
pub fn seen_with(example: &Example, augmentation: Augmentation) -> Example {
    let Example { values, frames, text, label, variants } = example;
    let variants = variants.iter().take(looked_at(augmentation) - 1).cloned().collect();
    Example { values: values.clone(), frames: *frames, text: text.clone(), label: *label, variants }
}

/// What a room looks at of an example: its voice, its text, or both; `None` where nothing of that is there.
pub fn with_sides(example: Example, modalities: Modalities) -> Option<Example> {
    has_sides(&example, modalities).then(|| match modalities {
        Modalities::Both => example,
        Modalities::Voice => Example { text: Vec::new(), ..example },
        Modalities::Text => {
            let Example { values, text, label, .. } = example;
            Example { values: vec![0.0; values.len()], frames: 0, text, label, variants: Vec::new() }
        }
    })
}

/// Whether anything of an example is left in a room that looks at these sides.
pub fn has_sides(example: &Example, modalities: Modalities) -> bool {
    match modalities {
        Modalities::Both => true,
        Modalities::Voice => example.frames > 0,
        Modalities::Text => !example.text.is_empty(),
    }
}

/// An example of these inputs, the clip as it is first.
pub(crate) fn from_inputs(inputs: impl IntoIterator<Item = Input>, label: usize) -> Option<Example> {
    let mut inputs = inputs.into_iter();
    let Input { values, frames } = inputs.next()?;
    let variants = inputs.map(|Input { values, frames }| Variant { values, frames }).collect();
    Some(Example { values, frames, text: Vec::new(), label, variants })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::INPUT_VALUES;

    /// A tone of a second, of which frames are left at every speed.
    fn sound() -> Sound {
        let samples: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.1).sin() * 0.5).collect();
        Sound::from_pcm(&samples, 1, speech::SAMPLE_RATE).unwrap()
    }

    #[test]
    fn a_room_without_augmentation_sees_a_clip_as_it_is() {
        let example = example_of(&sound(), 3, Augmentation::None).unwrap();
        let Input { values, frames } = speech::input(&sound()).unwrap();
        assert_eq!(example, Example { values, frames, text: Vec::new(), label: 3, variants: Vec::new() });
        assert_eq!((example.values.len(), example.frames), (INPUT_VALUES, 9));
    }

    #[test]
    fn a_room_with_speed_sees_it_at_each_of_them() {
        let example = example_of(&sound(), 0, Augmentation::Speed).unwrap();
        let at: Vec<Input> =
            speech::SPEEDS.iter().map(|&speed| speech::input(&sound().at_speed(speed).unwrap()).unwrap()).collect();
        assert_eq!(example.variants.len(), at.len());
        for (variant, Input { values, frames }) in example.variants.iter().zip(&at) {
            assert_eq!((&variant.values, variant.frames), (values, *frames));
        }
    }

    #[test]
    fn what_was_stored_at_all_speeds_gives_the_same_as_the_sound() {
        for augmentation in [Augmentation::None, Augmentation::Speed] {
            let stored = speech::inputs_at_speeds(&sound()).unwrap();
            let of_sound = example_of(&sound(), 1, augmentation).unwrap();
            assert_eq!(example(stored.clone(), 1, augmentation), Some(of_sound.clone()));
            let whole = example(stored, 1, Augmentation::Speed).unwrap();
            assert_eq!(seen_with(&whole, augmentation), of_sound);
        }
        assert_eq!(example(Vec::new(), 1, Augmentation::Speed), None);
    }

    #[test]
    fn a_room_looks_at_the_sides_that_it_wants() {
        let heard = example_of(&sound(), 3, Augmentation::Speed).unwrap();
        let both = Example { text: vec![7, 7, 9], ..heard.clone() };
        assert_eq!(with_sides(both.clone(), Modalities::Both), Some(both.clone()));
        assert_eq!(with_sides(both.clone(), Modalities::Voice), Some(heard.clone()));
        let read = with_sides(both, Modalities::Text).unwrap();
        assert!(read.frames == 0 && read.variants.is_empty() && read.values.iter().all(|value| *value == 0.0));
        assert_eq!((read.text.as_slice(), read.label), (&[7, 7, 9][..], 3));
        assert_eq!(with_sides(heard.clone(), Modalities::Text), None);
        assert_eq!(with_sides(heard.clone(), Modalities::Both), Some(heard));
        assert_eq!(with_sides(read, Modalities::Voice), None);
    }

    #[test]
    fn too_short_a_sound_is_refused_whatever_the_room() {
        let short = Sound::from_pcm(&[0.1; 3_199], 1, speech::SAMPLE_RATE).unwrap();
        for augmentation in [Augmentation::None, Augmentation::Speed] {
            assert!(matches!(example_of(&short, 0, augmentation), Err(SoundError::TooShort { .. })));
            assert_eq!(augmentation_at(at_several_speeds(augmentation)), augmentation);
        }
    }
}
