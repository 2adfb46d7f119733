//! The client: the small worker that a page starts at once. It answers the page's commands and posts what changes.

use client::FailureCode;
use js_sys::{Float32Array, Object, Reflect};
use models::{Architecture, Example, Optimiser, Standardisation, TrainingPlan, Variant};
use protocol::{Adversary, ClientId, MaskedEncoding, Normalisation, RoomCode, Round};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_client::failure::Failure;
use wasm_client::training::{Examples, Job, Model};
use wasm_client::{app, page};

fn main() {
    // A panic stops this worker for good. The page is told before it traps, with more than the trap would say.
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        page::crashed(&info.to_string());
    }));
}

/// Does what the page asks; see `Command` for what it may ask: `type` is a variant in snake_case.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub async fn handle(r#type: String, fields: JsValue) -> Result<JsValue, JsValue> {
    let command = Object::new();
    Reflect::set(&command, &r#type.into(), &fields)?;
    let command = serde_wasm_bindgen::from_value(command.into()).map_err(|error| {
        Failure::new(FailureCode::Command, format!("the page asked for something unknown: {error}"))
    })?;
    app::app().handle(command).await.map_err(JsValue::from)
}

/// How many seconds of sound the features are computed of in one second: the median of five goes over `seconds` of
/// a made-up voice.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub fn bench_features(seconds: u32) -> Result<f64, JsValue> {
    let mut samples = Vec::new();
    let voice = corpus::synth::Voice::new(1);
    let wanted = (seconds * speech::SAMPLE_RATE) as usize;
    let mut take = 0;
    while samples.len() < wanted {
        samples.extend_from_slice(voice.say((take % 4) as usize, take).samples());
        take += 1;
    }
    samples.truncate(wanted);
    let failed = |error: speech::SoundError| Failure::new(FailureCode::Bench, error.to_string());
    let sound = speech::Sound::from_pcm(&samples, 1, speech::SAMPLE_RATE).map_err(failed)?;
    let mut rates = Vec::new();
    for _ in 0..5 {
        let start = page::now();
        let frames = speech::features(&sound).map_err(failed)?;
        let took = page::now() - start;
        if frames.is_empty() {
            return Err(Failure::new(FailureCode::Bench, "no frames").into());
        }
        rates.push(sound.seconds() * 1000.0 / took);
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[2])
}

/// A round's job for the trainer, and how long it took to make it of a participant's clips.
#[derive(Serialize)]
struct MadeJob {
    /// Milliseconds.
    ms: f64,
    job: Job,
}

/// Makes the job of a usual round of `compact` for the trainer, of `clips` random clips of three seconds, each at five speeds, heard by the
/// group's scale or (`own`) by one's own; and says how long that took, `{ms, job}`. A tab makes its scale anew with every clip that comes
/// or goes and not in every round: this is the dearest round.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub fn bench_job(clips: usize, own: bool) -> Result<JsValue, JsValue> {
    const SPEEDS: usize = 5;
    let (architecture, labels, frames) = (Architecture::Compact, 4, 30);
    let heard = || {
        let mut values: Vec<f32> =
            (0..frames * models::FEATURES).map(|_| js_sys::Math::random() as f32 - 0.5).collect();
        values.resize(client::INPUT_VALUES, 0.0);
        values
    };
    let clips: Vec<Example> = (0..clips)
        .map(|index| Example {
            values: heard(),
            frames,
            text: Vec::new(),
            label: index % labels,
            variants: (1..SPEEDS).map(|_| Variant { values: heard(), frames }).collect(),
        })
        .collect();
    let group = Standardisation::of(&clips);
    let parameters = models::initial_parameters(architecture, labels, 1);
    let normalisation = if own { Normalisation::Own } else { Normalisation::Group };
    let start = page::now();
    let hearing = client::Hearing::of(normalisation, group, &clips, labels);
    let job = Job::Round {
        model: Model {
            architecture,
            labels,
            parameters: Float32Array::from(parameters.as_slice()),
            standardisation: hearing.scale().clone(),
        },
        training: TrainingPlan { epochs: 2, optimiser: Optimiser::Sgd, ..TrainingPlan::default() },
        correction: Float32Array::new_with_length(0),
        most_steps: None,
        gradients: None,
        examples: Examples::pack(&hearing.trained_on(&clips)),
        held_back: Examples::pack(&[]),
    };
    let made = MadeJob { ms: page::now() - start, job };
    let failed = |error: serde_wasm_bindgen::Error| Failure::new(FailureCode::Bench, error.to_string());
    Ok(made.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(failed)?)
}

/// How long it takes to mask so many values for a sum of so many clients, milliseconds: the median of five goes.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub fn bench_masking(values: u32, clients: u32) -> Result<f64, JsValue> {
    let update: Vec<f32> = (0..values).map(|index| (index as f32).sin() / 10.0).collect();
    let mut times = Vec::new();
    for attempt in 0..5 {
        let task = masking::Task {
            room: RoomCode::from_random(1),
            round: Round(1),
            attempt,
            purpose: masking::Purpose::Update,
            model: [0; 32],
            asked: [0; 32],
            adversary: Adversary::Active,
            layout: masking::Layout { encoding: MaskedEncoding::Masked32, values, tail: 0 },
            clip: 1.0,
            noise: None,
        };
        let mut member = last_of(task, clients).map_err(|reason| Failure::new(FailureCode::Bench, reason))?;
        let start = page::now();
        let masked = member.quantised(&update).map(|integers| member.masked(&integers, &[]));
        times.push(page::now() - start);
        if !matches!(masked, Some(Ok(_))) {
            return Err(Failure::new(FailureCode::Bench, "nothing was masked").into());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[2])
}

/// The last of so many clients of a sum, who has all shares and is to mask its numbers: its masks are all to be subtracted.
fn last_of(task: masking::Task, clients: u32) -> Result<masking::Member, String> {
    let mut tally = masking::Tally::new(task.clone());
    let mut members = Vec::new();
    for number in 1..=clients {
        let (client, mut seed) = (ClientId(number), [7; 32]);
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let (member, keys) = masking::Member::new(task.clone(), client, masking::SeatKey::from_bytes(&seed), &seed);
        tally.keys(client, keys).map_err(|fault| format!("{fault:?}"))?;
        members.push((client, member));
    }
    let roster = tally.close_keys().map_err(|few| format!("{few:?}"))?;
    for (client, member) in &mut members {
        let shares = member.roster(roster.clone()).map_err(|refusal| refusal.to_string())?;
        tally.shares(*client, shares).map_err(|fault| format!("{fault:?}"))?;
    }
    tally.close_shares().map_err(|few| format!("{few:?}"))?;
    let (client, mut member) = members.pop().ok_or("there are no clients")?;
    let boxes = tally.boxes_for(client).ok_or("it is not in the sum")?;
    member.boxes(boxes.clients, &boxes.boxes).map_err(|refusal| refusal.to_string())?;
    Ok(member)
}
