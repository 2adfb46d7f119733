//! Federated standardisation: the mean and deviation of every feature over all clients' frames, from sums alone.
//!
//! mean = Σx / n, deviation = √(Σx² / n − mean²) (population), both over the frames of all clients; what one client may bring to
//! bear on them is bounded where the room limits that.

use protocol::Standardisation;

use crate::influence::middle;

/// A deviation is at least this, so that a feature that never changes is not divided by nothing.
const LEAST_DEVIATION: f64 = 1.0e-6;
/// No feature of real sound comes near this; larger sums would drown everyone else's.
const LARGEST_FEATURE: f64 = 1.0e6;
/// So many of the middle client's deviations a client's mean may lie from the middle where the room limits influence.
const FURTHEST: f64 = 1.0;
/// And so many times that deviation its own may be.
const WIDEST: f64 = 1.5;
/// How far rounding may push Σx² · n below (Σx)².
const ROUNDING: f64 = 1.0e-6;

/// Sums over frames.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    frames: u64,
    sum: Vec<f64>,
    sum_squares: Vec<f64>,
}

impl Sums {
    /// A client's sums, if they can be the sums of real frames, of which its examples have `most_frames`. The error is for a
    /// person.
    pub(crate) fn from_client(
        features: usize,
        most_frames: u64,
        frames: u64,
        sum: Vec<f64>,
        sum_squares: Vec<f64>,
    ) -> Result<Sums, String> {
        if sum.len() != features || sum_squares.len() != features {
            return Err(format!("the statistics have {} features, and this room's have {features}", sum.len()));
        }
        if frames == 0 {
            return Err("statistics need at least one frame".to_owned());
        }
        if frames > most_frames {
            return Err(format!(
                "the examples of ready have {most_frames} frames at most, and the statistics {frames}"
            ));
        }
        let count = frames as f64;
        for (feature, (&sum, &squares)) in sum.iter().zip(&sum_squares).enumerate() {
            let number = feature + 1;
            if !sum.is_finite() || !squares.is_finite() {
                return Err(format!("the sums of feature {number} are not finite"));
            }
            if squares < 0.0 {
                return Err(format!("the sum of squares of feature {number} is negative"));
            }
            if squares > count * LARGEST_FEATURE * LARGEST_FEATURE {
                return Err(format!("the values of feature {number} exceed {LARGEST_FEATURE}"));
            }
            // Cauchy–Schwarz: (Σx)² ≤ n · Σx² holds for any real values.
            if sum * sum > count * squares * (1.0 + ROUNDING) + f64::MIN_POSITIVE {
                return Err(format!("no frames can have these sums of feature {number} and of its squares"));
            }
        }
        Ok(Sums { frames, sum, sum_squares })
    }

    /// The sums of several clients, over all frames of theirs; `None`: of nobody.
    pub(crate) fn of_all<'a>(clients: impl IntoIterator<Item = &'a Sums>) -> Option<Sums> {
        let mut clients = clients.into_iter();
        let mut all = clients.next()?.clone();
        for client in clients {
            all.frames += client.frames;
            let add = |all: &mut [f64], more: &[f64]| all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
            add(&mut all.sum, &client.sum);
            add(&mut all.sum_squares, &client.sum_squares);
        }
        Some(all)
    }

    /// The sums of so many frames that have this mean and deviation.
    pub(crate) fn of_standardisation(frames: u64, standardisation: &Standardisation) -> Sums {
        let count = frames as f64;
        let Standardisation { mean, deviation } = standardisation;
        let squares =
            |(mean, deviation): (&f32, &f32)| count * (f64::from(*mean).powi(2) + f64::from(*deviation).powi(2));
        Sums {
            frames,
            sum: mean.iter().map(|mean| count * f64::from(*mean)).collect(),
            sum_squares: mean.iter().zip(deviation).map(squares).collect(),
        }
    }

    /// The same means and deviations, as of `most` frames where it is of more.
    pub(crate) fn held_at(mut self, most: u64) -> Sums {
        if self.frames > most {
            let share = most as f64 / self.frames as f64;
            self.sum.iter_mut().chain(&mut self.sum_squares).for_each(|sum| *sum *= share);
            self.frames = most;
        }
        self
    }

    /// Frames, and for each feature Σx and Σx².
    pub(crate) fn into_parts(self) -> (u64, Vec<f64>, Vec<f64>) {
        (self.frames, self.sum, self.sum_squares)
    }

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.frames) + size_of_val(self.sum.as_slice()) + size_of_val(self.sum_squares.as_slice())
    }

    fn mean(&self, feature: usize) -> f64 {
        self.sum.get(feature).map_or(0.0, |sum| sum / self.frames as f64)
    }

    fn deviation(&self, feature: usize) -> f64 {
        let squares = self.sum_squares.get(feature).map_or(0.0, |squares| squares / self.frames as f64);
        (squares - self.mean(feature).powi(2)).max(0.0).sqrt()
    }
}

