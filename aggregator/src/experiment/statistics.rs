//! What repeated measurements say: mean and deviation over seeds, and whether two systems differ on other speakers than
//! those who happened to be tested.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use crate::simulator::{Outcome, Prediction};

/// Resamples of the bootstrap.
pub const RESAMPLES: usize = 10_000;
/// Its seed: the same predictions give the same interval.
const SEED: u64 = 1;
/// The share of resamples within the interval.
const CONFIDENCE: f64 = 0.95;
/// Up to so many speakers, all ways to exchange two systems' answers are looked at; with more of them, as many by chance as there are
/// resamples.
const ALL_EXCHANGED: usize = 16;
/// Differences that are nearer to each other than this are equal: sums of the same numbers in another order.
const EQUAL: f64 = 1.0e-12;

/// Mean and deviation of one measure over repetitions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample deviation (n − 1), from two values on.
    pub deviation: Option<f64>,
    /// The values, by seed.
    pub values: Vec<f64>,
}

impl Spread {
    /// Of at least one value; of none the mean is 0.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt());
        Self { mean, deviation, values }
    }
}

/// What a model found in a test clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who speaks.
    pub speaker: String,
    /// Index of the clip's label.
    pub truth: usize,
    /// Index of the label that was found.
    pub found: usize,
}

impl Answer {
    /// All answers of some outcomes, such as those of all folds of one seed.
    pub fn pooled<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Self> {
        outcomes.into_iter().flat_map(|outcome| &outcome.predictions).map(Self::from).collect()
    }
}

impl From<&Prediction> for Answer {
    fn from(Prediction { speaker, truth, found, .. }: &Prediction) -> Self {
        Self { speaker: speaker.clone(), truth: *truth, found: *found }
    }
}

/// A difference of two systems' UAR with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// First minus second.
    pub uar: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How likely a difference as large is where the two systems are alike: the share of exchanges of their answers, speaker by
    /// speaker, that make one.
    pub p: f64,
    /// How many speakers were drawn from.
    pub speakers: usize,
}

impl Difference {
    /// Whether the interval lies on one side of 0.
    pub fn is_shown(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The paired bootstrap over test speakers (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13:
/// whole clusters are drawn, and the interval is that of percentiles): as many speakers as there are are drawn with
/// replacement, the same ones for both systems, and the UAR of all of their clips is compared. Each system may have
/// repetitions (seeds), whose UAR are averaged within each resample.
///
/// `None` where a system has no repetition, or fewer than two speakers were tested.
pub fn paired_bootstrap(first: &[Vec<Answer>], second: &[Vec<Answer>], labels: usize) -> Option<Difference> {
    let speakers: BTreeMap<&str, usize> =
        first.iter().chain(second).flatten().map(|answer| (answer.speaker.as_str(), 0)).collect();
    let speakers: BTreeMap<&str, usize> = speakers.into_keys().zip(0..).collect();
    if first.is_empty() || second.is_empty() || speakers.len() < 2 {
        return None;
    }
    let count = |answers: &Vec<Answer>| Tally::of(answers, &speakers, labels);
    let (first, second): (Vec<_>, Vec<_>) = (first.iter().map(count).collect(), second.iter().map(count).collect());
    let difference = |drawn: &[u32]| {
        let mean = |tallies: &[Tally]| tallies.iter().map(|one| one.uar(drawn)).sum::<f64>() / tallies.len() as f64;
        mean(&first) - mean(&second)
    };
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = vec![0_u32; speakers.len()];
    let mut differences: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill(0);
            for _ in 0..speakers.len() {
                drawn[(random.next_u64() % speakers.len() as u64) as usize] += 1;
            }
            difference(&drawn)
        })
        .collect();
    differences.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Difference {
        uar: difference(&vec![1; speakers.len()]),
        low: quantile(&differences, tail),
        high: quantile(&differences, 1.0 - tail),
        p: exchanged(&of_speakers(&first, &second)),
        speakers: speakers.len(),
    })
}

/// What each speaker adds to the difference of two systems' UAR, whose repetitions count as their mean.
fn of_speakers(first: &[Tally], second: &[Tally]) -> Vec<f64> {
    let adds = |tallies: &[Tally], speaker: usize| {
        tallies.iter().map(|one| one.share_of(speaker)).sum::<f64>() / tallies.len().max(1) as f64
    };
    let speakers = first.first().map_or(0, |tally| tally.0.len());
    (0..speakers).map(|speaker| adds(first, speaker) - adds(second, speaker)).collect()
}

