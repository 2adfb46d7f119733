//! Federated standardisation: the mean and deviation of every feature over all clients' frames, from sums alone.
//!
//! mean = Σx / n, deviation = √(Σx² / n − mean²) (population), both over the frames of all clients.

use protocol::Standardisation;

/// A deviation is at least this, so that a feature that never changes is not divided by nothing.
const LEAST_DEVIATION: f64 = 1.0e-6;
/// No feature of real sound comes near this; larger sums would drown everyone else's.
const LARGEST_FEATURE: f64 = 1.0e6;
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
    /// Nothing counted yet.
    pub(crate) fn none(features: usize) -> Sums {
        Sums { frames: 0, sum: vec![0.0; features], sum_squares: vec![0.0; features] }
    }

    /// A client's sums, if they can be the sums of real frames. The error is for a person.
    pub(crate) fn from_client(
        features: usize,
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

    /// Adds a client's sums.
    pub(crate) fn add(&mut self, client: &Sums) {
        self.frames += client.frames;
        let all = self.sum.iter_mut().chain(&mut self.sum_squares);
        for (total, value) in all.zip(client.sum.iter().chain(&client.sum_squares)) {
            *total += value;
        }
    }

    /// Mean and deviation. `None`: no frames were counted.
    pub(crate) fn standardisation(&self) -> Option<Standardisation> {
        if self.frames == 0 {
            return None;
        }
        let count = self.frames as f64;
        let means = self.sum.iter().map(|sum| sum / count);
        let deviations = means.clone().zip(&self.sum_squares).map(|(mean, squares)| {
            let variance = squares / count - mean * mean;
            variance.max(0.0).sqrt().max(LEAST_DEVIATION)
        });
        Some(Standardisation {
            mean: means.map(|mean| mean as f32).collect(),
            deviation: deviations.map(|deviation| deviation as f32).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clients' frames of two features; the expected values are `numpy.mean` and `numpy.std` (ddof=0) of all five
    /// frames: `np.array([[1, 10], [2, 10], [4, 10], [8, 10], [-3, 10]], float)`.
    #[test]
    fn sums_of_two_clients_give_the_statistics_of_all_frames() {
        let first = Sums::from_client(2, 3, vec![7.0, 30.0], vec![21.0, 300.0]).unwrap();
        let second = Sums::from_client(2, 2, vec![5.0, 20.0], vec![73.0, 200.0]).unwrap();
        let mut all = Sums::none(2);
        all.add(&first);
        all.add(&second);
        let standardisation = all.standardisation().unwrap();
        assert_eq!(standardisation.mean, [2.4, 10.0]);
        assert!((standardisation.deviation[0] - 3.611_094).abs() < 1e-6);
        assert_eq!(standardisation.deviation[1], LEAST_DEVIATION as f32);
    }

    #[test]
    fn sums_that_no_frames_can_have_are_refused() {
        let wrong = [
            (1, vec![1.0], vec![1.0, 1.0], "has"),
            (0, vec![0.0, 0.0], vec![0.0, 0.0], "no frame"),
            (2, vec![f64::NAN, 0.0], vec![1.0, 1.0], "NaN"),
            (2, vec![0.0, 0.0], vec![1.0, f64::INFINITY], "infinite"),
            (2, vec![0.0, 0.0], vec![1.0, -1.0], "negative squares"),
            (2, vec![3.0, 0.0], vec![4.0, 1.0], "Cauchy–Schwarz"),
            (2, vec![0.0, 0.0], vec![1.0e30, 1.0], "huge"),
        ];
        for (frames, sum, squares, why) in wrong {
            assert!(Sums::from_client(2, frames, sum, squares).is_err(), "{why} passed");
        }
        assert_eq!(Sums::none(2).standardisation(), None);
    }
}
