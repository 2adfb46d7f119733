//! A participant's work in a round as plain data: what it was asked for, in a learner's words, and what the room's rules
//! are told of the result. The work itself is [`crate::local_round`], which may run in another worker.

use std::borrow::Cow;

use federation::{ClippedGradients, Input, TrainRequest, local_work};
use models::{Standardisation, TrainingPlan};
use protocol::{Evaluation, TrainingResult};

use crate::translate;

/// What a round asks of a learner.
#[derive(Clone, Debug)]
pub struct RoundWork<'a> {
    /// The parameters from which training starts.
    pub model: Cow<'a, [f32]>,
    /// How features are standardised.
    pub standardisation: Standardisation,
    /// How to train, without its correction.
    pub training: TrainingPlan,
    /// SCAFFOLD's correction, as long as the parameters.
    pub correction: Option<Cow<'a, [f32]>>,
    /// Steps after which training ends, at least 1; `None`: after the plan's epochs.
    pub most_steps: Option<u32>,
    /// In place of training: the sum of the clips' gradients.
    pub gradients: Option<ClippedGradients>,
}

impl<'a> RoundWork<'a> {
    /// A round's work with so many examples, where a step takes `step_ms` (above 0) as far as that is known: where the room has
    /// slow clients do fewer steps, no more than fit into the time that there is.
    pub fn of(request: &'a TrainRequest, examples: usize, step_ms: Option<f64>) -> Self {
        let protocol::RoundTraining { settings, seed } = request.training;
        Self {
            model: Cow::Borrowed(&request.model),
            standardisation: translate::standardisation(&request.standardisation),
            training: TrainingPlan { proximal: request.proximal, ..translate::training_plan(settings, seed) },
            correction: request.correction.as_ref().map(|correction| Cow::Borrowed(&correction[..])),
            most_steps: request.time_ms.zip(step_ms).map(|(time_ms, step_ms)| {
                let whole = local_work::whole_steps(&settings, u32::try_from(examples).unwrap_or(u32::MAX));
                local_work::fitting_steps(step_ms, time_ms, whole)
            }),
            gradients: request.gradients,
        }
    }
}

/// What a participant's work in a round gives.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalRound {
    /// The received model on the held-back examples; `None` where there are none.
    pub evaluation: Option<Evaluation>,
    /// The parameters after training.
    pub parameters: Vec<f32>,
    /// Examples trained on.
    pub examples: u32,
    /// Steps of the optimiser.
    pub steps: u32,
    /// How the last epoch went.
    pub training: TrainingResult,
}

impl LocalRound {
    /// What the participant's rules are told of it, in this order.
    pub fn into_inputs(self, request: &TrainRequest) -> impl Iterator<Item = Input> {
        let TrainRequest { round, model_version, .. } = *request;
        let Self { evaluation, parameters, examples, steps, training } = self;
        let evaluated = evaluation.map(|evaluation| Input::Evaluated { model_version, evaluation });
        let trained = Input::Trained { round, model_version, parameters, examples, steps, training };
        evaluated.into_iter().chain([trained])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::{ModelVersion, RoomCode, RoomConfig, Round};

    use super::*;

    fn request() -> TrainRequest {
        let room = RoomConfig::new(RoomCode::from_random(1), "compact", 3, vec!["no".to_owned(), "yes".to_owned()]);
        TrainRequest {
            round: Round(5),
            model_version: ModelVersion(4),
            model: Arc::new(vec![0.5, -1.0, 2.0]),
            standardisation: protocol::Standardisation { mean: vec![1.0], deviation: vec![2.0] },
            training: protocol::RoundTraining { settings: room.training, seed: 9 },
            proximal: 0.125,
            gradients: None,
            correction: Some(Arc::new(vec![1.0, 2.0, 3.0])),
            time_ms: None,
        }
    }

    #[test]
    fn what_a_strategy_adds_arrives() {
        let request = request();
        let work = RoundWork::of(&request, 30, Some(10.0));
        assert_eq!(*work.model, [0.5, -1.0, 2.0]);
        assert_eq!(work.correction.as_deref(), Some(&[1.0, 2.0, 3.0][..]));
        assert_eq!((work.training.proximal, work.training.seed, work.training.epochs), (0.125, 9, 2));
        assert_eq!(work.standardisation, Standardisation { mean: vec![1.0], deviation: vec![2.0] });
        let plain = TrainRequest { correction: None, ..request.clone() };
        assert_eq!(RoundWork::of(&plain, 30, None).correction, None);
    }

    #[test]
    fn steps_are_counted_where_the_room_wants_that_and_a_step_was_measured() {
        // Two epochs of two batches of 20.
        let steps = |time_ms, step_ms| {
            let request = TrainRequest { time_ms, ..request() };
            RoundWork::of(&request, 30, step_ms).most_steps
        };
        assert_eq!(steps(None, Some(10.0)), None);
        assert_eq!(steps(Some(30), None), None);
        assert_eq!(steps(Some(30), Some(10.0)), Some(3));
        assert_eq!(steps(Some(3_000), Some(10.0)), Some(4), "no more than all of them");
        assert_eq!(steps(Some(0), Some(10.0)), Some(1), "one is done in any case");
    }

    #[test]
    fn the_rules_hear_of_the_received_model_first() {
        let evaluation = Evaluation { examples: 1, loss: 0.5, accuracy: 1.0, confusion: vec![vec![1, 0], vec![0, 0]] };
        let training = TrainingResult { loss: 0.25, accuracy: 0.75 };
        let done =
            LocalRound { evaluation: Some(evaluation.clone()), parameters: vec![1.0], examples: 8, steps: 2, training };
        let inputs: Vec<Input> = done.clone().into_inputs(&request()).collect();
        let [
            Input::Evaluated { model_version, evaluation: said },
            Input::Trained { round, parameters, examples, steps, .. },
        ] = &inputs[..]
        else {
            panic!("{inputs:?}")
        };
        assert_eq!((*model_version, said), (ModelVersion(4), &evaluation));
        assert_eq!((*round, &parameters[..], *examples, *steps), (Round(5), &[1.0][..], 8, 2));
        assert_eq!(LocalRound { evaluation: None, ..done }.into_inputs(&request()).count(), 1);
    }
}
