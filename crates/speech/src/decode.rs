//! The bytes of a sound file → [`Sound`]. symphonia reads the formats; nothing here trusts what a header claims.

use std::io::Cursor;

use symphonia::core::audio::SampleBuffer;
use symphonia::core::codecs::{CODEC_TYPE_NULL, DecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{
    AdtsReader, FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader,
};

use crate::container::Container;
use crate::sound::SoundBuilder;
use crate::{Sound, SoundError};

/// Decodes a WAV, FLAC, MP3, OGG (Vorbis), M4A or ADTS (AAC) file into 16 kHz mono.
///
/// # Errors
/// Every [`SoundError`] but `TooShort`.
pub fn decode(bytes: &[u8], _file_name: Option<&str>) -> Result<Sound, SoundError> {
    if bytes.is_empty() {
        return Err(SoundError::Empty);
    }
    let container = Container::of(bytes)?;
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(bytes.to_vec())),
        MediaSourceStreamOptions::default(),
    );
    let mut reader = open(container, source).map_err(damaged)?;
    let track = reader
        .tracks()
        .iter()
        .find(|track| track.codec_params.codec != CODEC_TYPE_NULL)
        .ok_or(SoundError::Empty)?;
    let (id, params) = (track.id, track.codec_params.clone());
    let mut decoder = symphonia::default::get_codecs()
        .make(&params, &DecoderOptions::default())
        .map_err(|_| SoundError::Unsupported {
            format: "this sound file".into(),
        })?;
    let mut builder: Option<SoundBuilder> = None;
    loop {
        let packet = match reader.next_packet() {
            Ok(packet) if packet.track_id() == id => packet,
            Ok(_) => continue,
            Err(_) => break,
        };
        let Ok(buffer) = decoder.decode(&packet) else {
            continue;
        };
        let spec = *buffer.spec();
        let mut samples = SampleBuffer::<f32>::new(buffer.capacity() as u64, spec);
        samples.copy_interleaved_ref(buffer);
        let builder = match &mut builder {
            Some(builder) => builder,
            None => builder.insert(SoundBuilder::new(spec.channels.count() as u16, spec.rate)?),
        };
        builder.push(samples.samples())?;
    }
    builder.ok_or(SoundError::Empty)?.finish()
}

fn open(container: Container, source: MediaSourceStream) -> Result<Box<dyn FormatReader>, Error> {
    let options = FormatOptions {
        enable_gapless: true,
        ..FormatOptions::default()
    };
    Ok(match container {
        Container::Wav => Box::new(WavReader::try_new(source, &options)?),
        Container::Flac => Box::new(FlacReader::try_new(source, &options)?),
        Container::Mp3 => Box::new(MpaReader::try_new(source, &options)?),
        Container::Adts => Box::new(AdtsReader::try_new(source, &options)?),
        Container::Ogg => Box::new(OggReader::try_new(source, &options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(source, &options)?),
    })
}

fn damaged(error: Error) -> SoundError {
    SoundError::Damaged {
        detail: error.to_string(),
    }
}
