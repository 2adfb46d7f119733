//! The networks against PyTorch, from the same weights and clips.
//!
//! `tests/golden.json` is made by `tests/reference/pytorch/golden.py` in double precision; here everything is single
//! precision, so the tolerances are some hundred roundings (6e-8 each) of the greatest terms that were summed.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use crate::{
    Architecture, Backend, Example, FEATURES, FRAMES, Inference, Layout, Learner, Moved, Standardisation, TrainingPlan,
    learner::{
        descent::adam::Adam,
        loss,
        passes::{self, Batch},
        tensors::read,
    },
};

const REAL_FRAMES: [usize; 6] = [100, 37, 64, 100, 9, 5];
const TRUTH: [usize; 6] = [0, 1, 2, 3, 1, 0];
/// Of a network that reads: one clip is not heard, another not read.
const REAL_FRAMES_READ: [usize; 6] = [100, 37, 0, 100, 9, 5];
const PIECES: [usize; 6] = [30, 1, 17, 200, 0, 5];

#[derive(Deserialize)]
pub(super) struct Golden {
    parameters: usize,
    pub logits: Vec<f64>,
    pub gradients: Vec<Statistics>,
    pub after_one_step: Vec<Statistics>,
    /// Before the first step of Adam, and after one, two and three.
    pub losses: Vec<f64>,
}

impl Golden {
    pub fn of(architecture: Architecture) -> Self {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden.json")).expect("the file is JSON");
        serde_json::from_value(all[architecture.name()].clone()).expect("it has this network")
    }
}

#[derive(Deserialize)]
pub(super) struct Statistics {
    sum: f64,
    squares: f64,
    probe: f64,
    first: Vec<f64>,
}

/// Numbers between −1 and 1 by an integer hash (Wellons' lowbias32), as the script makes them.
fn uniform(seed: u32) -> impl Iterator<Item = f32> {
    (0_u32..).map(move |index| {
        let mut value = index.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
        value ^= value >> 16;
        value = value.wrapping_mul(0x7FEB_352D);
        value ^= value >> 15;
        value = value.wrapping_mul(0x846C_A68B);
        value ^= value >> 16;
        (f64::from(value) / f64::from(1_u32 << 31) - 1.0) as f32
    })
}

/// Clips whose first features are the script's; what a network does not use of a frame is no number.
pub(super) fn clips(architecture: Architecture) -> Vec<Example> {
    let (features, reads) = (architecture.features(), architecture.reads_text());
    let real_frames = if reads { REAL_FRAMES_READ } else { REAL_FRAMES };
    let text = |clip: u32, pieces: usize| -> Vec<u16> {
        let bucket = |value: f32| ((f64::from(value) + 1.0) * 4096.0) as u16;
        uniform(2000 + clip).take(pieces).map(|value| bucket(value).min(8191)).collect()
    };
    let raw: Vec<f32> = uniform(1000).take(REAL_FRAMES.len() * FRAMES * features).collect();
    raw.chunks_exact(FRAMES * features)
        .zip(real_frames.into_iter().zip(TRUTH))
        .zip((0..).zip(PIECES))
        .map(|((values, (frames, label)), (clip, pieces))| {
            let whole = |frame: &[f32]| [frame, &[f32::NAN; FEATURES][features..]].concat();
            let values = values.chunks_exact(features).flat_map(whole).collect();
            let text = if reads { text(clip, pieces) } else { Vec::new() };
            Example { values, frames, text, label, variants: Vec::new() }
        })
        .collect()
}

/// Of the features that the network uses.
pub(super) fn standardisation(architecture: Architecture) -> Standardisation {
    let half = |seed: u32| uniform(seed).take(architecture.features()).map(|value| value / 2.0);
    Standardisation { mean: half(1001).collect(), deviation: half(1002).map(|value| 1.0 + value).collect() }
}

pub(super) fn weights(layout: &Layout) -> Vec<f32> {
    let mut flat = Vec::with_capacity(layout.total());
    for (index, spec) in (0..).zip(&layout.tensors) {
        let [rows, columns] = spec.matrix();
        let amplitude = if spec.shape.len() > 1 { (6.0 / (rows + columns) as f64).sqrt() } else { 0.1 };
        let centre = f64::from(u8::from(spec.name.ends_with(".scale")));
        flat.extend(uniform(index).take(spec.elements()).map(|value| (centre + f64::from(value) * amplitude) as f32));
    }
    flat
}

