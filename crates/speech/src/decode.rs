//! The bytes of a sound file → [`Decoded`]. symphonia decodes what the headers tell of; what a header claims is never
//! trusted with memory, and what was readable of a file that breaks off is kept, with a word on what is missing.

use std::io::Cursor;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as Ticks, Timestamp};
use symphonia::default::formats::{AdtsReader, FlacReader, IsoMp4Reader, OggReader};

use crate::container::{Contained, Container, Kept, Packets, SoundTrack, Stretch, stretches};
use crate::mix::{Heard, Mix, mixed};
use crate::opus::OpusDecoder;
use crate::sound::{MAX_SECONDS, SoundBuilder};
use crate::{Decoded, Notice, Sound, SoundError};

/// Decodes a sound file into 16 kHz mono; which formats are read, `docs/sounds.md` lists. What it is, the bytes say; the
/// file's name only helps to tell sound of an unknown kind from something else.
///
/// Recordings that were joined, as MP3 files and chains of Ogg streams are, come out one after the other. Encoders put some
/// silence first (MP3 and AAC about 25 to 70 ms); it is cut off where the file says how much.
///
/// # Errors
/// Every [`SoundError`] but `TooShort`: a file that is read without an error has at least one sample, not necessarily a
/// window.
pub fn decode(bytes: &[u8], file_name: Option<&str>) -> Result<Decoded, SoundError> {
    decode_up_to(bytes, file_name, MAX_SECONDS)
}

/// As [`decode`], for sounds of which none is wanted that is longer than so many seconds. One that is costs no more than a
/// look where its container tells, and no more than the decoding of as many seconds where it does not.
///
/// # Errors
/// As [`decode`]; [`SoundError::TooLong`] above `longest`, which is at most [`MAX_SECONDS`].
pub fn decode_up_to(bytes: &[u8], file_name: Option<&str>, longest: u32) -> Result<Decoded, SoundError> {
    let longest = longest.min(MAX_SECONDS);
    if bytes.is_empty() {
        return Err(SoundError::Empty);
    }
    let (mut sounds, mut notices, mut refusal) = (Vec::new(), Vec::new(), None);
    let (mut seconds, mut missing) = (0.0, 0.0);
    for stretch in guarded(|| stretches(bytes, file_name))? {
        match guarded(|| mixed(|mix| hear(&stretch, mix, longest))) {
            Ok((heard, notice)) => {
                missing += heard.missing;
                seconds += heard.sound.seconds();
                check_seconds(seconds, longest)?;
                if let Some(notice) = notice.filter(|notice| !notices.contains(notice)) {
                    notices.push(notice);
                }
                sounds.push(heard.sound);
            }
            Err(error @ SoundError::TooLong { .. }) => return Err(error),
            Err(error) if refusal.as_ref().is_none_or(|refusal| *refusal == SoundError::Empty) => refusal = Some(error),
            Err(_) => {}
        }
    }
    match refusal {
        Some(error) if sounds.is_empty() => return Err(error),
        None | Some(SoundError::Empty) if missing == 0.0 => {}
        None | Some(SoundError::Empty) => notices.push(Notice::Missing { seconds: Some(missing) }),
        Some(_) => notices.push(Notice::Missing { seconds: None }),
    }
    Ok(Decoded { sound: Sound::joined(sounds)?, notices })
}

/// How long decoding a file of that many bytes may take before its decoder counts as stuck: about ten times as long as
/// honest files took on a busy machine. There is no clock here: whoever waits for a decoder looks at one.
pub fn longest_decoding(file_bytes: usize) -> Duration {
    let megabytes = u64::try_from(file_bytes / 1_000_000).unwrap_or(u64::MAX);
    Duration::from_secs(megabytes.saturating_mul(10).saturating_add(30).min(10 * 60))
}

/// A decoder that meets what its authors thought impossible must not take the program with it. (In a browser it can't
/// be caught: there a worker that decodes, and nothing else, ends with it.)
fn guarded<T>(decoder: impl FnOnce() -> Result<T, SoundError>) -> Result<T, SoundError> {
    catch_unwind(AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(SoundError::Damaged { detail: "its content makes no sense".into() }))
}

