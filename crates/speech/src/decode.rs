//! The bytes of a sound file → [`Sound`]. symphonia reads the formats; what a header claims is never trusted with
//! memory, and what was readable of a file that breaks off is kept.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
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
    // A codec that meets what its authors thought impossible must not take the program with it. (In a browser it can't
    // be caught: there a worker that decodes, and nothing else, ends with it.)
    catch_unwind(AssertUnwindSafe(|| decode_container(container, &bytes)))
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
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| refused(container, &error))?;

    let mut format = None;
    let mut builder: Option<SoundBuilder> = None;
    let mut samples = Vec::new();
    let (mut good_packets, mut bad_packets) = (0u64, 0u64);
    // Any error of the reader is the end: the file breaks off, or another stream begins.
    while let Ok(Some(packet)) = reader.next_packet() {
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
