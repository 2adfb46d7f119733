//! Published recordings of professional quality pass the check of a recording's quality; with noise mixed in they don't.

use std::path::PathBuf;

use speech::{Complaint, Sound};

/// `CHORUS_DATA`, or `../shared/data` beside the checkout.
fn data() -> PathBuf {
    std::env::var_os("CHORUS_DATA").map_or_else(|| "../../../shared/data".into(), PathBuf::from)
}

/// Adds white noise so that it is `ratio_db` below the sound's mean power (pauses and all).
fn noisy(sound: &Sound, ratio_db: f64) -> Sound {
    let samples = sound.samples();
    let power = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64;
    let size = (3.0 * power / 10f64.powf(ratio_db / 10.0)).sqrt();
    let mut state = 1u64;
    let mixed: Vec<f32> = samples
        .iter()
        .map(|&sample| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sample + (size * ((state >> 33) as f64 / f64::from(1u32 << 30) - 1.0)) as f32
        })
        .collect();
    Sound::from_pcm(&mixed, 1, speech::SAMPLE_RATE).expect("as long as before")
}

#[test]
fn most_published_recordings_pass_and_noise_is_noticed() {
    for corpus in ["ravdess", "emodb"] {
        let folder = data().join(corpus);
        let Ok(files) = std::fs::read_dir(&folder) else {
            println!("LEFT OUT: {} is missing", folder.display());
            continue;
        };
        let (mut all, mut passed, mut noticed) = (0, 0, 0);
        let mut complaints: std::collections::BTreeMap<String, usize> = Default::default();
        for file in files {
            let path = file.expect("a folder can be read").path();
            if path.extension().is_none_or(|extension| extension != "flac") {
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file can be read");
            let sound = speech::decode(&bytes, path.to_str()).expect("a published file is sound").sound;
            let found = speech::quality(&sound).complaints();
            all += 1;
            passed += usize::from(found.is_empty());
            for complaint in found {
                *complaints.entry(format!("{complaint:?}")).or_default() += 1;
            }
            let spoilt = speech::quality(&noisy(&sound, 0.0)).complaints();
            noticed += usize::from(spoilt.iter().any(|one| matches!(one, Complaint::Noisy | Complaint::Silent)));
        }
        println!("{corpus}: {passed} of {all} pass ({complaints:?}); with as much noise {noticed} are noticed");
        assert!(passed * 100 >= all * 90, "{corpus}: only {passed} of {all} pass");
        assert!(noticed * 100 >= all * 90, "{corpus}: noise in only {noticed} of {all} is noticed");
    }
}