fn check_seconds(seconds: f64, longest: u32) -> Result<(), SoundError> {
    if seconds > f64::from(longest) { Err(SoundError::TooLong { limit_seconds: longest }) } else { Ok(()) }
}

fn hear(stretch: &Stretch<'_>, mix: Mix, longest: u32) -> Result<Heard, SoundError> {
    match stretch {
        Stretch::Packets(packets) => hear_packets(packets, mix, longest),
        Stretch::Contained(file) => hear_contained(file, mix, longest),
        Stretch::Unreadable(error) => Err(error.clone()),
    }
}

fn hear_packets(packets: &Packets<'_>, mix: Mix, longest: u32) -> Result<Heard, SoundError> {
    let Packets { parameters, data, packets, kept, missing } = packets;
    if let Some(rate) = parameters.sample_rate.filter(|&rate| rate > 0) {
        let frames = packets.iter().fold(0_u64, |sum, packet| sum.saturating_add(packet.frames));
        let kept = kept.at(rate).into_iter().map(|range| range.end.min(frames).saturating_sub(range.start));
        check_seconds(kept.fold(0, u64::saturating_add) as f64 / f64::from(rate), longest)?;
    }
    let decoder = decoder_of(parameters).map_err(|error| refused("this kind of encoding", &error))?;
    let source = Source { decoder, track: 0, bytes: data.len(), kept: kept.clone(), claimed: None, longest };
    let mut packets = packets.iter();
    let mut heard = decode_packets(source, mix, || {
        Ok(packets
            .next()
            .map(|packet| Packet::new(0, Timestamp::ZERO, Ticks::from(packet.frames), &data[packet.bytes.clone()])))
    })?;
    heard.missing += missing;
    Ok(heard)
}

fn hear_contained(file: &Contained<'_>, mix: Mix, longest: u32) -> Result<Heard, SoundError> {
    let codec = file.tracks.first().map(|track| format!("{} in an MP4 or QuickTime file", track.codec));
    let name = codec.as_deref().unwrap_or(match file.container {
        Container::Flac => "this kind of FLAC file",
        Container::Adts => "this kind of MPEG sound",
        Container::Ogg => "this kind of OGG file",
        Container::Mp4 => "this kind of MP4 file",
    });
    let mut reader = open(file.container, &file.bytes).map_err(|error| refused(name, &error))?;
    let mut source = source(file, &*reader, name)?;
    source.bytes = file.bytes.len();
    source.longest = longest;
    check_seconds(source.claimed.unwrap_or(0.0), longest)?;
    decode_packets(source, mix, || reader.next_packet())
}

/// What is needed to hear the sound of one track.
struct Source {
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// Of all the file's packets.
    bytes: usize,
    kept: Kept,
    /// Seconds that the container says there are.
    claimed: Option<f64>,
    /// Most seconds that are wanted.
    longest: u32,
}

/// The first track that can be decoded, if the file says of its tracks what they are, else the reader's first.
fn source(file: &Contained<'_>, reader: &dyn FormatReader, name: &str) -> Result<Source, SoundError> {
    let sound = |track: &Track| match &track.codec_params {
        Some(CodecParameters::Audio(parameters)) => decoder_of(parameters),
        _ => Err(Error::Unsupported("no sound")),
    };
    let of = |track: &Track, decoder, described: Option<&SoundTrack>| {
        let kept = described.map_or_else(Kept::all, |described| described.kept.clone());
        Source { decoder, track: track.id, bytes: 0, claimed: claimed(track, &kept), kept, longest: MAX_SECONDS }
    };
    if file.tracks.is_empty() {
        let track = reader.default_track(TrackType::Audio).ok_or(SoundError::Empty)?;
        return Ok(of(track, sound(track).map_err(|error| refused(name, &error))?, None));
    }
    let found = file.tracks.iter().find_map(|described| {
        let track = reader.tracks().iter().find(|track| track.id == described.id)?;
        Some(of(track, sound(track).ok()?, Some(described)))
    });
    found.ok_or_else(|| SoundError::Unsupported { format: name.into() })
}