/// The paired permutation test (Fisher, The Design of Experiments, 1935, section 21; Good, Permutation, Parametric and Bootstrap Tests of
/// Hypotheses, 2005, section 3.1), two-sided: of two systems that are alike, each speaker's answers could as well be the other's. The share of
/// all such exchanges that make as large a sum of these differences; with many speakers, of as many as were drawn, and of the one
/// that is there (Phipson & Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9).
fn exchanged(differences: &[f64]) -> f64 {
    let sum = |exchange: &mut dyn FnMut(usize) -> bool| {
        let signed = differences.iter().enumerate().map(|(place, one)| if exchange(place) { -one } else { *one });
        signed.sum::<f64>().abs()
    };
    let least = sum(&mut |_| false) - EQUAL;
    if differences.len() <= ALL_EXCHANGED {
        let ways = 1_u32 << differences.len();
        let as_large = (0..ways).filter(|way| sum(&mut |place| way >> place & 1 == 1) >= least).count();
        return as_large as f64 / f64::from(ways);
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let as_large = (0..RESAMPLES).filter(|_| sum(&mut |_| random.next_u32() & 1 == 1) >= least).count();
    (as_large + 1) as f64 / (RESAMPLES + 1) as f64
}

/// Which of several differences are significant together at 5 %: Holm's sequentially rejective procedure (Scandinavian Journal of
/// Statistics 6, 1979), with which the chance that one or more of them is none at all is at most that.
pub fn significant(p: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut found = vec![false; p.len()];
    for (place, &index) in order.iter().enumerate() {
        if p[index] > (1.0 - CONFIDENCE) / (p.len() - place) as f64 {
            break;
        }
        found[index] = true;
    }
    found
}

/// The UAR of a system with repetitions: their mean. `None` without any.
pub fn mean_uar(repeated: &[Vec<Answer>], labels: usize) -> Option<f64> {
    let of = |answers: &Vec<Answer>| {
        let speakers = answers.iter().map(|answer| (answer.speaker.as_str(), 0)).collect();
        Tally::of(answers, &speakers, labels).uar(&[1])
    };
    (!repeated.is_empty()).then(|| repeated.iter().map(of).sum::<f64>() / repeated.len() as f64)
}

/// Right answers and clips of each label, speaker by speaker.
struct Tally(Vec<Vec<(u32, u32)>>);

impl Tally {
    fn of(answers: &[Answer], speakers: &BTreeMap<&str, usize>, labels: usize) -> Self {
        let mut tally = vec![vec![(0, 0); labels]; speakers.len()];
        for answer in answers {
            let place = speakers.get(answer.speaker.as_str()).and_then(|&speaker| tally[speaker].get_mut(answer.truth));
            if let Some((right, all)) = place {
                *right += u32::from(answer.found == answer.truth);
                *all += 1;
            }
        }
        Self(tally)
    }

    /// What a speaker adds to the UAR of all.
    fn share_of(&self, speaker: usize) -> f64 {
        let labels = self.0.first().map_or(0, Vec::len);
        let all = |label: usize| self.0.iter().map(|speaker| speaker[label].1).sum::<u32>();
        let tested: Vec<usize> = (0..labels).filter(|&label| all(label) > 0).collect();
        let recalls = tested.iter().map(|&label| f64::from(self.0[speaker][label].0) / f64::from(all(label)));
        recalls.sum::<f64>() / tested.len().max(1) as f64
    }

    /// UAR where speaker i was drawn `drawn[i]` times: the mean over the labels that occur.
    fn uar(&self, drawn: &[u32]) -> f64 {
        let labels = self.0.first().map_or(0, Vec::len);
        let recalls = (0..labels).filter_map(|label| {
            let sum = |of: fn(&(u32, u32)) -> u32| {
                self.0.iter().zip(drawn).map(|(speaker, times)| times * of(&speaker[label])).sum::<u32>()
            };
            let (right, all) = (sum(|one| one.0), sum(|one| one.1));
            (all > 0).then(|| f64::from(right) / f64::from(all))
        });
        let (sum, number) = recalls.fold((0.0, 0), |(sum, number), recall| (sum + recall, number + 1));
        sum / f64::from(number.max(1))
    }
}

/// A quantile of sorted values, between two of them in proportion, as numpy's `quantile` has it by default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let value = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    let (below, above) = (value(place.floor() as usize), value(place.ceil() as usize));
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
    }

    /// numpy.mean and numpy.std(ddof=1) of the same values.
    #[test]
    fn mean_and_deviation_are_those_of_numpy() {
        let spread = Spread::of([0.61, 0.58, 0.66]);
        near(spread.mean, 0.616_666_666_666_666_7);
        near(spread.deviation.unwrap(), 0.040_414_518_843_273_83);
        assert_eq!(Spread::of([0.5]).deviation, None);
        assert_eq!(Spread::of([]).mean, 0.0);
    }

    /// numpy.quantile([1, 2, 4, 8], [0, 0.025, 0.5, 0.975, 1]).
    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.025, 1.075), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            near(quantile(&values, share), expected);
        }
    }

    /// Clips of two labels from speakers with these right answers of four clips of each label.
    fn answers(right: &[[usize; 2]]) -> Vec<Answer> {
        let clips = right.iter().enumerate().flat_map(|(speaker, right)| {
            (0..8).map(move |clip| {
                let (truth, place) = (clip / 4, clip % 4);
                let found = if place < right[truth] { truth } else { 1 - truth };
                Answer { speaker: format!("speaker {speaker}"), truth, found }
            })
        });
        clips.collect()
    }

    /// All 3³ ways to draw three speakers, each as likely: where the speakers' own differences are 0.5, 0.25 and 0, every
    /// resample's difference is the mean of those drawn. The least and the greatest have a chance of 1/27, more than the
    /// tails' 2.5 %, so the interval reaches from 0 to 0.5.
    #[test]
    fn the_interval_is_that_of_all_possible_resamples() {
        let first = answers(&[[4, 4], [3, 3], [2, 2]]);
        let second = answers(&[[2, 2], [2, 2], [2, 2]]);
        let difference = paired_bootstrap(&[first], &[second], 2).unwrap();
        near(difference.uar, 0.25);
        near(difference.low, 0.0);
        near(difference.high, 0.5);
        assert_eq!((difference.speakers, difference.is_shown()), (3, false));
    }

    /// With equally many clips a speaker, the mean of n drawn speakers has the variance of their differences over n; for
    /// forty of them it is near to normal, so that the interval is 1.96 deviations to each side.
    #[test]
    fn the_interval_of_many_speakers_is_the_normal_one() {
        let right: Vec<[usize; 2]> = (0..40).map(|speaker| [speaker % 5, speaker / 5 % 5]).collect();
        let first = answers(&right);
        let second = answers(&vec![[0, 0]; 40]);
        let difference = paired_bootstrap(&[first], &[second], 2).unwrap();
        let own = right.iter().map(|right| (right[0] + right[1]) as f64 / 8.0);
        let mean = own.clone().sum::<f64>() / 40.0;
        let variance = own.map(|value| (value - mean).powi(2)).sum::<f64>() / 40.0;
        let half = 1.96 * (variance / 40.0).sqrt();
        near(difference.uar, mean);
        assert!((difference.low - (mean - half)).abs() < 0.006, "{difference:?} {half}");
        assert!((difference.high - (mean + half)).abs() < 0.006, "{difference:?} {half}");
    }

    /// Of `tests/reference/statistics/golden.py`.
    #[derive(serde::Deserialize)]
    struct Golden {
        chances: Vec<Chance>,
        holm: Vec<Together>,
    }

    #[derive(serde::Deserialize)]
    struct Chance {
        differences: Vec<f64>,
        p: f64,
    }

    #[derive(serde::Deserialize)]
    struct Together {
        p: Vec<f64>,
        significant: Vec<bool>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../../tests/reference/statistics/statistics.json")).unwrap()
    }

    #[test]
    fn the_chance_of_a_difference_is_that_of_scipy() {
        for Chance { differences, p } in golden().chances {
            // Of more speakers than that, ten thousand exchanges are a sample: three deviations of it.
            let within = if differences.len() <= ALL_EXCHANGED { 1.0e-9 } else { 0.03 * (p * (1.0 - p)).sqrt() };
            let found = exchanged(&differences);
            assert!((found - p).abs() <= within, "{differences:?}: {found}, SciPy has {p}");
        }
    }

    #[test]
    fn what_speakers_add_is_the_difference() {
        let first = answers(&[[4, 3], [3, 1], [2, 2]]);
        let second = answers(&[[2, 2], [4, 2], [0, 2]]);
        let third = answers(&[[1, 1], [4, 4], [0, 0]]);
        let speakers: BTreeMap<&str, usize> = first.iter().map(|answer| (answer.speaker.as_str(), 0)).collect();
        let speakers: BTreeMap<&str, usize> = speakers.into_keys().zip(0..).collect();
        let [first_tally, second_tally, third_tally] = [&first, &second, &third].map(|of| Tally::of(of, &speakers, 2));
        let adds = of_speakers(&[first_tally], &[second_tally, third_tally]);
        let difference = paired_bootstrap(&[first], &[second, third], 2).unwrap();
        near(adds.iter().sum(), difference.uar);
        // Of the first speaker's 24 clips of everyone, 7 against 4 and 2 were right.
        near(adds[0], (7.0 - 3.0) / 24.0);
        near(difference.p, exchanged(&adds));
    }

    #[test]
    fn what_is_significant_together_is_what_statsmodels_says() {
        for Together { p, significant: expected } in golden().holm {
            assert_eq!(significant(&p), expected, "{p:?}");
        }
        assert_eq!(significant(&[]), Vec::<bool>::new());
    }

    #[test]
    fn the_same_speakers_are_drawn_for_both() {
        // Unequal speakers, but the second is always a quarter worse: no doubt is left.
        let first = answers(&[[4, 4], [3, 3], [2, 2], [1, 1]]);
        let second = answers(&[[3, 3], [2, 2], [1, 1], [0, 0]]);
        let difference = paired_bootstrap(std::slice::from_ref(&first), &[second.clone(), second], 2).unwrap();
        near(difference.low, 0.25);
        near(difference.high, 0.25);
        assert!(difference.is_shown());
        assert_eq!(paired_bootstrap(&[first], &[], 2), None);
        assert_eq!(paired_bootstrap(&[answers(&[[1, 1]])], &[answers(&[[1, 1]])], 2), None, "one speaker");
    }
}
