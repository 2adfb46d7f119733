//! How many times faster than real time the 34 features of one second of speech-like sound are computed, on one core,
//! and all that is computed of a clip in a room with `compact`; as JSON lines.
//!
//!     cargo run --release -p speech --example bench_features
//!
//! Built for wasm (profile `wasm`), where there is neither clock nor output, `main` is the work alone, and
//! `bench_features.mjs` beside this file times it:
//!
//!     node crates/speech/examples/bench_features.mjs TARGET/wasm32-unknown-unknown/wasm/examples/bench_features.wasm

use std::hint::black_box;

use speech::Sound;

/// Seconds of sound that one round of work goes through, each as a clip of its own.
const CLIPS: usize = 200;

/// One second of glottal pulses with a gliding pitch through two resonances, and some noise; the same as bench.py makes
/// for pyAudioAnalysis.
fn voice() -> Result<Sound, speech::SoundError> {
    let (mut phase, mut noise) = (0.0f64, 1u32);
    let mut resonances = [(730.0, [0.0f64; 2]), (1_090.0, [0.0; 2])];
    let samples: Vec<f32> = (0..16_000)
        .map(|n| {
            let pitch = 120.0 + 40.0 * (n as f64 / 16_000.0 * 9.0).sin();
            phase += pitch / 16_000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase = phase.fract();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut sound = pulse + 0.01 * (f64::from(noise) / f64::from(u32::MAX) - 0.5);
            for (hertz, last) in &mut resonances {
                let angle = std::f64::consts::TAU * *hertz / 16_000.0;
                sound += 2.0 * 0.97 * angle.cos() * last[0] - 0.97 * 0.97 * last[1];
                *last = [sound, last[0]];
            }
            (sound * 0.02) as f32
        })
        .collect();
    Sound::from_pcm(&samples, 1, 16_000)
}

/// The features of [`CLIPS`] seconds of sound.
fn work(voice: &Sound) {
    for _ in 0..CLIPS {
        let _ = black_box(speech::features(black_box(voice)));
    }
}

/// What is computed when a clip is added to a room with `compact`: all of a network's input, at five speeds.
#[cfg(not(target_family = "wasm"))]
fn work_on_inputs(voice: &Sound) {
    for _ in 0..CLIPS {
        let _ = black_box(speech::inputs_at_speeds(black_box(voice)));
    }
}

#[cfg(not(target_family = "wasm"))]
fn main() -> Result<(), speech::SoundError> {
    let voice = voice()?;
    report("features, native, one core", || work(&voice));
    report("input at five speeds, native, one core", || work_on_inputs(&voice));
    Ok(())
}

/// Times some work on [`CLIPS`] seconds of sound.
#[cfg(not(target_family = "wasm"))]
fn report(name: &str, work: impl Fn()) {
    work(); // warms up caches, clock rate and tables
    let mut seconds: Vec<f64> = (0..15)
        .map(|_| {
            let start = std::time::Instant::now();
            work();
            start.elapsed().as_secs_f64() / CLIPS as f64
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!(
        "{}",
        serde_json::json!({
            "name": name,
            "times_real_time": (1.0 / median).round(),
            "best_times_real_time": (1.0 / seconds[0]).round(),
            "milliseconds_per_second_of_sound": median * 1e3,
        })
    );
}

#[cfg(target_family = "wasm")]
fn main() {
    if let Ok(voice) = voice() {
        work(&voice);
    }
}