/// How many seconds of what is kept a track has, as its container tells.
fn claimed(track: &Track, kept: &Kept) -> Option<f64> {
    let base = track.time_base?;
    let start = u64::try_from(track.start_ts.get()).unwrap_or(0);
    let ticks = track.num_frames.or(track.duration.map(|duration| duration.get()))?.saturating_sub(start);
    let seconds = ticks as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
    let at =
        |units: u64| if units == u64::MAX { seconds } else { (units as f64 / f64::from(kept.per_second)).min(seconds) };
    Some(kept.ranges.iter().map(|range| at(range.end) - at(range.start)).sum())
}

fn decoder_of(parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Error> {
    if parameters.codec == CODEC_ID_OPUS {
        return Ok(Box::new(OpusDecoder::new(parameters)?));
    }
    symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default())
}

/// The sound of one track's packets. A packet that can't be decoded is as much silence as the next one has sound, so that
/// what comes after it is not early.
fn decode_packets(
    source: Source,
    mix: Mix,
    mut next_packet: impl FnMut() -> Result<Option<Packet>, Error>,
) -> Result<Heard, SoundError> {
    let Source { mut decoder, track, bytes, kept, claimed, longest } = source;
    let mut hearing: Option<Hearing> = None;
    let mut samples = Vec::new();
    let (mut good_packets, mut bad_packets) = (0u64, 0u64);
    let mut unheard = 0u64;
    // A file consists of its packets, and each has a byte of it at least: their bytes and their number both end with the
    // file. A reader that goes in circles is found out by that.
    let mut left = bytes.saturating_mul(2);
    // Any error of the reader is the end: the file breaks off, or another stream begins.
    while let Ok(Some(packet)) = next_packet() {
        left = left
            .checked_sub(packet.data.len().saturating_add(1))
            .ok_or_else(|| SoundError::Damaged { detail: "it claims more sound than it has bytes for".into() })?;
        if packet.track_id != track {
            continue;
        }
        let Ok(buffer) = decoder.decode(&packet) else {
            bad_packets += 1;
            unheard += 1;
            continue;
        };
        good_packets += 1;
        if buffer.is_empty() {
            continue;
        }
        let (channels, rate) = (buffer.spec().channels().count(), buffer.spec().rate());
        buffer.copy_to_vec_interleaved(&mut samples);
        let hearing = match &mut hearing {
            Some(hearing) => hearing,
            None => hearing.insert(Hearing::new(channels as u16, rate, mix, &kept, longest)?),
        };
        if (hearing.channels, hearing.rate) != (channels, rate) {
            break; // A second recording begins in the same file.
        }
        let silence = vec![0.0; if unheard > 0 { samples.len() } else { 0 }];
        for _ in 0..unheard {
            hearing.push(&silence)?;
            hearing.lost += (silence.len() / channels) as u64;
        }
        unheard = 0;
        hearing.push(&samples)?;
    }
    if bad_packets > good_packets {
        return Err(SoundError::Damaged { detail: "most of it can't be read".into() });
    }
    hearing.ok_or(SoundError::Empty)?.finish(claimed)
}

/// The sound of a track as far as it has been decoded.
struct Hearing {
    builder: SoundBuilder,
    channels: usize,
    rate: u32,
    /// What is kept from here on, in frames.
    kept: Vec<Range<u64>>,
    /// How many of these are behind.
    passed: usize,
    /// Frames that the decoder has given, and how many of them were kept, and how many are silence in place of sound.
    frames: u64,
    heard: u64,
    lost: u64,
    longest: u64,
}

impl Hearing {
    fn new(channels: u16, rate: u32, mix: Mix, kept: &Kept, longest: u32) -> Result<Hearing, SoundError> {
        Ok(Hearing {
            builder: SoundBuilder::new(channels, rate, mix, longest)?,
            channels: usize::from(channels),
            rate,
            kept: kept.at(rate),
            passed: 0,
            frames: 0,
            heard: 0,
            lost: 0,
            longest: 0,
        })
    }

