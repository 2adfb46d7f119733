//! The learner as its users see it: what goes in, what comes out, what is refused.

use std::ops::ControlFlow;

use models::{
    Architecture, Backend, Example, FEATURES, FRAMES, Learner, ModelError, Optimiser, Standardisation, Step, Trained,
    TrainingPlan, Variant, initial_parameters,
};
use pollster::block_on;

/// A clip whose first features rise with its label; nothing else tells the labels apart.
fn clip(label: usize, take: usize, frames: usize) -> Example {
    let mut values = vec![0.0; FRAMES * FEATURES];
    for (i, value) in values[..frames * FEATURES].iter_mut().enumerate() {
        let noise = ((i * 31 + take * 977 + label * 13) % 101) as f32 / 50.0 - 1.0;
        *value = noise + if i % FEATURES < 8 { 1.5 * (label as f32 - 0.5) } else { 0.0 };
    }
    Example { values, frames, text: Vec::new(), label, variants: Vec::new() }
}

fn clips(count: usize) -> Vec<Example> {
    (0..count).map(|i| clip(i % 2, i, 40 + i % 60)).collect()
}

fn learner(architecture: Architecture, labels: usize) -> Learner {
    block_on(Learner::new(architecture, labels, Backend::Cpu)).expect("the CPU is always there")
}

fn train(learner: &mut Learner, data: &[Example], how: &TrainingPlan) -> Result<Trained, ModelError> {
    block_on(learner.train(data, how, async |_| ControlFlow::Continue(())))
}

#[test]
fn parameter_counts_are_those_of_the_design() {
    assert_eq!(Architecture::Dense.parameters(4), 26_008_068);
    assert_eq!(Architecture::Conv.parameters(4), 1_832_004);
    assert_eq!(Architecture::Lstm.parameters(4), 3_484_164);
    assert!(Architecture::Compact.parameters(16) <= 200_000);
    assert_eq!(Architecture::CompactText.parameters(4), 176_441);
    assert!(Architecture::CompactText.parameters(16) <= 200_000);
}

#[test]
fn a_layout_has_no_gaps_and_no_name_twice() {
    for architecture in Architecture::ALL {
        for labels in [2, 4, 16] {
            let layout = architecture.layout(labels);
            let mut end = 0;
            for spec in &layout.tensors {
                assert_eq!(spec.offset, end, "{architecture} {}", spec.name);
                end = spec.range().end;
            }
            assert_eq!(end, layout.total());
            let mut names: Vec<_> = layout.tensors.iter().map(|spec| &spec.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), layout.tensors.len());
            let sum: usize = architecture.layers(labels).iter().map(|layer| layer.parameters()).sum();
            assert_eq!(sum, layout.total());
        }
    }
    let conv = Architecture::Conv.layout(4);
    assert_eq!(conv.tensors[2].name, "convolution_2.kernel");
    assert_eq!(conv.tensors[2].shape, [3, 512, 128]);
}

#[test]
fn names_are_read_back() {
    for architecture in Architecture::ALL {
        assert_eq!(architecture.name().parse(), Ok(architecture));
    }
    assert!("Conv ".parse::<Architecture>().is_err());
}

#[test]
fn first_parameters_follow_the_seed_and_keras() {
    let first = initial_parameters(Architecture::Lstm, 4, 7);
    assert_eq!(first, initial_parameters(Architecture::Lstm, 4, 7));
    assert_ne!(first, initial_parameters(Architecture::Lstm, 4, 8));
    let layout = Architecture::Lstm.layout(4);
    let tensor = |name: &str| {
        let spec = layout.tensors.iter().find(|spec| spec.name == name).expect("the layout names it");
        &first[spec.range()]
    };
    // Glorot: uniform within the root of 6 / (34 + 2048), so that the variance is 2 / (34 + 2048).
    let kernel = tensor("lstm_1.kernel");
    let limit = (6.0_f32 / (34.0 + 2048.0)).sqrt();
    assert!(kernel.iter().all(|value| value.abs() <= limit));
    let variance = kernel.iter().map(|value| value * value).sum::<f32>() / kernel.len() as f32;
    assert!((variance * (34.0 + 2048.0) / 2.0 - 1.0).abs() < 0.02);
    // Orthogonal: rows of length one, at right angles.
    let rows: Vec<&[f32]> = tensor("lstm_2.recurrent").chunks(2048).collect();
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    assert_eq!(rows.len(), 512);
    for row in &rows {
        assert!((product(row, row) - 1.0).abs() < 1e-5);
        assert!(product(row, rows[511]).abs() < 1e-5 || std::ptr::eq(*row, rows[511]));
    }
    let bias = tensor("lstm_1.bias");
    assert!((0..2048).all(|i| bias[i] == if (512..1024).contains(&i) { 1.0 } else { 0.0 }));
}

