//! The attacker: a worker that is set on one of this laptop's own updates. It keeps nothing, and is ended with its answer.

use std::borrow::Cow;
use std::ops::ControlFlow;

use client::{FailureCode, UpdatePicture};
use corpus::synth::Voice as MadeUp;
use exposure::{Effort, Inside, Known, Target, Trained, Voice, masked, noised, usual, whole, whole_in_order};
use js_sys::Uint8Array;
use models::{FEATURES, Gradients, Inference, ModelError, Standardisation};
use protocol::{Adversary, Augmentation, MaskedEncoding, Masking};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use wasm_client::exposing::Attack;
use wasm_client::failure::Failure;
use wasm_client::worker_link;

/// Made-up voices among which this person's is looked for, by their seeds.
const VOICES: [u64; 7] = [31, 32, 33, 34, 35, 36, 37];
/// Plain, masked, and with noise.
const WAYS: usize = 3;
/// Recordings of each.
const RECORDINGS: u64 = 3;
/// The budget and the probability that noise is for where the room has none: what docs/privacy.md calls usual.
const USUAL_EPSILON: f64 = 8.0;
const USUAL_DELTA: f64 = 1e-5;
/// Masks and noise are drawn so many times for labels and voice: by chance somebody is right now and then.
const TRIES: usize = 20;
/// The feature that says how loud a frame is: the mean of the first short cepstrum.
const LOUDNESS: usize = speech::FEATURES;
/// Standardised features of this size are at the end of a picture's colours.
const PICTURE_END: f32 = 3.0;

fn main() {
    worker_link::tell_of_panics();
}

#[derive(Serialize)]
struct Exposed {
    /// How many clips have each label.
    counts: Vec<u32>,
    /// Voices among which this person's was looked for; 0 where there was no other recording of it.
    voices: usize,
    /// The clip, where there is one alone.
    truth: Option<Heard>,
    /// Plain, masked, and with noise.
    ways: Vec<Way>,
}

/// What was found in an update as it is seen in one way.
#[derive(Serialize)]
struct Way {
    picture: Picture,
    /// What was found at the first try: clips of each label.
    counts: Vec<u32>,
    /// How many tries there were: one where nothing is drawn.
    tries: usize,
    /// How many of them found the labels, but for a tenth of the clips.
    labels_right: usize,
    /// And of how many this person's voice came first; none where there was no other recording of it.
    voice_right: Option<usize>,
    heard: Option<Heard>,
    /// The correlation of the features that were found with the clip's, −1 to 1, both with frames from quiet to loud.
    alike: Option<f64>,
}

#[derive(Serialize)]
struct Heard {
    picture: Picture,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    wav: Uint8Array,
}

#[derive(Serialize)]
struct Picture {
    columns: usize,
    rows: usize,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pixels: Uint8Array,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureCode::Attacker, error.to_string())
}

/// Attacks an update; see [`Attack`]. Tells how far it is.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub fn attack(job: JsValue) -> Result<JsValue, JsValue> {
    let attack = serde_wasm_bindgen::from_value(job).map_err(failed)?;
    let exposed = expose(attack)?;
    Ok(exposed.serialize(&Serializer::json_compatible()).map_err(failed)?)
}

