//! Every format that `speech` reads gives back the sound that was encoded (`fixtures/make.sh` made the files with
//! ffmpeg).

use std::f64::consts::TAU;

use speech::{Notice, SAMPLE_RATE, Sound};

fn fixture(name: &str) -> Vec<u8> {
    let folder = "tests/fixtures/";
    std::fs::read(format!("{folder}{name}")).expect("make.sh made it")
}

fn decoded(name: &str) -> Sound {
    let decoded = speech::decode(&fixture(name), Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(decoded.notices, [], "{name}");
    decoded.sound
}

/// The sound in all fixtures at a time in seconds: a gliding tone with a growing harmonic, 0.5 s long.
fn source(seconds: f64) -> f64 {
    let phase = TAU * (300.0 * seconds + 400.0 * seconds * seconds);
    0.4 * phase.sin() + 0.4 * seconds * (3.0 * phase).sin()
}

/// Signal-to-noise ratio in decibels against the source, delayed by so many samples. The ends, where codecs fade, don't
/// count.
fn signal_to_noise(sound: &Sound, delay: usize) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for n in 400..7_600 {
        let expected = source(n as f64 / f64::from(SAMPLE_RATE));
        let actual = f64::from(sound.samples().get(n + delay).copied().unwrap_or(0.0));
        signal += expected * expected;
        noise += (actual - expected) * (actual - expected);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn lossless_files_come_back_as_they_were_at_any_rate() {
    for (name, least_db) in
        [("glide.flac", 75.0), ("alac.m4a", 75.0), ("pcm24.wav", 75.0), ("float.wav", 70.0), ("telephone.wav", 30.0)]
    {
        let sound = decoded(name);
        assert_eq!(sound.samples().len(), 8_000, "{name}: 0.5 s");
        let db = signal_to_noise(&sound, 0);
        assert!(db > least_db, "{name}: {db:.1} dB");
    }
}

#[test]
fn plain_samples_come_back_from_behind_any_header() {
    for name in ["plain.aiff", "plain.au", "plain.sph", "plain.caf", "plain.w64"] {
        let sound = decoded(name);
        assert_eq!(sound.samples().len(), 8_000, "{name}: 0.5 s");
        let db = signal_to_noise(&sound, 0);
        assert!(db > 65.0, "{name}: {db:.1} dB");
    }
}

#[test]
fn lossy_files_come_back_in_time_where_they_say_how_long_their_lead_in_is() {
    for (name, least_db) in [("glide.mp3", 20.0), ("glide.ogg", 20.0), ("glide.m4a", 15.0)] {
        let sound = decoded(name);
        assert_eq!(sound.samples().len(), 8_000, "{name}: 0.5 s");
        let db = signal_to_noise(&sound, 0);
        assert!(db > least_db, "{name}: {db:.1} dB");
    }
}

#[test]
fn aac_that_does_not_tell_of_its_encoders_lead_in_comes_back_after_it() {
    // ffmpeg's encoder puts 1,024 samples at 44.1 kHz in front: 371.5 at 16 kHz.
    for name in ["fragmented.m4a", "glide.aac"] {
        let sound = decoded(name);
        let best = (0..600).max_by(|&a, &b| signal_to_noise(&sound, a).total_cmp(&signal_to_noise(&sound, b)));
        let best = best.expect("one of them is the best");
        assert!((371..=372).contains(&best), "{name}: delayed by {best} samples");
        let db = signal_to_noise(&sound, best);
        assert!(db > 15.0, "{name}: {db:.1} dB");
    }
}

/// Two recordings as one file, one after the other.
fn assert_joined(first: &str, second: &str) {
    let joined = [fixture(first), fixture(second)].concat();
    let sound = speech::decode(&joined, None).unwrap_or_else(|error| panic!("{first} and {second}: {error}")).sound;
    let expected = [decoded(first).samples(), decoded(second).samples()].concat();
    assert_eq!(sound.samples(), expected, "{first} and {second}");
}

#[test]
fn joined_recordings_are_heard_one_after_the_other() {
    assert_joined("glide.mp3", "glide.mp3");
    assert_joined("glide.ogg", "glide.ogg");
    assert_joined("opus.ogg", "celt.opus");
    assert_joined("opus.ogg", "glide.ogg");
}

#[test]
fn a_recording_that_breaks_off_says_how_much_is_missing() {
    for name in ["glide.mp3", "glide.flac", "pcm24.wav"] {
        let whole = fixture(name);
        let decoded =
            speech::decode(&whole[..whole.len() * 3 / 4], Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [Notice::Missing { seconds: Some(missing) }] = decoded.notices[..] else {
            panic!("{name}: {:?}", decoded.notices);
        };
        let all = decoded.sound.seconds() + missing;
        assert!(
            (all - 0.5).abs() < 0.06,
            "{name}: {missing} s are said to be missing after {}",
            decoded.sound.seconds()
        );
    }
}

#[test]
fn the_name_of_a_file_does_not_matter() {
    for name in [Some("voice.wav"), None] {
        assert_eq!(speech::decode(&fixture("glide.mp3"), name).unwrap().sound, decoded("glide.mp3"), "{name:?}");
    }
}

#[test]
fn an_id3_tag_in_front_is_skipped() {
    let mut tagged = b"ID3\x04\0\0\0\0\x01\x00".to_vec();
    tagged.extend([0; 128]);
    tagged.extend(fixture("glide.mp3"));
    assert_eq!(speech::decode(&tagged, None).unwrap().sound, decoded("glide.mp3"));
}

#[test]
fn a_wav_file_written_here_is_read_back() {
    let sound = decoded("glide.flac");
    let again = speech::decode(&sound.to_wav(), None).unwrap().sound;
    assert_eq!(again.samples().len(), sound.samples().len());
    for (a, b) in again.samples().iter().zip(sound.samples()) {
        assert!((a - b).abs() <= 0.5 / 32_768.0, "{a} and {b} are more than half a step of 16 bits apart");
    }
}
