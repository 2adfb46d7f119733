//! Sums of single clips' gradients, which noise hides one of: against gradient descent over all clips at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::ControlFlow;
use std::sync::Arc;

use client::{LocalRound, RoundWork};
use federation::{ClippedGradients, TrainRequest};
use models::{
    Architecture, Backend, Example, FEATURES, FRAMES, Learner, Optimiser, Step, TrainingPlan, initial_parameters,
};
use protocol::{ModelVersion, RoomCode, RoomConfig, Round, RoundTraining, Standardisation};

/// It has no dropout, so that a clip's gradient does not depend on which batch it is in.
const NETWORK: Architecture = Architecture::Lstm;
const LABELS: usize = 2;

fn clips(count: usize) -> Vec<Example> {
    let clip = |number: usize| {
        let value = |place: usize| ((place * (31 + 7 * number) + number) % 17) as f32 / 8.0 - 1.0;
        let values = (0..FRAMES * FEATURES).map(value).collect();
        Example { values, frames: FRAMES, text: Vec::new(), label: number % LABELS, variants: Vec::new() }
    };
    (0..count).map(clip).collect()
}

async fn go_on(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// How far the parameters come, of sums of gradients with this clip.
async fn moved(learner: &mut Learner, examples: &[Example], gradients: ClippedGradients) -> (Vec<f64>, LocalRound) {
    let labels = vec!["no".to_owned(), "yes".to_owned()];
    let room = RoomConfig::new(RoomCode::from_random(1), NETWORK.name(), 1, labels);
    let request = TrainRequest {
        round: Round(1),
        model_version: ModelVersion(0),
        model: Arc::new(initial_parameters(NETWORK, LABELS, 5)),
        standardisation: Standardisation { mean: vec![0.0; FEATURES], deviation: vec![1.0; FEATURES] },
        training: RoundTraining { settings: room.training, seed: 1 },
        proximal: 0.0,
        correction: None,
        gradients: Some(gradients),
        time_ms: None,
    };
    let work = RoundWork::of(&request, examples.len(), None);
    let done = client::local_round(learner, work, examples, &[], go_on).await.unwrap().unwrap();
    let pairs = done.parameters.iter().zip(request.model.iter());
    (pairs.map(|(after, before)| f64::from(*after) - f64::from(*before)).collect(), done)
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn where_nothing_is_clipped_it_is_the_gradient_of_all_clips() {
    pollster::block_on(async {
        let examples = clips(3);
        let mut learner = Learner::new(NETWORK, LABELS, Backend::Cpu).await.unwrap();
        let (sum, done) = moved(&mut learner, &examples, ClippedGradients { clip: 1.0e6, most: 100 }).await;
        assert_eq!((done.examples, done.steps), (3, 1));
        let before = initial_parameters(NETWORK, LABELS, 5);
        learner.set_parameters(&before).await.unwrap();
        let whole =
            TrainingPlan { batch_size: 3, optimiser: Optimiser::Sgd, learning_rate: 1.0, ..TrainingPlan::default() };
        let trained = learner.train(&examples, &whole, go_on).await.unwrap();
        assert!((trained.epochs[0].loss - done.training.loss).abs() < 1.0e-5);
        let after = learner.parameters().await.unwrap();
        let mean: Vec<f64> = after.iter().zip(&before).map(|(after, before)| f64::from(after - before)).collect();
        let apart: Vec<f64> = sum.iter().zip(&mean).map(|(sum, mean)| sum - 3.0 * mean).collect();
        assert!(norm(&mean) > 1.0e-3 && norm(&apart) < 1.0e-3 * norm(&sum), "{} of {}", norm(&apart), norm(&sum));
    });
}

#[test]
fn one_clip_more_moves_it_by_the_clip_at_most() {
    pollster::block_on(async {
        let examples = clips(4);
        let mut learner = Learner::new(NETWORK, LABELS, Backend::Cpu).await.unwrap();
        let gradients = ClippedGradients { clip: 0.01, most: 3 };
        let mut before = vec![0.0];
        for count in 1..=4 {
            let (sum, done) = moved(&mut learner, &examples[..count], gradients).await;
            before.resize(sum.len(), 0.0);
            let added: Vec<f64> = sum.iter().zip(&before).map(|(now, before)| now - before).collect();
            // The fourth is one more than are taken.
            let expected = if count <= 3 { 0.01 } else { 0.0 };
            assert!((norm(&added) - expected).abs() < 1.0e-5, "clip {count} adds {}", norm(&added));
            assert_eq!(done.examples, count.min(3) as u32);
            before = sum;
        }
    });
}