fn expose(attack: Attack) -> Result<Exposed, Failure> {
    let Attack { model, update, examples, steps, learning_rate, masking, noise, rounds, recordings, counts, clip } =
        attack;
    let gradients = Gradients::new(model.architecture, model.labels).map_err(failed)?;
    let gradients = gradients.ok_or_else(|| failed("this network cannot be attacked here"))?;
    let (parameters, update) = (model.parameters.to_vec(), update.to_vec());
    let trained = Trained { labels: model.labels, examples, steps, learning_rate };
    let known = Known { gradients: &gradients, parameters: &parameters, trained };
    let scale = &model.standardisation;

    let own: Vec<Vec<f32>> = whole(&recordings.unpack(), scale, &gradients);
    let clip = clip.and_then(|clip| whole_in_order(clip.unpack().first()?, scale, &gradients, LOUDNESS));
    let mut others = Vec::new();
    for seed in VOICES {
        let voice = MadeUp::new(seed);
        let said = (0..RECORDINGS).map(|take| {
            let sound = voice.say((take + seed) as usize % corpus::EMOTIONS.len(), take);
            client::example_of(&sound, 0, Augmentation::None).map_err(failed)
        });
        others.push(said.collect::<Result<Vec<_>, _>>()?);
    }
    let says = Inference::new(model.architecture, model.labels, parameters.clone(), scale.clone()).map_err(failed)?;
    let usual = usual(&says, others.iter().flatten()).map_err(failed)?;
    let others = others.iter().map(|clips| whole(clips, scale, &gradients));
    let voices: Vec<Voice> = std::iter::once(own).chain(others).map(|clips| Voice { clips }).collect();
    let compared = if voices[0].clips.is_empty() { &[][..] } else { &voices };
    let clip = clip.as_deref();
    let inside = Inside { known: &known, voices: compared, clip, by: LOUDNESS, effort: Effort::default() };
    let target = Target { update: &update, trained, usual: &usual, counts: &counts, inside: Some(inside) };

    let (masking, noise) = means(&update, masking, noise, rounds);
    let mut ways = Vec::new();
    for number in 0..WAYS {
        let tries = if number == 0 { 1 } else { TRIES };
        let mut first = None;
        let see = || {
            let seen = match number {
                0 => Some(update.clone()),
                1 => masked(&update, &masking, random()?),
                _ => noised(&update, noise.0, noise.1, random()?),
            };
            let seen = seen.ok_or_else(|| Failed(failed("the update is no number")))?;
            first.get_or_insert_with(|| UpdatePicture::of(&seen));
            Ok::<_, Failed>(Cow::Owned(seen))
        };
        let on_step = |done: f64| {
            worker_link::tell_progress(&((number as f64 + done) / WAYS as f64).into());
            ControlFlow::Continue(())
        };
        let found = target.attack(tries, see, on_step).map_err(|Failed(failure)| failure)?;
        let UpdatePicture { columns, rows, pixels } = first.ok_or_else(|| failed("the update was not seen"))?;
        ways.push(Way {
            picture: Picture { columns, rows, pixels: Uint8Array::from(&*pixels) },
            counts: found.counts,
            tries: found.tries,
            labels_right: found.labels_right,
            voice_right: found.voice_right,
            heard: found.heard.map(|values| Heard::of(&values, scale)).transpose()?,
            alike: found.alike,
        });
    }
    let truth = clip.map(|clip| Heard::of(clip, scale)).transpose()?;
    Ok(Exposed { counts, voices: compared.len(), truth, ways })
}

/// Why an attack came to nothing.
struct Failed(Failure);

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self(failed(error))
    }
}

/// How the update is masked, and the clip and multiplier of its noise: as the room has them, or as is usual.
fn means(update: &[f32], masking: Option<Masking>, noise: Option<(f64, f64)>, rounds: u32) -> (Masking, (f64, f64)) {
    let length = update.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let clip = length.max(f64::from(f32::MIN_POSITIVE));
    let usual = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip };
    let multiplier = || privacy::noise_multiplier_for(rounds, USUAL_EPSILON, USUAL_DELTA);
    (masking.unwrap_or(usual), noise.unwrap_or_else(|| (clip, multiplier())))
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom_04::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

impl Heard {
    /// Of standardised features, frame by frame.
    fn of(values: &[f32], scale: &Standardisation) -> Result<Self, Failure> {
        let raw: Vec<f32> = values
            .iter()
            .zip(scale.mean.iter().zip(&scale.deviation).cycle())
            .map(|(value, (mean, deviation))| value * deviation + mean)
            .collect();
        let sound = speech::imagined(&raw)?;
        let columns = values.len() / FEATURES;
        // A feature a row, and time from left to right. Casting from float saturates, and takes NaN to 0.
        let pixels: Vec<u8> = (0..FEATURES)
            .flat_map(|feature| values.iter().skip(feature).step_by(FEATURES))
            .map(|value| (128.0 + 127.0 * (value / PICTURE_END).clamp(-1.0, 1.0)) as u8)
            .collect();
        let picture = Picture { columns, rows: FEATURES, pixels: Uint8Array::from(&*pixels) };
        Ok(Self { picture, wav: Uint8Array::from(&*sound.to_wav()) })
    }
}
