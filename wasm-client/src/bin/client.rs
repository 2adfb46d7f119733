//! The client: the small worker that a page starts at once. It answers the page's commands and posts what changes.

use client::FailureCode;
use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use wasm_client::failure::Failure;
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
