//! Inputs in one plain vector, as they are stored with a clip and go from one worker to another.

use models::{Example, Variant};
use serde::{Deserialize, Serialize};
use speech::Input;

use crate::INPUT_VALUES;
use crate::example::from_inputs;

/// Labelled inputs in plain vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packed {
    /// n × 100 × 60 features, not standardised, one input after the other: of each utterance its own, then its variants.
    pub values: Vec<f32>,
    /// The number of real frames of each input.
    pub frames: Vec<u32>,
    /// What else there is of each utterance.
    pub utterances: Vec<Utterance>,
}

/// An utterance without its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// The label's index.
    pub label: u32,
    /// How many inputs it has.
    pub inputs: u32,
    /// The buckets of what is said in it; empty where that is not known.
    pub text: Vec<u16>,
}

impl Packed {
    /// Packs examples.
    pub fn of(examples: &[Example]) -> Self {
        let mut packed = Self::default();
        for Example { values, frames, text, label, variants } in examples {
            packed.add(values, *frames);
            variants.iter().for_each(|Variant { values, frames }| packed.add(values, *frames));
            let inputs = 1 + variants.len() as u32;
            packed.utterances.push(Utterance { label: *label as u32, inputs, text: text.clone() });
        }
        packed
    }

    fn add(&mut self, values: &[f32], frames: usize) {
        self.values.extend_from_slice(values);
        self.frames.push(frames as u32);
    }

    /// The examples again; an utterance of which no input is there is left out.
    pub fn examples(&self) -> Vec<Example> {
        let mut inputs = unpacked(&self.values, &self.frames);
        self.utterances
            .iter()
            .filter_map(|Utterance { label, inputs: count, text }| {
                let example = from_inputs(inputs.by_ref().take(*count as usize), *label as usize)?;
                Some(Example { text: text.clone(), ..example })
            })
            .collect()
    }
}

/// Inputs in one vector, one after the other, and the number of real frames of each.
pub fn packed(inputs: &[Input]) -> (Vec<f32>, Vec<u32>) {
    let values = inputs.iter().flat_map(|input| &input.values).copied().collect();
    (values, inputs.iter().map(|input| input.frames as u32).collect())
}

/// The inputs again, as many as are whole.
pub fn unpacked<'a>(values: &'a [f32], frames: &'a [u32]) -> impl Iterator<Item = Input> + 'a {
    let inputs = values.chunks_exact(INPUT_VALUES).zip(frames);
    inputs.map(|(values, &frames)| Input { values: values.to_vec(), frames: frames as usize })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(frames: usize, value: f32) -> Input {
        Input { values: vec![value; INPUT_VALUES], frames }
    }

    fn examples() -> Vec<Example> {
        let clip = |inputs: Vec<Input>, label| from_inputs(inputs, label).unwrap();
        vec![
            Example { text: vec![8, 8, 4_095], ..clip(vec![input(7, 1.0)], 2) },
            clip(vec![input(100, 2.0), input(90, 3.0), input(1, 4.0)], 0),
            clip(vec![input(3, 5.0), input(4, 6.0)], 1),
        ]
    }

    #[test]
    fn examples_come_back_as_they_were() {
        let packed = Packed::of(&examples());
        assert_eq!(packed.values.len(), 6 * INPUT_VALUES);
        assert_eq!(packed.frames, [7, 100, 90, 1, 3, 4]);
        let said: Vec<_> = packed.utterances.iter().map(|one| (one.label, one.inputs, one.text.len())).collect();
        assert_eq!(said, [(2, 1, 3), (0, 3, 0), (1, 2, 0)]);
        assert_eq!(packed.examples(), examples());
        assert!(Packed::of(&[]).examples().is_empty());
    }

    #[test]
    fn inputs_come_back_as_far_as_they_are_whole() {
        let inputs = [input(7, 1.0), input(9, 2.0)];
        let (mut values, frames) = packed(&inputs);
        assert_eq!(unpacked(&values, &frames).collect::<Vec<_>>(), inputs);
        values.pop();
        assert_eq!(unpacked(&values, &frames).collect::<Vec<_>>(), inputs[..1]);
    }

    #[test]
    fn an_utterance_whose_inputs_are_missing_is_left_out() {
        let mut packed = Packed::of(&examples());
        packed.values.truncate(INPUT_VALUES);
        assert_eq!(packed.examples(), examples()[..1]);
    }
}