#[test]
fn parameters_come_back_bit_for_bit() {
    for architecture in [Architecture::Conv, Architecture::Lstm, Architecture::Compact] {
        let mut learner = learner(architecture, 5);
        let given = initial_parameters(architecture, 5, 99);
        block_on(learner.set_parameters(&given)).unwrap();
        assert_eq!(block_on(learner.parameters()).unwrap(), given);
    }
}

#[test]
fn training_lowers_the_loss_of_every_model() {
    for (architecture, epochs) in
        [(Architecture::Compact, 15), (Architecture::Conv, 4), (Architecture::Dense, 3), (Architecture::Lstm, 2)]
    {
        let data = clips(12);
        let mut learner = learner(architecture, 2);
        let before = block_on(learner.evaluate(&data)).unwrap();
        let how = TrainingPlan { epochs, batch_size: 6, ..TrainingPlan::default() };
        let trained = train(&mut learner, &data, &how).unwrap();
        assert_eq!(trained.steps, 2 * epochs);
        assert_eq!(trained.epochs.len(), epochs as usize);
        let after = block_on(learner.evaluate(&data)).unwrap();
        assert!(after.loss < 0.9 * before.loss, "{architecture}: {} then {}", before.loss, after.loss);
    }
}

#[test]
fn the_same_seed_trains_the_same_model() {
    let data = clips(10);
    let run = |seed| {
        let mut learner = learner(Architecture::Compact, 2);
        train(&mut learner, &data, &TrainingPlan { epochs: 2, batch_size: 4, seed, ..TrainingPlan::default() })
            .unwrap();
        block_on(learner.parameters()).unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_last_batch_may_be_smaller_and_every_step_is_told() {
    let mut steps: Vec<Step> = Vec::new();
    let how = TrainingPlan { epochs: 2, batch_size: 4, ..TrainingPlan::default() };
    let mut learner = learner(Architecture::Compact, 2);
    let told = block_on(learner.train(&clips(10), &how, async |step| {
        steps.push(step);
        ControlFlow::Continue(())
    }));
    assert!(!told.unwrap().stopped);
    let places: Vec<_> = steps.iter().map(|step| (step.epoch, step.step)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]);
    assert!(steps.iter().all(|step| step.steps == 3 && step.epochs == 2 && step.loss.is_some_and(f32::is_finite)));
    // Two of the last batch's ten: its accuracy is a multiple of a half.
    assert_eq!((2.0 * steps[2].accuracy.unwrap()).fract(), 0.0);
}

#[test]
fn a_course_in_two_parts_remembers_its_optimiser() {
    // One clip, so that shuffling has nothing to do.
    let data = clips(1);
    let whole = TrainingPlan { epochs: 2, ..TrainingPlan::default() };
    let half = TrainingPlan { epochs: 1, ..TrainingPlan::default() };
    let parameters = |learner: &Learner| block_on(learner.parameters()).unwrap();
    let (mut at_once, mut in_parts, mut fresh) =
        (learner(Architecture::Compact, 2), learner(Architecture::Compact, 2), learner(Architecture::Compact, 2));
    train(&mut at_once, &data, &whole).unwrap();
    let mut course = in_parts.begin(&half).unwrap();
    for _ in 0..2 {
        block_on(in_parts.go_on(&mut course, &data, async |_| ControlFlow::Continue(()))).unwrap();
        train(&mut fresh, &data, &half).unwrap();
    }
    assert_eq!(parameters(&in_parts), parameters(&at_once));
    assert_ne!(parameters(&fresh), parameters(&at_once), "an optimiser that forgets goes elsewhere");
}

#[test]
fn the_callback_stops_training() {
    let mut learner = learner(Architecture::Compact, 2);
    let how = TrainingPlan { epochs: 50, batch_size: 4, ..TrainingPlan::default() };
    let stop = block_on(learner.train(&clips(10), &how, async |step| {
        if (step.epoch, step.step) == (2, 1) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
    let trained = stop.unwrap();
    assert!(trained.stopped);
    assert_eq!((trained.steps, trained.epochs.len()), (4, 2));
}

#[test]
fn evaluation_agrees_with_prediction() {
    let data: Vec<Example> = (0..45).map(|i| clip(i % 3, i, 20 + i)).collect();
    let mut learner = learner(Architecture::Compact, 3);
    let evaluation = block_on(learner.evaluate(&data)).unwrap();
    let rows = block_on(learner.predict(&data)).unwrap();
    let mut confusion = vec![vec![0; 3]; 3];
    let mut loss = 0.0;
    for (row, example) in rows.iter().zip(&data) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let best = (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        confusion[example.label][best] += 1;
        loss -= f64::from(row[example.label].ln());
    }
    assert_eq!(evaluation.confusion, confusion);
    assert_eq!(evaluation.examples, 45);
    let right: u32 = (0..3).map(|label| confusion[label][label]).sum();
    assert_eq!(evaluation.accuracy, f64::from(right) / 45.0);
    assert!((evaluation.loss - loss / 45.0).abs() < 1e-5);
    // All labels occur 15 times, so that average recall is accuracy.
    assert!((evaluation.uar() - evaluation.accuracy).abs() < 1e-12);
}

#[test]
fn what_lies_beyond_the_real_frames_has_no_say() {
    let mut short = clip(0, 1, 30);
    for architecture in Architecture::ALL {
        let mut learner = learner(architecture, 4);
        let statistics = Standardisation { mean: vec![0.3; FEATURES], deviation: vec![2.0; FEATURES] };
        learner.set_standardisation(statistics).unwrap();
        let before = block_on(learner.predict(std::slice::from_ref(&short))).unwrap();
        short.values[30 * FEATURES..].fill(f32::NAN);
        assert_eq!(block_on(learner.predict(std::slice::from_ref(&short))).unwrap(), before);
        short.values[30 * FEATURES..].fill(1e9);
        assert_eq!(block_on(learner.predict(std::slice::from_ref(&short))).unwrap(), before);
    }
}

#[test]
fn compact_hears_the_same_in_a_clip_whatever_else_is_in_the_batch() {
    let mut learner = learner(Architecture::Compact, 4);
    let data = [clip(0, 1, 1), clip(1, 2, 7), clip(0, 3, 100), clip(1, 4, 55)];
    let together = block_on(learner.predict(&data)).unwrap();
    for (example, together) in data.iter().zip(&together) {
        let alone = block_on(learner.predict(std::slice::from_ref(example))).unwrap();
        for (alone, together) in alone[0].iter().zip(together) {
            assert!((alone - together).abs() < 1e-6);
        }
    }
}

#[test]
fn wrong_examples_are_refused_and_change_nothing() {
    let mut learner = learner(Architecture::Compact, 2);
    let before = block_on(learner.parameters()).unwrap();
    let mut refused = |example: Example| train(&mut learner, &[clip(0, 0, 50), example], &TrainingPlan::default());
    let mut poisoned = clip(0, 1, 50);
    poisoned.values[3 * FEATURES + 5] = f32::NAN;
    assert_eq!(refused(poisoned), Err(ModelError::NotFinite { index: 1, frame: 3 }));
    assert_eq!(refused(clip(2, 1, 50)), Err(ModelError::Label { index: 1, label: 2, labels: 2 }));
    let silent = Example { frames: 0, ..clip(0, 1, 50) };
    assert_eq!(refused(silent), Err(ModelError::Shape { index: 1, values: 6000, frames: 0 }));
    let long = Example { frames: 101, ..clip(0, 1, 50) };
    assert_eq!(refused(long), Err(ModelError::Shape { index: 1, values: 6000, frames: 101 }));
    let narrow = Example { values: vec![0.0; 99], ..clip(0, 1, 50) };
    assert_eq!(refused(narrow), Err(ModelError::Shape { index: 1, values: 99, frames: 50 }));
    assert_eq!(train(&mut learner, &[], &TrainingPlan::default()), Err(ModelError::NoExamples));
    assert_eq!(block_on(learner.evaluate(&[])), Err(ModelError::NoExamples));
    assert_eq!(block_on(learner.predict(&[])), Err(ModelError::NoExamples));
    assert_eq!(block_on(learner.parameters()).unwrap(), before);
}

#[test]
fn wrong_parameters_statistics_and_plans_are_refused() {
    let mut learner = learner(Architecture::Compact, 2);
    let mut given = initial_parameters(Architecture::Compact, 2, 0);
    let expected = given.len();
    let short = block_on(learner.set_parameters(&given[1..]));
    assert_eq!(short, Err(ModelError::Length { expected, given: expected - 1 }));
    given[12] = f32::INFINITY;
    assert_eq!(block_on(learner.set_parameters(&given)), Err(ModelError::ParameterNotFinite { index: 12 }));
    let flat = Standardisation { mean: vec![0.0; FEATURES], deviation: vec![0.0; FEATURES] };
    assert_eq!(learner.set_standardisation(flat), Err(ModelError::Standardisation));
    for how in [
        TrainingPlan { epochs: 0, ..TrainingPlan::default() },
        TrainingPlan { batch_size: 0, ..TrainingPlan::default() },
        TrainingPlan { learning_rate: f64::NAN, ..TrainingPlan::default() },
    ] {
        assert!(matches!(train(&mut learner, &clips(2), &how), Err(ModelError::Plan { .. })));
    }
    for labels in [0, 1, 17] {
        let refused = block_on(Learner::new(Architecture::Compact, labels, Backend::Cpu)).err();
        assert_eq!(refused, Some(ModelError::Labels { labels }));
    }
}

#[test]
fn a_learning_rate_far_too_high_ends_in_an_error_not_in_a_panic() {
    let mut learner = learner(Architecture::Compact, 2);
    let how = TrainingPlan { epochs: 20, learning_rate: 1e30, ..TrainingPlan::default() };
    assert!(matches!(train(&mut learner, &clips(10), &how), Err(ModelError::Diverged { .. })));
}

#[cfg(not(feature = "webgpu"))]
#[test]
fn without_webgpu_its_backend_is_refused() {
    let refused = block_on(Learner::new(Architecture::Compact, 2, Backend::WebGpu)).err();
    assert_eq!(refused, Some(ModelError::BackendMissing { backend: "WebGPU", feature: "webgpu" }));
}

#[test]
fn standardisation_counts_real_frames_only() {
    let statistics = Standardisation::of(&[clip(0, 1, 60), clip(1, 2, 40)]);
    let mut learner = learner(Architecture::Compact, 2);
    let constant = statistics.mean.clone();
    learner.set_standardisation(statistics).unwrap();
    // Frames that equal the mean become zeros, as padding is: a clip of 100 of them and one of 10 sound alike.
    let mean =
        |frames| Example { values: constant.repeat(FRAMES), frames, text: Vec::new(), label: 0, variants: Vec::new() };
    let rows = block_on(learner.predict(&[mean(100), mean(10)])).unwrap();
    assert_eq!(rows[0], rows[1]);
}

/// In training a clip is seen in one of its ways, each about as often; the answer for it is the mean over all.
#[test]
fn variants_are_drawn_in_training_and_averaged_otherwise() {
    let own = clip(0, 1, 40);
    let other = clip(1, 2, 60);
    let varied =
        Example { variants: vec![Variant { values: other.values.clone(), frames: other.frames }], ..own.clone() };
    let mut learner = learner(Architecture::Compact, 2);
    let rows = block_on(learner.predict(&[own.clone(), other.clone(), varied.clone()])).unwrap();
    // The mean of logits is, after the softmax, the geometric mean of probabilities, made to sum to one.
    let geometric: Vec<f32> = rows[0].iter().zip(&rows[1]).map(|(a, b)| (a * b).sqrt()).collect();
    for (found, expected) in rows[2].iter().zip(&geometric) {
        assert!((found - expected / geometric.iter().sum::<f32>()).abs() < 1e-6);
    }
    let statistics = Standardisation::of([&own]);
    assert_eq!(Standardisation::of([&varied]), statistics);

    // Trained without moving, so that the only thing that differs from step to step is what was drawn.
    let still =
        TrainingPlan { epochs: 200, learning_rate: 1e-30, optimiser: Optimiser::Sgd, ..TrainingPlan::default() };
    let losses = |learner: &mut Learner, example: &Example| -> Vec<f64> {
        let trained = train(learner, std::slice::from_ref(example), &still).unwrap();
        trained.epochs.iter().map(|epoch| epoch.loss).collect()
    };
    let both = [losses(&mut learner, &own), losses(&mut learner, &Example { label: 0, ..other })];
    let drawn = losses(&mut learner, &varied);
    let of = |which: usize| (0..200).filter(|&epoch| drawn[epoch] == both[which][epoch]).count();
    assert_eq!(of(0) + of(1), 200, "each is one of the two, with the same dropout");
    assert!((70..=130).contains(&of(0)), "{} of 200 are the clip as it is", of(0));
    assert_eq!(losses(&mut learner, &varied), drawn, "the seed decides");

    let damaged = Example { variants: vec![Variant { values: vec![0.0; 3], frames: 1 }], ..own };
    assert_eq!(block_on(learner.evaluate(&[damaged])), Err(ModelError::Shape { index: 0, values: 3, frames: 1 }));
}

/// A text of ten pieces, of which one says the label.
fn saying(label: usize, take: usize) -> Vec<u16> {
    (0..9).map(|piece| ((take * 131 + piece * 17) % 97) as u16 + 100).chain([label as u16]).collect()
}

/// Sound alone, text alone and both, with a label that both tell: each branch learns to answer by itself.
#[test]
fn a_network_that_reads_learns_from_either_side() {
    let data: Vec<Example> = (0..30)
        .map(|take| {
            let whole = Example { text: saying(take % 2, take), ..clip(take % 2, take, 40 + take) };
            match take / 2 % 3 {
                0 => Example { text: Vec::new(), ..whole },
                1 => Example { frames: 0, ..whole },
                _ => whole,
            }
        })
        .collect();
    let mut learner = learner(Architecture::CompactText, 2);
    let how = TrainingPlan { epochs: 60, batch_size: 10, learning_rate: 3e-3, ..TrainingPlan::default() };
    train(&mut learner, &data, &how).unwrap();
    let alone = |heard: bool| -> Vec<Example> {
        let taken = (100..120).map(|take| Example { text: saying(take % 2, take), ..clip(take % 2, take, 70) });
        taken
            .map(|one| if heard { Example { text: Vec::new(), ..one } } else { Example { frames: 0, ..one } })
            .collect()
    };
    for heard in [true, false] {
        let accuracy = block_on(learner.evaluate(&alone(heard))).unwrap().accuracy;
        assert!(accuracy > 0.9, "heard {heard}: {accuracy}");
    }
}

/// In training a clip with two sides is seen with both in half of the steps, and with each alone in a quarter.
#[test]
fn sides_are_dropped_in_training_as_the_seed_says() {
    let both = Example { text: saying(0, 3), ..clip(0, 1, 40) };
    let mut learner = learner(Architecture::CompactText, 2);
    let still =
        TrainingPlan { epochs: 400, learning_rate: 1e-30, optimiser: Optimiser::Sgd, ..TrainingPlan::default() };
    let mut losses = |example: &Example, seed: u64| -> Vec<f64> {
        let how = TrainingPlan { seed, ..still.clone() };
        let trained = train(&mut learner, std::slice::from_ref(example), &how).unwrap();
        trained.epochs.iter().map(|epoch| epoch.loss).collect()
    };
    let drawn = losses(&both, 5);
    let heard = losses(&Example { text: Vec::new(), ..both.clone() }, 5);
    let read = losses(&Example { frames: 0, ..both.clone() }, 5);
    let of = |alone: &[f64]| drawn.iter().zip(alone).filter(|(drawn, alone)| drawn == alone).count();
    assert!((70..=130).contains(&of(&heard)), "{} of 400 are heard alone", of(&heard));
    assert!((70..=130).contains(&of(&read)), "{} of 400 are read alone", of(&read));
    assert_eq!(losses(&both, 5), drawn, "the seed decides");
    assert_ne!(losses(&both, 6), drawn);
}

#[test]
fn a_correction_of_another_model_is_refused() {
    let mut learner = learner(Architecture::Compact, 2);
    let expected = Architecture::Compact.parameters(2);
    let mut refused = |correction| {
        let how = TrainingPlan { correction: Some(correction), ..TrainingPlan::default() };
        learner.begin(&how).err()
    };
    assert_eq!(refused(vec![0.0; 3]), Some(ModelError::Length { expected, given: 3 }));
    let mut correction = vec![0.0; expected];
    correction[1] = f32::NAN;
    assert_eq!(refused(correction), Some(ModelError::ParameterNotFinite { index: 1 }));
}
