//! Predictions on plain slices against the learner's, which are checked against PyTorch.

use models::{
    Architecture, BUCKETS, Backend, Example, FEATURES, FRAMES, Inference, Learner, ModelError, Standardisation,
    Variant, initial_parameters,
};
use pollster::block_on;

/// Numbers between −1 and 1.
fn noise(place: usize, seed: usize) -> f32 {
    let mixed = (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (seed as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// As they start, but with larger kernels, so that clips get other answers, nothing zero and no scale one.
fn parameters(architecture: Architecture, labels: usize) -> Vec<f32> {
    let mut parameters = initial_parameters(architecture, labels, 3);
    for spec in architecture.layout(labels).tensors {
        for place in spec.range() {
            let value = &mut parameters[place];
            *value = if spec.shape.len() == 1 || *value == 0.0 { *value + noise(place, 1) / 4.0 } else { *value * 1.5 };
        }
    }
    parameters
}

fn standardisation() -> Standardisation {
    Standardisation {
        mean: (0..FEATURES).map(|feature| 3.0 * noise(feature, 2)).collect(),
        deviation: (0..FEATURES).map(|feature| 1.5 + noise(feature, 3)).collect(),
    }
}

/// A clip whose padding is no number, so that whoever looks at it is found out.
fn values(frames: usize, seed: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..frames * FEATURES).map(|place| 4.0 * noise(place, seed)).collect();
    values.resize(FRAMES * FEATURES, f32::NAN);
    values
}

/// Buckets of a text, some of them twice.
fn text(seed: usize) -> Vec<u16> {
    (0..40).map(|place| (noise(place % 33, seed + 7000).abs() * BUCKETS as f32) as u16 % BUCKETS as u16).collect()
}

/// Alone, or with two variants of other lengths; some are read, too, which only a network that reads looks at.
fn clips() -> Vec<Example> {
    let alone = [1, 2, 5, 6, 7, 8, 37, 91, 92, 93, 99, 100];
    let alone = alone.map(|frames| {
        let text = if frames % 2 == 0 { text(frames) } else { Vec::new() };
        Example { values: values(frames, frames), frames, text, label: 0, variants: Vec::new() }
    });
    let varied = [1, 33, 100].map(|frames| {
        let variants = [frames.min(4), (frames + 7).min(FRAMES)]
            .map(|others| Variant { values: values(others, frames + 500), frames: others });
        Example {
            values: values(frames, frames + 1000),
            frames,
            text: text(frames),
            label: 0,
            variants: variants.into(),
        }
    });
    alone.into_iter().chain(varied).collect()
}

fn agrees(architecture: Architecture) {
    let clips = clips();
    for labels in [2, 4, 16] {
        let parameters = parameters(architecture, labels);
        let mut learner = block_on(Learner::new(architecture, labels, Backend::Cpu)).expect("the CPU is always there");
        block_on(learner.set_parameters(&parameters)).expect("all of it fits");
        learner.set_standardisation(standardisation()).expect("all of it fits");
        let theirs = block_on(learner.predict(&clips)).expect("all of it fits");
        let model = Inference::new(architecture, labels, parameters, standardisation()).expect("all of it fits");
        let mut greatest = 0.0_f32;
        for (clip, theirs) in clips.iter().zip(&theirs) {
            let ours = model.probabilities(clip).expect("all of it fits");
            assert_eq!(ours.len(), labels);
            for (ours, theirs) in ours.iter().zip(theirs) {
                greatest = greatest.max((ours - theirs).abs());
                // Some hundred roundings.
                assert!((ours - theirs).abs() < 1e-5, "{architecture}, {} frames: {ours}, not {theirs}", clip.frames);
            }
        }
        // The clips are not all alike to the network, or nothing would have been compared.
        let apart = theirs.iter().map(|row| (row[0] - theirs[0][0]).abs()).fold(0.0, f32::max);
        assert!(apart > 0.01, "{architecture}: all clips get the same answer, within {apart}");
        println!("{architecture}, {labels} labels: greatest difference {greatest:.1e}, answers up to {apart:.2} apart");
    }
}

#[test]
fn dense_predicts_what_its_learner_predicts() {
    agrees(Architecture::Dense);
}

#[test]
fn conv_predicts_what_its_learner_predicts() {
    agrees(Architecture::Conv);
}

#[test]
fn lstm_predicts_what_its_learner_predicts() {
    agrees(Architecture::Lstm);
}

#[test]
fn lstm_padded_predicts_what_its_learner_predicts() {
    agrees(Architecture::LstmPadded);
}

#[test]
fn compact_predicts_what_its_learner_predicts() {
    agrees(Architecture::Compact);
}

#[test]
fn compact_text_predicts_what_its_learner_predicts() {
    agrees(Architecture::CompactText);
}

fn reading() -> Inference {
    let architecture = Architecture::CompactText;
    Inference::new(architecture, 3, parameters(architecture, 3), standardisation()).expect("all of it fits")
}

/// The answer lies between what voice and text say alone, as far from the one as the gate trusts the other.
#[test]
fn branches_and_gate_make_the_answer() {
    let model = reading();
    let mut gates = Vec::new();
    for clip in clips().iter().filter(|clip| clip.variants.is_empty() && !clip.text.is_empty()) {
        let branches = model.branches(clip).unwrap().unwrap();
        assert_eq!(branches.both, model.probabilities(clip).unwrap());
        let (voice, text) = (branches.voice.unwrap(), branches.text.unwrap());
        // Mixed logits are, after the softmax, products of powers of probabilities, made to sum to one.
        let mixed: Vec<f32> =
            voice.iter().zip(&text).map(|(v, t)| v.powf(branches.gate) * t.powf(1.0 - branches.gate)).collect();
        for (both, mixed_one) in branches.both.iter().zip(&mixed) {
            assert!((both - mixed_one / mixed.iter().sum::<f32>()).abs() < 1e-5);
        }
        gates.push(branches.gate);
    }
    let (least, most) =
        gates.iter().fold((1.0_f32, 0.0_f32), |(least, most), gate| (least.min(*gate), most.max(*gate)));
    assert!(least > 0.0 && most < 1.0 && most - least > 0.01, "{gates:?}");
}

#[test]
fn a_side_that_is_missing_has_no_say() {
    let model = reading();
    let whole = clips().into_iter().find(|clip| clip.frames == 92).unwrap();
    let of_both = model.branches(&whole).unwrap().unwrap();
    let heard = model.branches(&Example { text: Vec::new(), ..whole.clone() }).unwrap().unwrap();
    assert_eq!((heard.gate, heard.text, &heard.voice), (1.0, None, &of_both.voice));
    assert_eq!(Some(heard.both), of_both.voice);
    let read = Example { values: vec![f32::NAN; FRAMES * FEATURES], frames: 0, ..whole.clone() };
    let read = model.branches(&read).unwrap().unwrap();
    assert_eq!((read.gate, read.voice, &read.text), (0.0, None, &of_both.text));
    assert_eq!(Some(read.both), of_both.text);
    let neither = Example { frames: 0, text: Vec::new(), ..whole.clone() };
    assert!(matches!(model.probabilities(&neither), Err(ModelError::Shape { frames: 0, .. })));
    // A network that does not read needs its sound, and answers the same whatever is said.
    let parameters = parameters(Architecture::Compact, 3);
    let deaf = Inference::new(Architecture::Compact, 3, parameters, standardisation()).unwrap();
    assert!(matches!(deaf.probabilities(&Example { frames: 0, ..whole.clone() }), Err(ModelError::Shape { .. })));
    assert_eq!(deaf.branches(&whole).unwrap(), None);
    assert_eq!(deaf.logits(&whole), deaf.logits(&Example { text: Vec::new(), ..whole.clone() }));
    for text in [vec![BUCKETS as u16], vec![0; 16_385]] {
        assert_eq!(model.logits(&Example { text, ..whole.clone() }).err(), Some(ModelError::Text { index: 0 }));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let architecture = Architecture::Compact;
    let good = initial_parameters(architecture, 4, 0);
    let model = |labels, parameters: &[f32], standardisation| {
        Inference::new(architecture, labels, parameters.to_vec(), standardisation)
    };
    let identity = Standardisation::identity;
    assert_eq!(model(1, &good, identity()).err(), Some(ModelError::Labels { labels: 1 }));
    assert_eq!(model(17, &good, identity()).err(), Some(ModelError::Labels { labels: 17 }));
    let (expected, given) = (good.len(), good.len() - 1);
    assert_eq!(model(4, &good[1..], identity()).err(), Some(ModelError::Length { expected, given }));
    assert!(matches!(model(4, &[], identity()), Err(ModelError::Length { .. })));
    let mut poisoned = good.clone();
    poisoned[17] = f32::NAN;
    assert_eq!(model(4, &poisoned, identity()).err(), Some(ModelError::ParameterNotFinite { index: 17 }));
    let short = Standardisation { mean: vec![0.0; 34], deviation: vec![1.0; 34] };
    assert_eq!(model(4, &good, short).err(), Some(ModelError::Standardisation));

    let model = model(4, &good, identity()).unwrap();
    let clip = |values: Vec<f32>, frames| Example { values, frames, text: Vec::new(), label: 99, variants: Vec::new() };
    let whole = || vec![1.0; FRAMES * FEATURES];
    for (values, frames) in [(whole(), 0), (whole(), 101), (vec![1.0; 10], 1), (Vec::new(), 1)] {
        assert!(matches!(model.probabilities(&clip(values, frames)), Err(ModelError::Shape { .. })));
    }
    let mut infinite = whole();
    infinite[FEATURES] = f32::INFINITY;
    assert_eq!(model.logits(&clip(infinite.clone(), 2)).err(), Some(ModelError::NotFinite { index: 0, frame: 1 }));
    assert!(model.logits(&clip(infinite, 1)).is_ok(), "padding is not looked at");
    let mut varied = clip(whole(), 3);
    varied.variants.push(Variant { values: whole(), frames: 0 });
    assert!(matches!(model.probabilities(&varied), Err(ModelError::Shape { .. })));
}