/// Every figure within `share` of the tensor's own size (root of its sum of squares, or of the sum of its probe's).
pub(super) fn agrees(name: &str, values: &[f32], golden: &Statistics, share: f64) {
    let size = golden.squares.sqrt();
    let count = (values.len() as f64).sqrt();
    let exact = || values.iter().map(|&value| f64::from(value));
    let near = |what: &str, ours: f64, theirs: f64, tolerance: f64| {
        assert!((ours - theirs).abs() <= tolerance, "{name}: {what} is {ours}, PyTorch has {theirs} (± {tolerance})");
    };
    near("the sum of squares", exact().map(|value| value * value).sum(), golden.squares, 2.0 * share * golden.squares);
    near("the sum", exact().sum(), golden.sum, share * size * count);
    let probe = exact().zip(uniform(77)).map(|(value, probe)| value * f64::from(probe)).sum();
    near("the probe", probe, golden.probe, share * size * count);
    for (place, (ours, &theirs)) in exact().zip(&golden.first).enumerate() {
        near(&format!("number {place}"), ours, theirs, share * size);
    }
}

async fn check(architecture: Architecture, device: Device) {
    let golden = Golden::of(architecture);
    let layers = architecture.layers(4);
    let layout = architecture.layout(4);
    assert_eq!(layout.total(), golden.parameters);
    let standardisation = standardisation(architecture);
    let clips = clips(architecture);
    let examples: Vec<_> = clips.iter().map(Example::seen).collect();
    let one_hot: Vec<f32> =
        TRUTH.iter().flat_map(|&truth| (0..4).map(move |label| f32::from(label == truth))).collect();
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [6, 4]), &device);
    let flat = weights(&layout);
    let mut parameters: Vec<Tensor<2>> = layout
        .tensors
        .iter()
        .map(|spec| Tensor::from_data(TensorData::new(flat[spec.range()].to_vec(), spec.matrix()), &device))
        .collect();

    let mut adam = Adam::new(1e-3, parameters.len());
    for (step, &expected) in golden.losses.iter().enumerate() {
        let batch = Batch::new(&examples, &standardisation, architecture, &device);
        let (logits, trace) = passes::forward(&layers, &parameters, batch, None);
        let ours = read(logits.clone()).await.expect("the device answers");
        let loss: f64 = ours.chunks(4).zip(TRUTH).map(|(row, label)| loss::outcome(row, label).loss).sum::<f64>() / 6.0;
        // A step of Adam moves by the gradient's sign where the gradient is almost nothing, so that roundings grow.
        let tolerance = [2e-6, 1e-3, 2e-3, 4e-3][step];
        assert!(
            (loss - expected).abs() < tolerance,
            "{architecture}: loss {loss} after {step} steps, PyTorch {expected}"
        );
        let gradient = loss::gradient(logits, one_hot.clone());
        if step == 0 {
            for (ours, &theirs) in ours.iter().zip(&golden.logits) {
                assert!((f64::from(*ours) - theirs).abs() < 5e-6, "{architecture}: logit {ours}, PyTorch {theirs}");
            }
        }
        let mut gradients = Vec::new();
        adam.begin_step();
        let all = vec![true; layout.tensors.len()];
        passes::backward(&layers, &mut parameters, trace, gradient, &all, |index, parameter, gradient| {
            if step == 0 {
                // Multiplied out here once to be looked at; the optimiser gets it as it came.
                let value = gradient.clone().value();
                gradients.push((index, value));
            }
            adam.update(index, parameter, gradient, None);
        });
        for (index, gradient) in gradients {
            let spec = &layout.tensors[index];
            agrees(&spec.name, &read(gradient).await.expect("the device answers"), &golden.gradients[index], 1e-5);
            let parameter = parameters[index].clone();
            agrees(
                &spec.name,
                &read(parameter).await.expect("the device answers"),
                &golden.after_one_step[index],
                1e-4,
            );
        }
    }
}

