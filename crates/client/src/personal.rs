//! A model of one's own beside the shared one: how it is tuned, and what can honestly be said of the two. It is made by
//! [`crate::tune`]; nothing of it is sent.

use models::{Architecture, EpochReport, Moved, Optimiser, TrainingPlan};
use protocol::Normalisation;
use serde::{Deserialize, Serialize};

use crate::named::named;

/// Epochs at most. Plain fine-tuning from the shared model is what the more intricate ways of personalisation are
/// measured against (Wang et al., "Federated Evaluation of On-device Personalization", 2019; Cheng et al., "Fine-tuning is
/// Fine in Federated Learning", 2021): a few passes, since there is little to learn from.
const MOST_EPOCHS: u32 = 15;
/// The same for the ways that move little in a step.
const MOST_SMALL_EPOCHS: u32 = 30;
/// Training ends after the first epoch in which this share of the training clips was right: from there on it would learn
/// them by heart. The clips that are kept for the test have no say in it, or the comparison would flatter the personal model.
const ENOUGH: f64 = 0.95;
/// The step size that the rooms train with by default.
const LEARNING_RATE: f64 = 1e-3;
/// A step of Adam moves every number by about as much, however little there is to learn from; so the more numbers move, the
/// smaller it has to be. These were found on EMO-DB, among 0.02 and 0.05 for biases, 0.003 and 0.01 for the head, 0.0001, 0.0003 and
/// 0.001 for everything ([experiments.md](../../../docs/experiments.md)).
const LEARNING_RATE_OF_BIASES: f64 = 5e-2;
const LEARNING_RATE_OF_HEAD: f64 = 3e-3;
const GENTLE_LEARNING_RATE: f64 = 1e-4;
/// λ of [`Way::Near`], of the order of a gradient over the way that a few dozen steps of Adam take.
const NEARNESS: f64 = 1.0;
/// Small, so that even a dozen clips make more than one step an epoch.
const BATCH_SIZE: usize = 8;

/// Test clips below which nothing is said of who is better.
const FEW: usize = 8;
/// A split is taken for more than chance where chance would give one as uneven less often than this.
const CHANCE: f64 = 0.05;

/// What tuning may change of the shared model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The last layer's biases alone: how likely each label is before anything is heard.
    Calibration,
    /// The last layer alone, which is a softmax regression on what the layers before it make of a clip.
    Head,
    /// Everything, in steps a tenth as long and twice as many.
    Gently,
    /// Everything, held back to where the shared model is: the personal objective of Ditto (Li et al., "Ditto: Fair and Robust
    /// Federated Learning Through Personalization", 2021, equation 2), which adds λ/2 · ‖own − shared‖² to the loss.
    Near,
    /// Everything.
    All,
}

impl Way {
    /// All of them, from the least that changes to the most.
    pub const ALL: [Self; 5] = [Self::Calibration, Self::Head, Self::Gently, Self::Near, Self::All];
}

/// What tuning `compact` gently gave speakers whom the shared model had not heard, with a number of clips of each label.
struct Measured {
    clips: u32,
    /// How many more of 100 clips were right than with the shared model, each label counting alike, rounded down: on the corpus
    /// that gained less, and on the other. 0 where the 95 % interval over speakers reaches below 0.
    gained: [u32; 2],
}

/// By rising numbers of clips, from 1, on EMO-DB and RAVDESS, with other sentences in the test than were tuned on
/// (`chorus experiment personal`; docs/experiments.md, *Mine against ours*).
const MEASURED: [Measured; 3] = [
    Measured { clips: 1, gained: [0, 7] },
    Measured { clips: 2, gained: [0, 13] },
    Measured { clips: 5, gained: [3, 17] },
];

/// The way in which the page tunes a network. Of `compact` it is the one that gained on both corpora with every number of clips, and on
/// both together most; where nothing was measured it is the one that every other is measured against.
pub fn best_way(network: Architecture) -> Way {
    if network == Architecture::Compact { Way::Gently } else { Way::All }
}

named! {
    /// What can be said of a model of one's own before it is made.
    Says {
        /// A label has no clip, which nobody has measured.
        Missing = "missing",
        /// Nobody has measured it with this network, or where each speaker is heard by a scale of their own.
        Unmeasured = "unmeasured",
        /// With so many clips it was better than the shared one on one corpus, and on the other not by more than chance.
        HelpedOnce = "helped_once",
        /// With so many clips it was better than the shared one on both.
        Helped = "helped",
    }
}