/// Mean and deviation of every feature over the clients' frames; and of each client how far from the middle it lies, in
/// deviations of the middle client, in the feature in which it lies furthest. `None`: there are no clients.
///
/// Where the room limits a client's influence, no client counts with more than so many times the median of all clients'
/// frames, and in each feature its mean counts as no further than [`FURTHEST`] of the middle client's deviations from the middle
/// client's, and its deviation as no larger than [`WIDEST`] times the middle one's. Clients who are alike, as those of a class are, lie within.
/// The middle is the median, which fewer than half of the clients can't move beyond the others; two clients have none.
pub(crate) fn standardisation(clients: &[&Sums], influence: Option<f64>) -> Option<(Standardisation, Vec<f32>)> {
    let features = clients.first()?.sum.len();
    let frames = |client: &&Sums| client.frames as f64;
    let most =
        influence.zip(middle(clients.iter().map(frames))).map_or(f64::INFINITY, |(limit, median)| limit * median);
    let shares: Vec<f64> = clients.iter().map(|client| (most / frames(client)).min(1.0)).collect();
    let count: f64 = clients.iter().zip(&shares).map(|(client, share)| frames(client) * share).sum();
    let mut distances = vec![0.0_f64; clients.len()];
    let (mut mean, mut deviation) = (Vec::with_capacity(features), Vec::with_capacity(features));
    for feature in 0..features {
        let centre = middle(clients.iter().map(|client| client.mean(feature))).unwrap_or_default();
        let spread = middle(clients.iter().map(|client| client.deviation(feature))).unwrap_or_default();
        let (mut sum, mut squares) = (0.0, 0.0);
        for ((client, share), distance) in clients.iter().zip(&shares).zip(&mut distances) {
            let (own_mean, own_deviation) = (client.mean(feature), client.deviation(feature));
            // A feature that does not change with most clients says nothing of the others.
            let known = spread > LEAST_DEVIATION;
            if known {
                *distance = distance.max((own_mean - centre).abs() / spread).max(own_deviation / spread - 1.0);
            }
            let (reach, widest) = (FURTHEST * spread, WIDEST * spread);
            let outlying = (own_mean - centre).abs() > reach || own_deviation > widest;
            let (own_sum, own_squares) = if influence.is_some() && known && outlying {
                let held = own_mean.clamp(centre - reach, centre + reach);
                (frames(client) * held, frames(client) * (held.powi(2) + own_deviation.min(widest).powi(2)))
            } else {
                (client.sum.get(feature).copied()?, client.sum_squares.get(feature).copied()?)
            };
            sum += share * own_sum;
            squares += share * own_squares;
        }
        mean.push((sum / count) as f32);
        let variance = squares / count - (sum / count).powi(2);
        deviation.push(variance.max(0.0).sqrt().max(LEAST_DEVIATION) as f32);
    }
    Some((Standardisation { mean, deviation }, distances.into_iter().map(|distance| distance as f32).collect()))
}

/// How far a client's mean may lie from a masked room's scale, in that scale's deviations: nobody else sees to it.
const MASKED_REACH: f64 = 3.0;
/// And how many times the scale's deviation its own may be.
const MASKED_WIDEST: f64 = 3.0;
/// Sums are added as multiples of 2⁻¹⁶; those of 200 clients of 10⁷ frames stay below 2⁶³.
const MASKED_UNIT: f64 = 65_536.0;

/// A client's sums as words that can be masked: the frames that count, and of each feature in the scale's deviations from the
/// scale's mean the sum and that of the squares, in two's complement. What it brings to bear is held within bounds: `most_frames`,
/// [`MASKED_REACH`] and [`MASKED_WIDEST`].
pub(crate) fn masked_words(sums: &Sums, scale: &Standardisation, most_frames: u64) -> Vec<u64> {
    let frames = sums.frames.min(most_frames) as f64;
    let mut words = vec![frames as u64];
    for (feature, (&mean, &deviation)) in scale.mean.iter().zip(&scale.deviation).enumerate() {
        let (mean, unit) = (f64::from(mean), f64::from(deviation));
        let own_mean = ((sums.mean(feature) - mean) / unit).clamp(-MASKED_REACH, MASKED_REACH);
        let own_deviation = (sums.deviation(feature) / unit).min(MASKED_WIDEST);
        let squares = own_mean.powi(2) + own_deviation.powi(2);
        words.extend([own_mean, squares].map(|mean| (frames * mean * MASKED_UNIT).round() as i64 as u64));
    }
    words
}

