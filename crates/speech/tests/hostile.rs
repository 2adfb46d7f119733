//! Files that are broken, cut off, or made to harm: each ends in a typed error or in finite samples, and never in a
//! panic or in memory claimed by a header.

use proptest::prelude::*;
use speech::{MAX_SECONDS, SoundError};

const FIXTURES: [&str; 18] = [
    "glide.flac",
    "glide.mp3",
    "glide.ogg",
    "glide.m4a",
    "fragmented.m4a",
    "glide.aac",
    "pcm24.wav",
    "float.wav",
    "telephone.wav",
    "alac.m4a",
    "opus.ogg",
    "opus.webm",
    "opus.m4a",
    "celt.opus",
    "plain.aiff",
    "plain.sph",
    "plain.caf",
    "plain.w64",
];

fn fixture(name: &str) -> Vec<u8> {
    let folder = "tests/fixtures/";
    std::fs::read(format!("{folder}{name}")).expect("make.sh made it")
}

/// Decodes, and checks what must hold of whatever comes out.
fn decode(bytes: &[u8], name: &str) -> Result<speech::Sound, SoundError> {
    let result = speech::decode(bytes, Some(name)).map(|decoded| decoded.sound);
    if let Ok(sound) = &result {
        assert!(!sound.samples().is_empty());
        assert!(sound.samples().iter().all(|sample| sample.is_finite()));
        if let Ok(frames) = speech::features(sound) {
            assert!(frames.iter().flatten().all(|value| value.is_finite()));
        }
    }
    result
}

#[test]
fn a_text_file_renamed_wav_is_no_sound() {
    let text = "file,speaker,emotion\n03a01Fa.wav,3,happy\n".repeat(100);
    assert_eq!(decode(text.as_bytes(), "03a01Fa.wav"), Err(SoundError::NotSound));
    let message = SoundError::NotSound.to_string();
    assert!(message.contains("choose a WAV, FLAC, MP3, OGG or M4A file"), "{message}");
}

#[test]
fn an_empty_file_is_empty() {
    assert_eq!(decode(b"", "a.wav"), Err(SoundError::Empty));
}

