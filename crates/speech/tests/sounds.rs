//! A table over small files as phones, recorders, messengers and corpora make them: each is read in full and in place, or
//! refused by its true name. The files lie beside the project (`../shared/sounds`); where they don't, nothing is tested.
//!
//! Nearly all of them are the same second of speech at 44.1 kHz, so where it begins in each is found by sliding that second
//! (as the AU file has it, whose samples are plain) along what was decoded. Lengths are those of the formats' own numbers:
//! samples of plain files, frames and LAME's tag of MP3, lists of edits of MP4.

use std::path::Path;

use speech::{Decoded, Notice, SAMPLE_RATE, SoundError};

const FOLDER: &str = "../../../shared/sounds";

/// What is expected of a file.
enum Expected {
    /// Seconds, and how many seconds late the speech is.
    Sound(f64, f64),
    /// Seconds alone: it is another sound.
    Long(f64),
    /// The name that it is refused by.
    Refused(&'static str),
}

use Expected::{Long, Refused, Sound};

/// A frame of AAC at 44.1 kHz, and the delay of an MP3 decoder and LAME's encoder, which no tag takes away there.
const AAC_FRAME: f64 = 1_024.0 / 44_100.0;
const MP3_DELAY: f64 = 1_105.0 / 44_100.0;
const MP3_FRAME: f64 = 1_152.0 / 44_100.0;

#[rustfmt::skip]
const TABLE: [(&str, Expected, f64); 26] = [
    // The last number: by how many seconds length and place may be off.
    ("sound.au",                   Sound(1.0, 0.0),                      0.0001),
    ("data_length_0.wav",          Sound(1.0, 0.0),                      0.0001),
    ("riff_length_36.wav",         Sound(1.0, 0.0),                      0.0001),
    ("pcm_12_bits.wav",            Sound(1.0, 0.0),                      0.0001),
    ("24_bits_in_4_bytes.wav",     Sound(0.5, 0.0),                      0.0001),
    ("rifx.wav",                   Sound(1.0, 0.0),                      0.0001),
    ("rf64.wav",                   Sound(1.0, 0.0),                      0.0001),
    ("cafe.aiff",                  Sound(1.0, 0.0),                      0.0001),
    ("memo.caf",                   Sound(1.0, 0.0),                      0.0001),
    ("alac_memo.m4a",              Sound(1.0, 0.0),                      0.0001),
    ("flac_in_ogg.ogg",            Sound(1.0, 0.0),                      0.0001),
    ("timit.sph",                  Sound(1.0, 0.0),                      0.0001),
    ("inverted_16k.wav",           Sound(1.0, 0.0),                      0.0001),
    ("lead_in_128ms.m4a",          Sound(1.0, 0.0),                      0.001),
    ("quicktime_without_ftyp.mov", Sound(1.0, 0.0),                      0.001),
    ("cut_off_faststart.m4a",      Sound(2.0 / 3.0, 0.0),                AAC_FRAME),
    ("two_mp3_joined.mp3",         Sound(2.0, 0.0),                      0.001),
    ("padded_after_id3.mp3",       Sound(40.0 * MP3_FRAME, MP3_DELAY),   0.001),
    ("mp3_in_wav.wav",             Sound(40.0 * MP3_FRAME, MP3_DELAY),   0.001),
    ("cut_out_of_a_stream.mp3",    Sound(39.0 * MP3_FRAME, MP3_DELAY - MP3_FRAME), 0.001),
    ("vbr_without_xing.mp3",       Long(275.0 * MP3_FRAME),              0.0001),
    // Its rate is another, and a codec of 13 kbit/s has its own idea of a waveform.
    ("gsm.wav",                    Sound(1.0, 0.0),                      0.001),
    ("android.3gp",                Refused("AMR-NB in an MP4 or QuickTime file"), 0.0),
    ("vorbis.mp4",                 Refused("Vorbis in an MP4 or QuickTime file"), 0.0),
    ("whatsapp.opus",              Sound(1.0, 0.0),                      0.001),
    // 51 packets of 20 ms. That its encoder began 6.5 ms early, other containers would tell; this one has no word for it.
    ("imessage_opus.caf",          Sound(51.0 * 0.02, 312.0 / 48_000.0), 0.001),
];

fn decode(name: &str) -> Result<Decoded, SoundError> {
    speech::decode(&std::fs::read(Path::new(FOLDER).join(name)).expect("the file is there"), Some(name))
}

/// By how many samples the speech is late that the other sound has from its beginning on.
fn delay(sound: &[f32], speech: &[f32]) -> i64 {
    let likeness = |delay: i64| -> f64 {
        let pairs =
            (2_000..9_000i64).filter_map(|n| Some((sound.get(usize::try_from(n + delay).ok()?)?, speech[n as usize])));
        pairs.map(|(&a, b)| f64::from(a) * f64::from(b)).sum()
    };
    (-2_000..2_000).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b))).unwrap_or(0)
}

#[test]
fn every_file_is_read_in_full_and_in_place_or_refused_by_its_name() {
    if !Path::new(FOLDER).exists() {
        return;
    }
    let speech = decode("sound.au").expect("plain samples").sound;
    let rate = f64::from(SAMPLE_RATE);
    let mut wrong = Vec::new();
    for (name, expected, tolerance) in TABLE {
        let decoded = decode(name);
        let is_right = match (&decoded, &expected) {
            (Ok(Decoded { sound, .. }), Sound(seconds, late)) => {
                let found = delay(sound.samples(), speech.samples()) as f64 / rate;
                // Half a sample of 16 kHz is as near as one can tell.
                let is_near = |found: f64, wanted: f64| (found - wanted).abs() <= tolerance + 0.6 / rate;
                if !is_near(found, *late) {
                    wrong.push(format!("{name}: the speech is {found} s late, not {late} s"));
                }
                is_near(sound.seconds(), *seconds)
            }
            (Ok(Decoded { sound, .. }), Long(seconds)) => (sound.seconds() - seconds).abs() <= tolerance,
            (Err(SoundError::Unsupported { format }), Refused(name)) => format == name,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{name}: {:?}", decoded.map(|decoded| decoded.sound.seconds())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn both_sentences_and_both_recordings_are_there() {
    if !Path::new(FOLDER).exists() {
        return;
    }
    let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    let sound = decode("vbr_without_xing.mp3").expect("MP3").sound;
    assert!(power(&sound.samples()[5 * 16_000..6 * 16_000]) > 1e-4, "a second sentence behind 4.5 s");
    let sound = decode("two_mp3_joined.mp3").expect("MP3").sound;
    let (first, second) = sound.samples().split_at(16_000);
    let likeness: f32 = first.iter().zip(second).map(|(a, b)| a * b).sum::<f32>() / first.len() as f32;
    assert!(likeness > 0.99 * power(first), "the same second twice");
}

#[test]
fn what_is_odd_about_a_file_is_said() {
    if !Path::new(FOLDER).exists() {
        return;
    }
    assert_eq!(decode("inverted_16k.wav").expect("stereo").notices, [Notice::Inverted]);
    let [Notice::Missing { seconds: Some(missing) }] =
        decode("cut_off_faststart.m4a").expect("its beginning").notices[..]
    else {
        panic!("a third of it is missing");
    };
    assert!((missing - 1.0 / 3.0).abs() < 0.05, "{missing} s");
    assert_eq!(decode("riff_length_36.wav").expect("all of it").notices, []);
}
