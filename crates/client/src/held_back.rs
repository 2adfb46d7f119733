//! Which of a participant's clips are kept for the test, and how many the others are. It knows labels and their order
//! alone: no sound, no model.

use models::Example;

/// Every so many clips of a label, one is kept for the test.
const HELD_BACK_EVERY: usize = 5;

/// Which clips are kept for the test and never trained on, given all clips' labels in the order of adding.
///
/// Of each label it is the fourth clip and every fifth from there: a fifth of many clips, none of three. What was
/// chosen once stays chosen when more clips are added.
pub fn held_back(labels: &[usize]) -> Vec<bool> {
    let mut seen = vec![0_usize; labels.iter().max().map_or(0, |most| most + 1)];
    labels
        .iter()
        .map(|&label| {
            let index = seen[label];
            seen[label] += 1;
            index % HELD_BACK_EVERY == 3
        })
        .collect()
}

/// Examples in the order of adding as what is trained on and what is kept for the test.
pub fn divide(examples: Vec<Example>) -> (Vec<Example>, Vec<Example>) {
    let held_back = held_back(&examples.iter().map(|example| example.label).collect::<Vec<_>>());
    let (kept, training): (Vec<_>, Vec<_>) = examples.into_iter().zip(held_back).partition(|(_, held_back)| *held_back);
    let examples = |part: Vec<(Example, bool)>| part.into_iter().map(|(example, _)| example).collect();
    (examples(training), examples(kept))
}

/// How many clips each of a room's `labels` labels has; a clip of any other label counts nowhere.
pub fn per_label(clips: impl IntoIterator<Item = usize>, labels: usize) -> Vec<u32> {
    let mut counts = vec![0; labels];
    for label in clips {
        if let Some(count) = counts.get_mut(label) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_each_label_is_held_back_and_stays_so() {
        let labels = [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let held = held_back(&labels);
        let of_label = |label| labels.iter().zip(&held).filter(|&(&l, &h)| l == label && h).count();
        assert_eq!(of_label(0), 2, "of nine clips the fourth and the ninth");
        assert_eq!(of_label(1), 0, "two clips are too few to give one away");
        assert_eq!(held_back(&labels[..6]), held[..6], "more clips change nothing for the earlier ones");
        assert!(held_back(&[]).is_empty());
    }

    #[test]
    fn what_is_held_back_is_not_trained_on() {
        let example = |place: usize, label| Example {
            values: Vec::new(),
            frames: place,
            text: Vec::new(),
            label,
            variants: Vec::new(),
        };
        let labels = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let (training, kept) = divide(labels.iter().enumerate().map(|(place, &label)| example(place, label)).collect());
        let places = |part: &[Example]| part.iter().map(|example| example.frames).collect::<Vec<_>>();
        assert_eq!(places(&kept), [4], "the fourth of label 0");
        assert_eq!(places(&training), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn clips_are_counted_by_label() {
        assert_eq!(per_label([2, 0, 2, 7], 3), [1, 0, 2], "no label is the eighth here");
        assert_eq!(per_label([], 2), [0, 0]);
    }
}