#[test]
fn a_file_that_breaks_off_gives_what_is_left_of_it_or_an_error() {
    for name in FIXTURES {
        let whole = fixture(name);
        for eighths in 0..8 {
            let result = decode(&whole[..whole.len() * eighths / 8], name);
            if let Ok(sound) = result {
                assert!(sound.seconds() < 0.6, "{name} cut to {eighths}/8");
            }
        }
        for length in 0..44 {
            assert!(decode(&whole[..length], name).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn what_is_left_of_a_recording_is_still_heard() {
    for name in ["glide.flac", "glide.mp3", "glide.ogg", "glide.aac", "pcm24.wav", "float.wav"] {
        let whole = fixture(name);
        let sound = decode(&whole[..whole.len() * 7 / 8], name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(sound.seconds() > 0.1, "{name}: {} s", sound.seconds());
    }
}

/// A WAV file whose header says what it likes.
fn wav(riff_bytes: u32, channels: u16, rate: u32, bits: u16, data_bytes: u32, data: &[u8]) -> Vec<u8> {
    let frame_bytes = channels.wrapping_mul(bits / 8);
    let mut wav = b"RIFF".to_vec();
    wav.extend(riff_bytes.to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    wav.extend(channels.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend(rate.wrapping_mul(u32::from(frame_bytes)).to_le_bytes());
    wav.extend(frame_bytes.to_le_bytes());
    wav.extend(bits.to_le_bytes());
    wav.extend(b"data");
    wav.extend(data_bytes.to_le_bytes());
    wav.extend(data);
    wav
}

#[test]
fn a_header_that_claims_four_gigabytes_gives_the_samples_that_are_there() {
    let data = [0x10; 8_000];
    for claim in [u32::MAX, u32::MAX - 1, u32::MAX - 44, 0x8000_0000] {
        let sound = decode(&wav(claim, 1, 16_000, 16, claim, &data), "a.wav").unwrap();
        assert_eq!(sound.samples().len(), 4_000, "claimed {claim}");
    }
    assert!(matches!(
        decode(&wav(u32::MAX, 1, 16_000, 16, u32::MAX, &[]), "a.wav"),
        Err(SoundError::Empty | SoundError::Damaged { .. })
    ));
}

#[test]
fn impossible_rates_channels_and_sample_sizes_are_refused() {
    for (channels, rate, bits) in
        [(0, 16_000, 16), (1, 0, 16), (1, 3, 16), (1, u32::MAX, 16), (1, 16_000, 0), (1, 16_000, 7)]
    {
        let result = decode(&wav(8_036, channels, rate, bits, 8_000, &[0x10; 8_000]), "a.wav");
        let is_typed =
            matches!(result, Err(SoundError::Damaged { .. } | SoundError::Unsupported { .. } | SoundError::Empty));
        assert!(is_typed, "{channels} channels at {rate} Hz with {bits} bits: {result:?}");
    }
}

#[test]
fn a_sound_of_hours_is_too_long() {
    // 8-bit samples at 4 kHz, the cheapest way to claim and fill so much time.
    let seconds = MAX_SECONDS as usize + 1;
    let file = wav(u32::MAX, 1, 4_000, 8, u32::MAX, &vec![0x80; seconds * 4_000]);
    assert_eq!(decode(&file, "a.wav"), Err(SoundError::TooLong { limit_seconds: MAX_SECONDS }));
}

#[test]
fn surround_sound_is_mixed_down() {
    // 5.1: only the front left channel has the sound, so the mix has a sixth of it.
    let data: Vec<u8> = (0..4_800).flat_map(|_| [6_000i16, 0, 0, 0, 0, 0]).flat_map(i16::to_le_bytes).collect();
    let sound = decode(&wav(36 + data.len() as u32, 6, 16_000, 16, data.len() as u32, &data), "a.wav").unwrap();
    assert_eq!(sound.samples().len(), 4_800);
    assert!(sound.samples().iter().all(|sample| (sample - 1_000.0 / 32_768.0).abs() < 1e-6));
}

/// Writes the checksum of each page anew, so that damage behind it reaches the decoder (RFC 3533 §6, CRC-32
/// 0x04c11db7).
fn mend_ogg_checksums(bytes: &mut [u8]) {
    let mut start = 0;
    while bytes[start..].starts_with(b"OggS") && bytes.len() > start + 27 {
        let segments = usize::from(bytes[start + 26]);
        let Some(lacing) = bytes.get(start + 27..start + 27 + segments) else {
            return;
        };
        let end = start + 27 + segments + lacing.iter().map(|&length| usize::from(length)).sum::<usize>();
        let Some(page) = bytes.get_mut(start..end) else {
            return;
        };
        page[22..26].fill(0);
        let checksum = page.iter().fold(0u32, |crc, &byte| {
            (0..8).fold(
                crc ^ u32::from(byte) << 24,
                |crc, _| {
                    if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 }
                },
            )
        });
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        start = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(decode(&bytes, "a.wav").is_err());
    }

    #[test]
    fn random_bytes_after_a_true_beginning_do_no_harm(
        file in 0..FIXTURES.len(), kept in 4usize..400, bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let mut damaged = fixture(FIXTURES[file]);
        damaged.truncate(kept);
        damaged.extend(bytes);
        let _ = decode(&damaged, FIXTURES[file]);
    }

    #[test]
    fn damage_anywhere_in_a_file_does_no_harm(
        file in 0..FIXTURES.len(),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        in_the_header in any::<bool>(),
    ) {
        let mut damaged = fixture(FIXTURES[file]);
        let reach = if in_the_header { damaged.len().min(1_200) } else { damaged.len() };
        for (place, value) in hits {
            damaged[place.index(reach)] = value;
        }
        mend_ogg_checksums(&mut damaged);
        let _ = decode(&damaged, FIXTURES[file]);
    }
}