/// What a model of one's own gave others who had no more clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What is said of it.
    pub says: Says,
    /// With so many clips of each label it was measured; 0 where it was not.
    pub clips: u32,
    /// How many more of 100 clips were right, rounded down: on the corpus that gained less, and on the other.
    pub gained: [u32; 2],
}

impl Expectation {
    /// For somebody who has so many clips of each label to train on: the label with the fewest decides.
    pub fn of(network: Architecture, heard_by: Normalisation, holdings: &[u32]) -> Self {
        let fewest = holdings.iter().copied().min().unwrap_or_default();
        let nothing = |says| Self { says, clips: 0, gained: [0, 0] };
        match MEASURED.iter().rfind(|measured| measured.clips <= fewest) {
            None => nothing(Says::Missing),
            Some(_) if network != Architecture::Compact || !heard_by.is_group() => nothing(Says::Unmeasured),
            Some(&Measured { clips, gained }) => {
                Self { says: if gained[0] == 0 { Says::HelpedOnce } else { Says::Helped }, clips, gained }
            }
        }
    }
}

/// How a version of the shared model is tuned, for how many epochs at most.
pub fn training(way: Way, version: u32) -> TrainingPlan {
    let (epochs, learning_rate, moved) = match way {
        Way::Calibration => (MOST_SMALL_EPOCHS, LEARNING_RATE_OF_BIASES, Moved::Bias),
        Way::Head => (MOST_SMALL_EPOCHS, LEARNING_RATE_OF_HEAD, Moved::Head),
        Way::Gently => (MOST_SMALL_EPOCHS, GENTLE_LEARNING_RATE, Moved::All),
        Way::Near | Way::All => (MOST_EPOCHS, LEARNING_RATE, Moved::All),
    };
    TrainingPlan {
        epochs,
        batch_size: BATCH_SIZE,
        optimiser: Optimiser::Adam,
        learning_rate,
        seed: u64::from(version),
        proximal: if way == Way::Near { NEARNESS } else { 0.0 },
        correction: None,
        moved,
    }
}

/// What tuning gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The parameters after training.
    pub parameters: Vec<f32>,
    /// Epochs that were trained.
    pub epochs: u32,
}

/// Whether an epoch was the last: enough of the training clips were right in it.
pub fn is_enough(epoch: &EpochReport) -> bool {
    epoch.accuracy >= ENOUGH
}

/// The index of the label that a model finds most likely; `None` where it gave no answer at all.
pub fn most_likely(probabilities: &[f32]) -> Option<usize> {
    let best = probabilities.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    best.map(|(label, _)| label)
}

/// A clip that was kept for the test, as two models heard it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The clip's id.
    pub clip: f64,
    /// The index of what it is.
    pub label: usize,
    /// The index of what the personal model hears.
    pub mine: usize,
    /// The index of what the shared model hears.
    pub ours: usize,
}

/// How two models did on the clips that were kept for the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// How many clips there are.
    pub all: usize,
    /// How many of them the personal model got right.
    pub mine: usize,
    /// How many of them the shared model got right.
    pub ours: usize,
    /// Which of the two is better.
    pub verdict: Verdict,
}

named! {
    /// Which of two models is better, if anything can be said.
    Verdict {
        /// There is no clip to tell by.
        None = "none",
        /// There are too few clips to say anything.
        Few = "few",
        /// Both were right about the same clips.
        Same = "same",
        /// They differ, but no more than by chance.
        Undecided = "undecided",
        /// The personal one.
        Mine = "mine",
        /// The shared one.
        Ours = "ours",
    }
}

impl Score {
    /// Counts, and compares by the exact sign test (McNemar's) over the clips on which just one of the two is right.
    pub fn of(compared: &[Compared]) -> Self {
        let right = |heard: fn(&Compared) -> usize| compared.iter().filter(|clip| heard(clip) == clip.label).count();
        let (mine, ours) = (right(|clip| clip.mine), right(|clip| clip.ours));
        let both = compared.iter().filter(|clip| clip.mine == clip.label && clip.ours == clip.label).count();
        let (only_mine, only_ours) = (mine - both, ours - both);
        let verdict = match compared.len() {
            0 => Verdict::None,
            all if all < FEW => Verdict::Few,
            _ if only_mine + only_ours == 0 => Verdict::Same,
            _ if sign_test(only_mine, only_ours) >= CHANCE => Verdict::Undecided,
            _ if only_mine > only_ours => Verdict::Mine,
            _ => Verdict::Ours,
        };
        Self { all: compared.len(), mine, ours, verdict }
    }
}

