//! What a room's messages say, in the words of whoever trains, and the other way round. `protocol` and `models` do not
//! know each other; where both have a thing, this is the one place where it goes from one into the other.

use models::EpochReport;
use protocol::limits::MAX_LOSS;
use protocol::{TrainingResult, TrainingSettings};

/// How features are standardised.
pub fn standardisation(of: &protocol::Standardisation) -> models::Standardisation {
    models::Standardisation { mean: of.mean.clone(), deviation: of.deviation.clone() }
}

/// How a model did. Of one that is so far off that its loss is no number, or more than can be said, the most is said: what it
/// finds is right or wrong all the same.
pub fn evaluation(of: models::Evaluation) -> protocol::Evaluation {
    let models::Evaluation { examples, loss, accuracy, confusion } = of;
    // The smaller of a number and NaN is the number.
    protocol::Evaluation { examples: examples as u32, loss: loss.min(MAX_LOSS), accuracy, confusion }
}

/// How training went in an epoch.
pub fn training_result(of: &EpochReport) -> TrainingResult {
    TrainingResult { loss: of.loss, accuracy: of.accuracy }
}

/// A room's local settings, with the seed of a round. What a strategy adds to gradients is the round's
/// ([`crate::RoundWork`]); what happens to clips is told by [`crate::example`].
pub fn training_plan(settings: TrainingSettings, seed: u32) -> models::TrainingPlan {
    let TrainingSettings { epochs, batch_size, optimiser, learning_rate, augmentation: _ } = settings;
    models::TrainingPlan {
        epochs,
        batch_size: batch_size as usize,
        optimiser: self::optimiser(optimiser),
        learning_rate,
        seed: u64::from(seed),
        proximal: 0.0,
        correction: None,
        moved: models::Moved::All,
    }
}

fn optimiser(of: protocol::Optimiser) -> models::Optimiser {
    match of {
        protocol::Optimiser::Adam => models::Optimiser::Adam,
        protocol::Optimiser::Sgd => models::Optimiser::Sgd,
    }
}

#[cfg(test)]
mod tests {
    use protocol::Augmentation;

    use super::*;

    #[test]
    fn every_setting_of_a_room_arrives() {
        let settings = |optimiser| TrainingSettings {
            epochs: 3,
            batch_size: 7,
            optimiser,
            learning_rate: 0.25,
            augmentation: Augmentation::Speed,
        };
        let expected = models::TrainingPlan {
            epochs: 3,
            batch_size: 7,
            optimiser: models::Optimiser::Sgd,
            learning_rate: 0.25,
            proximal: 0.0,
            correction: None,
            moved: models::Moved::All,
            seed: 4_000_000_000,
        };
        assert_eq!(training_plan(settings(protocol::Optimiser::Sgd), 4_000_000_000), expected);
        assert_eq!(training_plan(settings(protocol::Optimiser::Adam), 1).optimiser, models::Optimiser::Adam);
    }

    #[test]
    fn numbers_are_not_touched() {
        let told = protocol::Standardisation { mean: vec![0.1, -2.0], deviation: vec![3.5, 1e-6] };
        let models::Standardisation { mean, deviation } = standardisation(&told);
        assert_eq!((mean, deviation), (told.mean, told.deviation));

        let confusion = vec![vec![2, 1], vec![0, 3]];
        let found = models::Evaluation { examples: 6, loss: 0.7, accuracy: 5.0 / 6.0, confusion: confusion.clone() };
        let said = protocol::Evaluation { examples: 6, loss: 0.7, accuracy: 5.0 / 6.0, confusion };
        assert_eq!(evaluation(found.clone()), said);
        for beyond in [f64::NAN, f64::INFINITY, 1e7] {
            assert_eq!(evaluation(models::Evaluation { loss: beyond, ..found.clone() }).loss, 1e6);
        }
        let last = EpochReport { loss: 1.5, accuracy: 0.25 };
        assert_eq!(training_result(&last), TrainingResult { loss: 1.5, accuracy: 0.25 });
    }
}
