//! Random bytes for everything that reads sound: the decoders of the formats that people bring, and what is computed of
//! whatever passes for sound.

#![no_main]

use std::collections::BTreeSet;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, Once};

use libfuzzer_sys::fuzz_target;
use speech::{Decoded, MAX_SECONDS, SAMPLE_RATE};

/// Frames beyond these are not computed: they take time and teach the fuzzer nothing.
const LONGEST: usize = 2 * SAMPLE_RATE as usize;

/// `decode` catches what a foreign decoder panics on and refuses the file; the fuzzer's own hook would end the run
/// first. A panic that nothing catches ends it still.
static TELL_ONLY: Once = Once::new();

/// Tells of a panic, of those in the same place once.
fn tell(panic: &PanicHookInfo<'_>) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if TOLD.lock().is_ok_and(|mut told| told.insert(place)) {
        eprintln!("{panic}");
    }
}

fuzz_target!(|input: &[u8]| {
    TELL_ONLY.call_once(|| panic::set_hook(Box::new(tell)));
    let Ok(Decoded { sound, .. }) = speech::decode(input, None) else {
        return;
    };
    let samples = sound.samples();
    assert!(samples.len() as f64 <= MAX_SECONDS as f64 * f64::from(SAMPLE_RATE) + 1.0);
    assert!(samples.iter().all(|sample| sample.is_finite()));
    if samples.len() > LONGEST {
        return;
    }
    if let Ok(features) = speech::input(&sound) {
        assert!(features.values.iter().all(|value| value.is_finite()));
    }
    let _ = speech::quality(&sound);
});
