//! The bytes of a sound file → [`Sound`]. symphonia reads the formats; what a header claims is never trusted with
//! memory, and what was readable of a file that breaks off is kept.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader};

use crate::container::{Container, identify};
use crate::sound::SoundBuilder;
use crate::{Sound, SoundError};

/// Decodes a WAV, FLAC, MP3, OGG (Vorbis), M4A (AAC) or ADTS (AAC) file into 16 kHz mono. What it is, the bytes say;
/// the file's name only helps to tell sound of an unknown kind from something else.
///
/// Encoders put some silence first (MP3 and AAC about 25 to 70 ms); it is cut off where the file says how much (MP3
/// with a LAME header, OGG), and stays in M4A.
///
/// # Errors
/// Every [`SoundError`] but `TooShort`: a file that is read without an error has at least one sample, not necessarily a
/// window.
pub fn decode(bytes: &[u8], file_name: Option<&str>) -> Result<Sound, SoundError> {
    if bytes.is_empty() {
        return Err(SoundError::Empty);
    }
    let (container, bytes) = identify(bytes, file_name)?;
    guarded(|| decode_container(container, &bytes))
}

/// How long decoding a file of that many bytes may take before its decoder counts as stuck: about ten times as long as
/// honest files took on a busy machine. There is no clock here: whoever waits for a decoder looks at one.
pub fn longest_decoding(file_bytes: usize) -> Duration {
    let megabytes = u64::try_from(file_bytes / 1_000_000).unwrap_or(u64::MAX);
    Duration::from_secs(megabytes.saturating_mul(10).saturating_add(30).min(10 * 60))
}

/// A decoder that meets what its authors thought impossible must not take the program with it. (In a browser it can't
/// be caught: there a worker that decodes, and nothing else, ends with it.)
fn guarded(decoder: impl FnOnce() -> Result<Sound, SoundError>) -> Result<Sound, SoundError> {
    catch_unwind(AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(SoundError::Damaged { detail: "its content makes no sense".into() }))
}

fn decode_container(container: Container, bytes: &[u8]) -> Result<Sound, SoundError> {
    let mut reader = open(container, bytes).map_err(|error| refused(container, &error))?;
    let track = reader.default_track(TrackType::Audio).ok_or(SoundError::Empty)?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(|| refused(container, &Error::Unsupported("")))?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| refused(container, &error))?;
    decode_packets(decoder, track_id, bytes.len(), || reader.next_packet())
}

/// The sound of one track's packets, which are those of a file of `file_bytes`.
fn decode_packets(
    mut decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    file_bytes: usize,
    mut next_packet: impl FnMut() -> Result<Option<Packet>, Error>,
) -> Result<Sound, SoundError> {
    let mut format = None;
    let mut builder: Option<SoundBuilder> = None;
    let mut samples = Vec::new();
    let (mut good_packets, mut bad_packets) = (0u64, 0u64);
    // A file consists of its packets, and each has a byte of it at least: their bytes and their number both end with the
    // file. A reader that goes in circles is found out by that.
    let mut left = file_bytes.saturating_mul(2);
    // Any error of the reader is the end: the file breaks off, or another stream begins.
    while let Ok(Some(packet)) = next_packet() {
        left = left
            .checked_sub(packet.data.len().saturating_add(1))
            .ok_or_else(|| SoundError::Damaged { detail: "it claims more sound than it has bytes for".into() })?;
        if packet.track_id != track_id {
            continue;
        }
        let Ok(buffer) = decoder.decode(&packet) else {
            bad_packets += 1;
            continue;
        };
        good_packets += 1;
        if buffer.is_empty() {
            continue;
        }
        let this_format = (buffer.spec().channels().count(), buffer.spec().rate());
        if *format.get_or_insert(this_format) != this_format {
            break; // A second recording begins in the same file.
        }
        buffer.copy_to_vec_interleaved(&mut samples);
        let builder = match &mut builder {
            Some(builder) => builder,
            None => builder.insert(SoundBuilder::new(this_format.0 as u16, this_format.1)?),
        };
        builder.push(&samples)?;
    }
    if bad_packets > good_packets {
        return Err(SoundError::Damaged { detail: "most of it can't be read".into() });
    }
    builder.ok_or(SoundError::Empty)?.finish()
}

fn open<'a>(container: Container, bytes: &'a [u8]) -> Result<Box<dyn FormatReader + 'a>, Error> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let options = Default::default();
    Ok(match container {
        Container::Wav => Box::new(WavReader::try_new(source, options)?),
        Container::Flac => Box::new(FlacReader::try_new(source, options)?),
        Container::Mp3 => Box::new(MpaReader::try_new(source, options)?),
        Container::Adts => Box::new(AdtsReader::try_new(source, options)?),
        Container::Ogg => Box::new(OggReader::try_new(source, options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(source, options)?),
    })
}

/// Why a file can't be decoded, for the person who chose it.
fn refused(container: Container, error: &Error) -> SoundError {
    match error {
        Error::Unsupported(_) => SoundError::Unsupported {
            format: match container {
                Container::Wav => "this encoding of a WAV file",
                Container::Flac => "this kind of FLAC file",
                Container::Mp3 | Container::Adts => "this kind of MPEG sound",
                Container::Ogg => "this kind of OGG file",
                Container::Mp4 => "this encoding of an MP4 file",
            }
            .into(),
        },
        Error::IoError(_) => SoundError::Damaged { detail: "it breaks off".into() },
        Error::DecodeError(detail) | Error::LimitError(detail) => SoundError::Damaged { detail: (*detail).into() },
        other => SoundError::Damaged { detail: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::Channels;
    use symphonia::core::codecs::audio::AudioCodecParameters;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16LE;
    use symphonia::core::units::{Duration as Ticks, Timestamp};

    use super::*;

    /// What a reader of ours gives, packet by packet, of a made-up file of that many bytes: 16-bit samples, 16 kHz, mono.
    fn decode_of(
        file_bytes: usize,
        mut data: impl FnMut(usize) -> Option<(u32, Vec<u8>)>,
    ) -> (Result<Sound, SoundError>, usize) {
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(CODEC_ID_PCM_S16LE)
            .with_sample_rate(16_000)
            .with_channels(Channels::Discrete(1))
            .with_max_frames_per_packet(1_024);
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .expect("plain samples need no codec");
        let mut asked = 0;
        let result = guarded(|| {
            decode_packets(decoder, 1, file_bytes, || {
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
        assert_eq!(sound.expect("half of full scale").samples(), [0.5; 1_024]);
        // Nothing but packets of a byte, as many as the file has bytes: it is not for their number that they are refused.
        let (result, asked) = decode_of(100, |packet| (packet < 100).then(|| (2, vec![0])));
        assert_eq!((result, asked), (Err(SoundError::Empty), 101));
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