/// What the head alone or its biases do is checked with the one network that has no dropout before its last layer.
#[test]
fn what_is_to_stay_stays_and_the_rest_moves_as_it_should() {
    pollster::block_on(async {
        let architecture = Architecture::Lstm;
        let golden = Golden::of(architecture);
        let layout = architecture.layout(4);
        let start = weights(&layout);
        let Standardisation { mut mean, mut deviation } = standardisation(architecture);
        mean.resize(FEATURES, 0.0);
        deviation.resize(FEATURES, 1.0);
        let mut clips = clips(architecture);
        clips
            .iter_mut()
            .flat_map(|clip| &mut clip.values)
            .filter(|value| value.is_nan())
            .for_each(|value| *value = 0.0);
        let mut learner = Learner::new(architecture, 4, Backend::Cpu).await.unwrap();
        learner.set_standardisation(Standardisation { mean, deviation }).unwrap();
        let mut trained = async |how: TrainingPlan| {
            learner.set_parameters(&start).await.unwrap();
            learner.train(&clips, &how, async |_| ControlFlow::Continue(())).await.unwrap();
            learner.parameters().await.unwrap()
        };

        let head = architecture.head(4);
        let names: Vec<&str> =
            layout.tensors.iter().filter(|spec| head.contains(&spec.offset)).map(|spec| &*spec.name).collect();
        assert_eq!(names, ["output_1.kernel", "output_1.bias"]);
        let after = trained(TrainingPlan { moved: Moved::Head, ..TrainingPlan::default() }).await;
        assert_eq!(after[..head.start], start[..head.start], "the body stays as it was to the last bit");
        for (spec, golden) in
            layout.tensors.iter().zip(&golden.after_one_step).filter(|(spec, _)| head.contains(&spec.offset))
        {
            agrees(&spec.name, &after[spec.range()], golden, 1e-4);
        }

        // tests/reference/calibration/biases.py
        let biases =
            [0.148_632_593_981_565_8, 0.146_710_636_608_531_23, -0.148_536_186_605_671_1, -0.146_566_651_143_597_32];
        let how = TrainingPlan { moved: Moved::Bias, epochs: 3, learning_rate: 0.05, ..TrainingPlan::default() };
        let after = trained(how).await;
        let still = after.len() - 4;
        assert_eq!(after[..still], start[..still]);
        for ((after, before), expected) in after[still..].iter().zip(&start[still..]).zip(biases) {
            let moved = f64::from(*after) - f64::from(*before);
            assert!((moved - expected).abs() < 1e-5, "{moved}, by hand {expected}");
        }
    });
}

/// Of a network that reads, the last layer has biases of labels twice, and one of its gate.
#[test]
fn calibration_moves_one_number_a_label_and_branch() {
    let moving = |architecture: Architecture, moved: Moved| -> Vec<String> {
        let layout = architecture.layout(4);
        layout.tensors.into_iter().filter(|spec| moved.moves(spec, architecture, 4)).map(|spec| spec.name).collect()
    };
    assert_eq!(moving(Architecture::CompactText, Moved::Bias), ["fusion_1.bias", "fusion_1.text_bias"]);
    assert_eq!(moving(Architecture::CompactText, Moved::Head).len(), 9);
    for architecture in [Architecture::Compact, Architecture::Conv, Architecture::Dense, Architecture::Lstm] {
        assert_eq!(moving(architecture, Moved::Bias), ["output_1.bias"]);
        assert_eq!(moving(architecture, Moved::All).len(), architecture.layout(4).tensors.len());
    }
}

/// Predictions on plain slices.
#[test]
fn inference_computes_what_pytorch_computes() {
    for architecture in Architecture::ALL {
        let golden = Golden::of(architecture);
        let Standardisation { mut mean, mut deviation } = standardisation(architecture);
        mean.resize(FEATURES, 0.0);
        deviation.resize(FEATURES, 1.0);
        let flat = weights(&architecture.layout(4));
        let model = Inference::new(architecture, 4, flat, Standardisation { mean, deviation }).expect("all of it fits");
        for (clip, theirs) in clips(architecture).iter().zip(golden.logits.chunks(4)) {
            let (ours, _) = model.forward(clip.seen());
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!((f64::from(*ours) - theirs).abs() < 5e-6, "{architecture}: logit {ours}, PyTorch {theirs}");
            }
        }
    }
}

#[test]
fn dense_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::Dense, Device::flex()));
}

#[test]
fn conv_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::Conv, Device::flex()));
}

#[test]
fn lstm_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::Lstm, Device::flex()));
}

#[test]
fn lstm_padded_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::LstmPadded, Device::flex()));
}

#[test]
fn compact_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::Compact, Device::flex()));
}

/// Needs an adapter of WebGPU, if only in software: `cargo test --package models --features burn-wgpu`. In software LSTMs take
/// minutes.
#[cfg(feature = "burn-wgpu")]
#[test]
fn burn_wgpu_computes_what_pytorch_computes() {
    use crate::learner::tensors::Place;
    let place = pollster::block_on(Place::graphics()).expect("there is an adapter");
    for architecture in [Architecture::Compact, Architecture::CompactText, Architecture::Conv, Architecture::Dense] {
        pollster::block_on(check(architecture, place.device.clone()));
    }
}

#[test]
fn compact_text_computes_what_pytorch_computes() {
    pollster::block_on(check(Architecture::CompactText, Device::flex()));
}