    /// Takes what has been decoded, interleaved, and hands on what belongs to the sound.
    fn push(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        let frames = (samples.len() / self.channels) as u64;
        let (start, end) = (self.frames, self.frames + frames);
        self.frames = end;
        self.longest = self.longest.max(frames);
        while let Some(range) = self.kept.get(self.passed) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                let place = |frame: u64| (frame - start) as usize * self.channels;
                self.builder.push(&samples[place(from)..place(to)])?;
                self.heard += to - from;
            }
            if range.end > end {
                break;
            }
            self.passed += 1;
        }
        Ok(())
    }

    /// The sound, and what is missing of it if that is more than the longest packet: a codec's end is not more exact.
    fn finish(self, claimed: Option<f64>) -> Result<Heard, SoundError> {
        let seconds = |frames: u64| frames as f64 / f64::from(self.rate);
        let short = (claimed.unwrap_or(0.0) - seconds(self.heard)).max(0.0);
        let missing = short + seconds(self.lost);
        let is_much = missing > seconds(self.longest);
        let heard = self.builder.finish()?;
        Ok(Heard { missing: if is_much { missing } else { 0.0 }, ..heard })
    }
}

fn open<'a>(container: Container, bytes: &'a [u8]) -> Result<Box<dyn FormatReader + 'a>, Error> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let options = Default::default();
    Ok(match container {
        Container::Flac => Box::new(FlacReader::try_new(source, options)?),
        Container::Adts => Box::new(AdtsReader::try_new(source, options)?),
        Container::Ogg => Box::new(OggReader::try_new(source, options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(source, options)?),
    })
}