/// How likely a split at least as uneven is where both sides are equally likely (two-sided).
fn sign_test(wins: usize, losses: usize) -> f64 {
    let all = (wins + losses) as f64;
    let mut term = 0.5_f64.powf(all); // of no wins at all
    let mut sum = 0.0;
    for won in 0..=wins.min(losses) {
        sum += term;
        term *= (all - won as f64) / (won as f64 + 1.0);
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_is_the_binomial_one() {
        // From the binomial distribution with chance ½: twice the sum of C(n, k) / 2ⁿ up to the smaller side.
        for (wins, losses, expected) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            // As R's binom.test gives it.
            (0, 5, 0.0625),
            (1, 7, 0.070_312_5),
            (2, 10, 0.038_574_218_75),
            (4, 4, 1.0),
            // By hand.
            (3, 3, 1.0),
            (5, 0, 2.0 / 32.0),
            (6, 0, 2.0 / 64.0),
            (0, 6, 2.0 / 64.0),
            (8, 1, 2.0 * 10.0 / 512.0),
            (8, 2, 2.0 * 56.0 / 1_024.0),
            (9, 1, 2.0 * 11.0 / 1_024.0),
            (15, 5, 2.0 * 21_700.0 / 1_048_576.0),
        ] {
            let found = sign_test(wins, losses);
            assert!((found - expected).abs() < 1e-12, "{wins} to {losses}: {found} instead of {expected}");
        }
    }

    /// Test clips of which the personal and the shared model are right or not.
    fn clips(outcomes: &[(usize, bool, bool)]) -> Vec<Compared> {
        let each = outcomes.iter().flat_map(|&(times, mine, ours)| std::iter::repeat_n((mine, ours), times));
        each.enumerate()
            .map(|(place, (mine, ours))| Compared {
                clip: place as f64,
                label: 1,
                mine: usize::from(mine),
                ours: usize::from(ours),
            })
            .collect()
    }

    #[test]
    fn nothing_is_said_that_chance_would_say_too() {
        for (outcomes, verdict) in [
            (&[][..], Verdict::None),
            (&[(7, true, false)], Verdict::Few),
            (&[(9, true, true), (1, false, false)], Verdict::Same),
            (&[(5, true, false), (5, true, true)], Verdict::Undecided),
            (&[(6, true, false), (5, true, true)], Verdict::Mine),
            (&[(6, false, true), (5, true, true)], Verdict::Ours),
        ] {
            assert_eq!(Score::of(&clips(outcomes)).verdict, verdict, "{outcomes:?}");
        }
    }

    #[test]
    fn what_each_model_got_right_is_counted() {
        let Score { all, mine, ours, .. } =
            Score::of(&clips(&[(3, true, false), (2, false, true), (4, true, true), (1, false, false)]));
        assert_eq!((all, mine, ours), (10, 7, 6));
    }

    #[test]
    fn the_likeliest_label_is_heard() {
        assert_eq!(most_likely(&[0.1, 0.6, 0.3]), Some(1));
        assert_eq!(most_likely(&[]), None);
    }

    #[test]
    fn the_label_with_the_fewest_clips_decides_what_is_said() {
        let group = Normalisation::Group;
        let compact = |holdings: &[u32]| Expectation::of(Architecture::Compact, group, holdings);
        let nothing = |says: Says| Expectation { says, clips: 0, gained: [0, 0] };
        assert_eq!((compact(&[9, 0, 9]), compact(&[])), (nothing(Says::Missing), nothing(Says::Missing)));
        assert_eq!(Expectation::of(Architecture::Conv, group, &[9, 9]), nothing(Says::Unmeasured));
        assert_eq!(Expectation::of(Architecture::Conv, group, &[9, 0]), nothing(Says::Missing));
        assert_eq!(Expectation::of(Architecture::Compact, Normalisation::Own, &[9, 9]), nothing(Says::Unmeasured));
        for (fewest, clips, says) in
            [(1, 1, Says::HelpedOnce), (4, 2, Says::HelpedOnce), (5, 5, Says::Helped), (40, 5, Says::Helped)]
        {
            let found = compact(&[fewest + 30, fewest]);
            assert_eq!((found.says, found.clips, found.gained[0] > 0), (says, clips, says == Says::Helped));
        }
    }

    #[test]
    fn tuning_ends_when_nearly_all_is_right() {
        let epoch = |accuracy| EpochReport { loss: 1.0, accuracy };
        assert!(is_enough(&epoch(1.0)) && is_enough(&epoch(0.95)) && !is_enough(&epoch(0.94)));
    }
}
