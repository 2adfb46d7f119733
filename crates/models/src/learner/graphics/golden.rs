//! What the kernels compute, against what PyTorch does and against the processor. They need an adapter of WebGPU, which
//! most machines that build this have, if only in software: `cargo test --package models --features webgpu`. Debian's Chromium
//! brings one: `LD_LIBRARY_PATH=/usr/lib/chromium VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json` before it; the
//! two of `lstm` take very long there.

use std::ops::ControlFlow;

use pollster::block_on;

use super::*;
use crate::{
    Backend, Learner, Moved,
    clips::Sides,
    learner::golden::{self, Golden},
};

fn graphics(architecture: Architecture, parameters: &[f32]) -> Graphics {
    let graphics = block_on(Graphics::open(architecture, 4)).expect("there is an adapter");
    graphics.place(parameters);
    graphics
}

/// Trains on the golden clips, all in one batch and without dropout.
fn train(graphics: &mut Graphics, how: &TrainingPlan, clips: &[Example], statistics: &Standardisation) -> Vec<f64> {
    let mut course = graphics.begin(how).unwrap();
    course.key = None;
    let draw = || (0..clips.len()).map(|example| Drawn { example, way: 0, sides: Sides::Both }).collect();
    let mut telling = Telling::new(how, clips.len(), 4, async |_| ControlFlow::Continue(()));
    block_on(graphics.train(&mut course, how, clips, statistics, draw, &mut telling)).unwrap();
    telling.trained().epochs.iter().map(|epoch| epoch.loss).collect()
}

fn check(architecture: Architecture) {
    let golden = Golden::of(architecture);
    let layout = architecture.layout(4);
    let statistics = golden::standardisation(architecture);
    let clips = golden::clips(architecture);
    let start = golden::weights(&layout);
    let mut graphics = graphics(architecture, &start);

    let seen: Vec<Seen<'_>> = clips.iter().map(Example::seen).collect();
    let logits = block_on(graphics.logits(&seen, &statistics)).unwrap();
    for (ours, theirs) in logits.iter().zip(&golden.logits) {
        assert!((f64::from(*ours) - theirs).abs() < 5e-6, "{architecture}: logit {ours}, PyTorch {theirs}");
    }

    // Plain descent by a power of two is the gradient, but for one rounding.
    let rate = 1024.0;
    let plain = TrainingPlan { optimiser: Optimiser::Sgd, learning_rate: rate, ..TrainingPlan::default() };
    train(&mut graphics, &plain, &clips, &statistics);
    let moved = block_on(graphics.parameters()).unwrap();
    let difference = |(before, after): (&f32, &f32)| ((f64::from(*before) - f64::from(*after)) / rate) as f32;
    let gradient: Vec<f32> = start.iter().zip(&moved).map(difference).collect();
    for (spec, golden) in layout.tensors.iter().zip(&golden.gradients) {
        // Of some 300,000 sums one or two are so near to zero that their roundings decide whether ReLU lets them through, and
        // then one term of a few gradients differs.
        golden::agrees(&spec.name, &gradient[spec.range()], golden, 2e-4);
    }

    graphics.place(&start);
    let adam = TrainingPlan { learning_rate: 1e-3, ..TrainingPlan::default() };
    train(&mut graphics, &adam, &clips, &statistics);
    let moved = block_on(graphics.parameters()).unwrap();
    for (spec, golden) in layout.tensors.iter().zip(&golden.after_one_step) {
        golden::agrees(&spec.name, &moved[spec.range()], golden, 1e-4);
    }

    graphics.place(&start);
    let losses = train(&mut graphics, &TrainingPlan { epochs: 4, ..adam }, &clips, &statistics);
    for ((ours, theirs), tolerance) in losses.iter().zip(&golden.losses).zip([2e-6, 1e-3, 2e-3, 4e-3]) {
        assert!((ours - theirs).abs() < tolerance, "{architecture}: loss {ours}, PyTorch {theirs}");
    }
}

#[test]
fn dense_computes_what_pytorch_computes() {
    check(Architecture::Dense);
}

#[test]
fn conv_computes_what_pytorch_computes() {
    check(Architecture::Conv);
}

#[test]
fn lstm_computes_what_pytorch_computes() {
    check(Architecture::Lstm);
}

#[test]
fn lstm_padded_computes_what_pytorch_computes() {
    check(Architecture::LstmPadded);
}

#[test]
fn compact_computes_what_pytorch_computes() {
    check(Architecture::Compact);
}