/// Why a file can't be decoded, for the person who chose it.
fn refused(name: &str, error: &Error) -> SoundError {
    match error {
        Error::Unsupported(_) => SoundError::Unsupported { format: name.into() },
        Error::IoError(_) => SoundError::Damaged { detail: "it breaks off".into() },
        Error::DecodeError(detail) | Error::LimitError(detail) => SoundError::Damaged { detail: (*detail).into() },
        other => SoundError::Damaged { detail: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::Channels;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16LE;

    use super::*;

    /// What a reader of ours gives, packet by packet, of a made-up file of that many bytes: 16-bit samples, 16 kHz, mono.
    fn decode_of(
        file_bytes: usize,
        mut data: impl FnMut(usize) -> Option<(u32, Vec<u8>)>,
    ) -> (Result<Heard, SoundError>, usize) {
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(CODEC_ID_PCM_S16LE)
            .with_sample_rate(16_000)
            .with_channels(Channels::Discrete(1))
            .with_max_frames_per_packet(1_024);
        let decoder = decoder_of(&parameters).expect("plain samples need no codec");
        let source = Source { decoder, track: 1, bytes: file_bytes, kept: Kept::all(), claimed: None, longest: 60 };
        let mut asked = 0;
        let result = guarded(|| {
            decode_packets(source, Mix::All, || {
                let packet = data(asked);
                asked += 1;
                Ok(packet.map(|(track, data)| Packet::new(track, Timestamp::ZERO, Ticks::from(512u32), data)))
            })
        });
        (result, asked)
    }

    #[test]
    fn packets_that_are_the_whole_file_are_heard() {
        let (sound, _) = decode_of(2_048, |packet| (packet < 2).then(|| (1, [0, 0x40].repeat(512))));
        assert_eq!(sound.expect("half of full scale").sound.samples(), [0.5; 1_024]);
        // Nothing but packets of a byte, as many as the file has bytes: it is not for their number that they are refused.
        let (result, asked) = decode_of(100, |packet| (packet < 100).then(|| (2, vec![0])));
        assert_eq!((result, asked), (Err(SoundError::Empty), 101));
    }

    /// The sound of four packets of 100 frames at 16 kHz, of which a track keeps and claims so much.
    fn kept_of(ranges: &[(u64, u64)], claimed: Option<f64>) -> Heard {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_PCM_S16LE).with_sample_rate(16_000).with_channels(Channels::Discrete(1));
        let decoder = decoder_of(&parameters).expect("plain samples need no codec");
        let kept = Kept { ranges: ranges.iter().map(|&(start, end)| start..end).collect(), per_second: 8_000 };
        let mut packets = (0..4).map(|_| Packet::new(1, Timestamp::ZERO, Ticks::from(100u32), [0, 0x40].repeat(100)));
        let source = Source { decoder, track: 1, bytes: 800, kept, claimed, longest: 60 };
        decode_packets(source, Mix::All, || Ok(packets.next())).expect("plain samples")
    }

    #[test]
    fn what_an_encoder_added_is_cut_off_and_what_is_missing_is_told() {
        assert_eq!(kept_of(&[(0, u64::MAX)], None).sound.samples().len(), 400);
        assert_eq!(kept_of(&[(50, 150)], None).sound.samples().len(), 200);
        assert_eq!(kept_of(&[(10, 20), (40, 60), (190, u64::MAX)], None).sound.samples().len(), 20 + 40 + 20);
        assert!((kept_of(&[(0, u64::MAX)], Some(1.025)).missing - 1.0).abs() < 1e-9);
        assert_eq!(kept_of(&[(0, u64::MAX)], Some(0.03)).missing, 0.0, "less than a packet");
    }

    #[test]
    fn no_more_is_decoded_than_is_wanted() {
        // A packet is 1/32 s: of a minute's, 1,920 and the one that is too much, however many there are.
        let (result, asked) = decode_of(usize::MAX / 4, |_| Some((1, vec![0; 1_024])));
        assert_eq!(result, Err(SoundError::TooLong { limit_seconds: 60 }));
        assert!(asked <= 1_920 + 4, "{asked} packets were asked for");
    }

    #[test]
    fn packets_that_tell_their_length_are_not_decoded_if_it_is_too_much() {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_OPUS).with_sample_rate(48_000);
        let packet = || crate::container::Packet { bytes: 0..1, frames: 960 };
        let of = |count: usize, kept: Kept| {
            let packets = Packets {
                parameters: parameters.clone(),
                data: std::borrow::Cow::Borrowed(&[0]),
                packets: (0..count).map(|_| packet()).collect(),
                kept,
                missing: 0.0,
            };
            hear_packets(&packets, Mix::All, 120)
        };
        let too_long = Err(SoundError::TooLong { limit_seconds: 120 });
        assert_eq!(of(6_001, Kept::all()), too_long, "120.02 s");
        let part = Kept { ranges: std::iter::once(0..48_000).collect(), per_second: 48_000 };
        assert_ne!(of(6_001, part), too_long, "an edit list keeps one second");
    }

    #[test]
    fn a_file_on_which_a_decoder_panics_is_damaged() {
        let (result, asked) = decode_of(2_048, |packet| match packet {
            0 => Some((1, vec![0; 1_024])),
            _ => panic!("as a decoder might that meets what it thought impossible"),
        });
        assert!(matches!(result, Err(SoundError::Damaged { .. })), "{result:?}");
        assert_eq!(asked, 1);
    }

    #[test]
    fn packets_without_end_are_found_out_whatever_is_in_them() {
        for (what, track, data) in [
            ("sound", 1, vec![0; 1_024]),
            ("nothing", 1, vec![]),
            ("half a sample", 1, vec![0]),
            ("another track", 2, vec![]),
            ("more than the file", 1, vec![0; 5_000]),
        ] {
            let (result, asked) = decode_of(2_048, |_| Some((track, data.clone())));
            assert!(matches!(result, Err(SoundError::Damaged { .. })), "{what}: {result:?}");
            assert!(asked <= 2 * 2_048 + 1, "{what}: {asked} packets were asked for");
        }
    }

    #[test]
    fn a_decoder_has_longer_for_a_longer_file_but_not_for_ever() {
        for (bytes, seconds) in [(0, 30), (999_999, 30), (10_000_000, 130), (57_000_000, 600), (usize::MAX, 600)] {
            assert_eq!(longest_decoding(bytes), Duration::from_secs(seconds), "{bytes} bytes");
        }
    }
}
