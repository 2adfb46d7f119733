//! Opus comes out as libopus decodes it, in every container: `fixtures/make.sh` had opusenc encode the sounds, and opusdec
//! decode them to the samples that stand beside them as FLAC.

use speech::{Decoded, Sound};

fn fixture(name: &str) -> Vec<u8> {
    let folder = "tests/fixtures/";
    std::fs::read(format!("{folder}{name}")).expect("make.sh made it")
}

fn decoded(bytes: &[u8]) -> Sound {
    let Decoded { sound, notices } = speech::decode(bytes, None).expect("a whole file");
    assert_eq!(notices, []);
    sound
}

/// The greatest difference between two sounds of the same length.
fn difference(a: &Sound, b: &Sound) -> f32 {
    assert_eq!(a.samples().len(), b.samples().len());
    a.samples().iter().zip(b.samples()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn all_three_ways_to_encode_come_out_as_libopus_decodes_them() {
    // The first is SILK, which is speech at a low rate, the second both, the last CELT, in stereo.
    for (name, first) in [("silk", 0..12), ("hybrid", 12..16), ("celt", 16..32)] {
        let bytes = fixture(&format!("{name}.opus"));
        let place = bytes.windows(8).rposition(|eight| eight == b"OpusTags").expect("its tags");
        let page = place + bytes[place..].windows(4).position(|four| four == b"OggS").expect("a page of sound");
        let configuration = bytes[page + 27 + usize::from(bytes[page + 26])] >> 3;
        assert!(first.contains(&configuration), "{name}: {configuration}");

        let (ours, libopus) = (decoded(&bytes), decoded(&fixture(&format!("{name}.opusdec.flac"))));
        assert_eq!(ours.samples().len(), 8_000, "{name}: 0.5 s");
        let difference = difference(&ours, &libopus);
        // libopus' samples are rounded to 16 bits; its SILK computes in these.
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn every_container_tells_where_the_sound_begins_and_ends() {
    // The same half second, as ffmpeg puts it into each.
    let ogg = decoded(&fixture("opus.ogg"));
    assert_eq!(ogg.samples().len(), 8_000);
    for name in ["opus.webm", "opus.m4a"] {
        assert_eq!(difference(&decoded(&fixture(name)), &ogg), 0.0, "{name}");
    }
}

/// The file with another gain in its header, in 256ths of a decibel.
fn louder(file: &[u8], gain: i16) -> Vec<u8> {
    let head = file.windows(8).position(|eight| eight == b"OpusHead").expect("a header");
    let mut louder = file.to_vec();
    louder[head + 16..head + 18].copy_from_slice(&gain.to_le_bytes());
    louder
}

#[test]
fn a_header_that_wants_it_louder_gets_it() {
    let file = fixture("silk.opus");
    let sound = decoded(&file);
    for (decibels, factor) in [(6.0f32, 1.995_262), (-20.0, 0.1)] {
        let loud = decoded(&louder(&file, (decibels * 256.0) as i16));
        for (loud, plain) in loud.samples().iter().zip(sound.samples()) {
            assert!((loud - factor * plain).abs() < 1e-5, "{decibels} dB: {loud} of {plain}");
        }
    }
}

#[test]
fn a_recording_that_breaks_off_gives_what_it_has() {
    for name in ["celt.opus", "opus.ogg", "opus.webm"] {
        let whole = fixture(name);
        let part = speech::decode(&whole[..whole.len() * 3 / 4], None).map(|decoded| decoded.sound.seconds());
        // An Ogg file of one page has lost the packet that it breaks off in, and where its sound would have ended.
        assert!(part.as_ref().is_ok_and(|seconds| (0.25..0.45).contains(seconds)), "{name}: {part:?}");
    }
}