/// The head alone, its biases alone, with dropout before them and a pull on them.
#[test]
fn what_is_to_stay_stays_and_the_rest_moves_as_on_the_processor() {
    let clips = golden::clips(Architecture::Compact);
    for (architecture, moved) in [(Architecture::Compact, Moved::Head), (Architecture::Conv, Moved::Bias)] {
        let how = TrainingPlan {
            epochs: 3,
            batch_size: 4,
            learning_rate: 0.02,
            proximal: 0.1,
            moved,
            ..TrainingPlan::default()
        };
        let trained = |backend: Backend| {
            block_on(async {
                let mut learner = Learner::new(architecture, 4, backend).await.unwrap();
                let start = learner.parameters().await.unwrap();
                learner.train(&clips, &how, async |_| ControlFlow::Continue(())).await.unwrap();
                (start, learner.parameters().await.unwrap())
            })
        };
        let ((start, ours), (_, theirs)) = (trained(Backend::WebGpu), trained(Backend::Cpu));
        let first = if moved == Moved::Head { architecture.head(4).start } else { start.len() - 4 };
        assert_eq!(ours[..first], start[..first], "{architecture}");
        for ((ours, theirs), start) in ours[first..].iter().zip(&theirs[first..]).zip(&start[first..]) {
            // The weights of a unit that is silent in all clips have no gradient, here as there.
            assert!(
                (ours - theirs).abs() < 1e-3 && (ours == start) == (theirs == start),
                "{architecture}: {ours} from {start}, the processor has {theirs}"
            );
        }
        let moved = ours[first..].iter().zip(&start[first..]).filter(|(ours, start)| ours != start).count();
        assert!(2 * moved > ours.len() - first, "{architecture}: {moved} of {} moved", ours.len() - first);
    }
}

/// The same training as on the processor, with what it drops and what is added to its gradients.
#[test]
fn it_drops_and_pulls_as_the_processor_does() {
    let mut clips = golden::clips(Architecture::Compact);
    // Fifteen clips in batches of six: the last one is smaller, and no batch's masks end where a block does.
    clips.extend_from_within(..);
    clips.extend_from_within(..3);
    for architecture in [Architecture::Compact, Architecture::Conv] {
        let correction: Vec<f32> =
            golden::weights(&architecture.layout(4)).iter().map(|weight| weight * 1e-3).collect();
        for optimiser in [Optimiser::Sgd, Optimiser::Adam] {
            let how = TrainingPlan {
                epochs: 2,
                batch_size: 6,
                optimiser,
                learning_rate: 1e-3,
                proximal: 0.1,
                correction: Some(correction.clone()),
                moved: Moved::All,
                seed: 5,
            };
            let trained = |backend: Backend| {
                block_on(async {
                    let mut learner = Learner::new(architecture, 4, backend).await.unwrap();
                    let start = learner.parameters().await.unwrap();
                    let trained = learner.train(&clips, &how, async |_| ControlFlow::Continue(())).await.unwrap();
                    let evaluation = learner.evaluate(&clips).await.unwrap();
                    (start, learner.parameters().await.unwrap(), trained, evaluation)
                })
            };
            let (start, ours, told, evaluation) = trained(Backend::WebGpu);
            let (_, theirs, their_told, their_evaluation) = trained(Backend::Cpu);
            let norm = |differences: &mut dyn Iterator<Item = f32>| {
                differences.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
            };
            let moved = norm(&mut theirs.iter().zip(&start).map(|(after, before)| after - before));
            let apart = norm(&mut theirs.iter().zip(&ours).map(|(theirs, ours)| theirs - ours));
            assert!(apart < 1e-3 * moved, "{architecture} {optimiser:?}: {apart} apart of {moved} moved");
            assert_eq!((told.steps, told.epochs.len()), (their_told.steps, 2));
            for (ours, theirs) in told.epochs.iter().zip(&their_told.epochs) {
                assert!((ours.loss - theirs.loss).abs() < 1e-3, "{ours:?} {theirs:?}");
            }
            assert!((evaluation.loss - their_evaluation.loss).abs() < 1e-3);
            assert_eq!(evaluation.examples, their_evaluation.examples);
        }
    }
}

#[test]
fn it_stops_soon_and_tells_of_divergence() {
    let clips = golden::clips(Architecture::Compact);
    block_on(async {
        let mut learner = Learner::new(Architecture::Compact, 4, Backend::WebGpu).await.unwrap();
        let how = TrainingPlan { epochs: 1000, batch_size: 2, ..TrainingPlan::default() };
        let mut heard = 0;
        let trained = learner.train(&clips, &how, async |_| {
            heard += 1;
            if heard == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let trained = trained.await.unwrap();
        assert!(trained.stopped && (5..5 + 2 + STEPS_AHEAD[1] as u32).contains(&trained.steps), "{trained:?}");
        let how = TrainingPlan { epochs: 20, learning_rate: 1e30, ..how };
        let told = learner.train(&clips, &how, async |_| ControlFlow::Continue(())).await;
        assert!(matches!(told, Err(ModelError::Diverged { .. })), "{told:?}");
    });
}

#[test]
fn a_network_that_reads_is_left_to_the_processor() {
    let refused = block_on(Graphics::open(Architecture::CompactText, 4)).err();
    assert_eq!(refused, Some(ModelError::ProcessorAlone { architecture: Architecture::CompactText }));
}