/// The standardisation that the sum of all clients' words stands for; `None` where no clients within their bounds add up to it.
pub(crate) fn of_masked_words(words: &[u64], scale: &Standardisation) -> Option<Standardisation> {
    let (&frames, features) = words.split_first()?;
    let (pairs, rest) = features.as_chunks::<2>();
    if frames == 0 || !rest.is_empty() || pairs.len() != scale.mean.len() {
        return None;
    }
    let (mut mean, mut deviation) = (Vec::new(), Vec::new());
    for (&[sum, squares], (&middle, &unit)) in pairs.iter().zip(scale.mean.iter().zip(&scale.deviation)) {
        let of_all = |word: u64| word as i64 as f64 / MASKED_UNIT / frames as f64;
        let (own_mean, squares) = (of_all(sum), of_all(squares));
        let most = (MASKED_REACH.powi(2) + MASKED_WIDEST.powi(2)) * (1.0 + ROUNDING);
        if own_mean.abs() > MASKED_REACH * (1.0 + ROUNDING) || !(0.0..=most).contains(&squares) {
            return None;
        }
        let (middle, unit) = (f64::from(middle), f64::from(unit));
        mean.push((middle + unit * own_mean) as f32);
        let variance = (squares - own_mean.powi(2)).max(0.0);
        deviation.push((unit * variance.sqrt()).max(LEAST_DEVIATION) as f32);
    }
    Some(Standardisation { mean, deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same numbers as in the test below, from NumPy.
    #[test]
    fn masked_sums_of_two_clients_give_the_statistics_of_all_frames() {
        let scale = Standardisation { mean: vec![1.0, 9.0], deviation: vec![2.5, 1.0] };
        let first = Sums::from_client(2, 100, 3, vec![7.0, 30.0], vec![21.0, 300.0]).unwrap();
        let second = Sums::from_client(2, 100, 2, vec![5.0, 20.0], vec![73.0, 200.0]).unwrap();
        let words = [masked_words(&first, &scale, 100), masked_words(&second, &scale, 100)];
        let sum: Vec<u64> = words[0].iter().zip(&words[1]).map(|(one, two)| one.wrapping_add(*two)).collect();
        let of_all = of_masked_words(&sum, &scale).unwrap();
        assert!((of_all.mean[0] - 2.4).abs() < 1e-4 && (of_all.mean[1] - 10.0).abs() < 1e-4, "{of_all:?}");
        assert!((of_all.deviation[0] - 3.611_094).abs() < 1e-4 && of_all.deviation[1] < 0.01, "{of_all:?}");
        // Noise, and what no clients within their bounds add up to.
        assert_eq!(of_masked_words(&[0; 5], &scale), None);
        assert_eq!(of_masked_words(&sum[..3], &scale), None);
        assert_eq!(of_masked_words(&[5, 1 << 40, 1 << 41, 0, 0], &scale), None);
    }

    #[test]
    fn what_a_client_brings_to_bear_on_masked_statistics_is_held() {
        let scale = Standardisation { mean: vec![0.0], deviation: vec![1.0] };
        let loud = Sums::from_client(1, 1_000, 1_000, vec![9.0e5], vec![9.0e8]).unwrap();
        let words = masked_words(&loud, &scale, 10);
        // Ten frames at three deviations, spread by three.
        assert_eq!(words, [10, 30 << 16, 180 << 16]);
        let low = Sums::from_client(1, 1_000, 2, vec![-8.0], vec![32.0]).unwrap();
        assert_eq!(masked_words(&low, &scale, 10)[1] as i64, -(6 << 16));
    }

    /// Two clients' frames of two features; the expected values are `numpy.mean` and `numpy.std` (ddof=0) of all five
    /// frames: `np.array([[1, 10], [2, 10], [4, 10], [8, 10], [-3, 10]], float)`.
    #[test]
    fn sums_of_two_clients_give_the_statistics_of_all_frames() {
        let first = Sums::from_client(2, 100, 3, vec![7.0, 30.0], vec![21.0, 300.0]).unwrap();
        let second = Sums::from_client(2, 100, 2, vec![5.0, 20.0], vec![73.0, 200.0]).unwrap();
        for influence in [None, Some(1.5)] {
            let (standardisation, _) = standardisation(&[&first, &second], influence).unwrap();
            assert_eq!(standardisation.mean, [2.4, 10.0]);
            assert!((standardisation.deviation[0] - 3.611_094).abs() < 1e-6);
            assert_eq!(standardisation.deviation[1], LEAST_DEVIATION as f32);
        }
    }

    /// `frames` frames of one feature with this mean and deviation.
    fn sums(frames: u64, mean: f64, deviation: f64) -> Sums {
        let count = frames as f64;
        let squares = count * (mean * mean + deviation * deviation);
        Sums::from_client(1, 100_000, frames, vec![count * mean], vec![squares]).unwrap()
    }

    #[test]
    fn one_client_of_four_moves_the_statistics_little_whatever_it_says() {
        let honest = [sums(400, 1.0, 2.0), sums(300, 1.4, 1.8), sums(500, 0.8, 2.2)];
        let [one, two, three] = &honest;
        let (alone, near) = standardisation(&[one, two, three], Some(1.5)).unwrap();
        assert!(near.iter().all(|distance| *distance < 0.5), "{near:?}");
        for lie in
            [sums(40_000, 9.0e5, 1.0e5), sums(40_000, -9.0e5, 0.0), sums(1, 5.0e5, 0.0), sums(100_000, 1.0, 9.0e5)]
        {
            let (with, distances) = standardisation(&[one, two, three, &lie], Some(1.5)).unwrap();
            // A third of the weight, a deviation away at most, of clients whose means differ by some tenths themselves.
            assert!((with.mean[0] - alone.mean[0]).abs() < 0.8, "{with:?}");
            assert!((1.5..3.0).contains(&with.deviation[0]), "{with:?}");
            assert!(distances[3] > 1_000.0 && distances[..3].iter().all(|distance| *distance < 0.5), "{distances:?}");
            let (spoilt, _) = standardisation(&[one, two, three, &lie], None).unwrap();
            assert!(
                spoilt.mean[0].abs() > 100.0 || spoilt.deviation[0] > 100.0,
                "without a limit it moves them: {spoilt:?}"
            );
        }
    }

    #[test]
    fn sums_of_all_are_those_of_their_frames_whichever_way_they_are_known() {
        let (first, second) = (sums(3, 1.0, 2.0), sums(5, -1.0, 0.5));
        let all = Sums::of_all([&first, &second]).unwrap();
        assert_eq!(all.frames, 8);
        let (apart, _) = standardisation(&[&first, &second], None).unwrap();
        let (together, _) = standardisation(&[&all], None).unwrap();
        assert_eq!(apart, together);
        let again = Sums::of_standardisation(8, &together);
        assert!(
            (again.sum[0] - all.sum[0]).abs() < 1.0e-6 && (again.sum_squares[0] - all.sum_squares[0]).abs() < 1.0e-6
        );
        let held = all.clone().held_at(4);
        assert_eq!((held.frames, standardisation(&[&held], None).unwrap().0), (4, together));
        assert_eq!((all.clone().held_at(8), Sums::of_all([])), (all, None));
    }

    #[test]
    fn sums_that_no_frames_can_have_are_refused() {
        let wrong = [
            (1, vec![1.0], vec![1.0, 1.0], "has"),
            (0, vec![0.0, 0.0], vec![0.0, 0.0], "no frame"),
            (9, vec![0.0, 0.0], vec![1.0, 1.0], "more frames than the examples have"),
            (2, vec![f64::NAN, 0.0], vec![1.0, 1.0], "NaN"),
            (2, vec![0.0, 0.0], vec![1.0, f64::INFINITY], "infinite"),
            (2, vec![0.0, 0.0], vec![1.0, -1.0], "negative squares"),
            (2, vec![3.0, 0.0], vec![4.0, 1.0], "Cauchy–Schwarz"),
            (2, vec![0.0, 0.0], vec![1.0e30, 1.0], "huge"),
        ];
        for (frames, sum, squares, why) in wrong {
            assert!(Sums::from_client(2, 8, frames, sum, squares).is_err(), "{why} passed");
        }
        assert_eq!(standardisation(&[], None), None);
    }
}
