//! Opus as one more of symphonia's decoders, which has none of its own: `ruopus`, told what a stream's header says.

use ruopus::OpusDecoder as Decoder;
use symphonia::core::audio::{
    AsGenericAudioBufferRef as _, AudioBuffer, AudioMut as _, AudioSpec, Channels, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;

use crate::SoundError;
use crate::container::opus::{Head, LONGEST_PACKET, RATE};

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

/// Gives mono or stereo at 48 kHz, whatever was recorded, as loud as the header wants it.
pub(crate) struct OpusDecoder {
    parameters: AudioCodecParameters,
    decoder: Decoder,
    channels: usize,
    gain: f32,
    decoded: AudioBuffer<f32>,
}

impl OpusDecoder {
    /// # Errors
    /// As [`Head::read`], if there is a header; [`Error::Unsupported`] for more than two channels.
    pub(crate) fn new(parameters: &AudioCodecParameters) -> Result<OpusDecoder, Error> {
        let (channels, gain) = match &parameters.extra_data {
            Some(header) => {
                let head = Head::read(header).map_err(|error| match error {
                    SoundError::Unsupported { .. } => Error::Unsupported("opus: more than two channels"),
                    _ => Error::DecodeError("its Opus header makes no sense"),
                })?;
                (usize::from(head.channels), head.gain)
            }
            None => (parameters.channels.as_ref().map_or(1, |channels| channels.count()), 1.0),
        };
        if !(1..=2).contains(&channels) {
            return Err(Error::Unsupported("opus: more than two channels"));
        }
        let spec = AudioSpec::new(RATE, Channels::Discrete(channels as u16));
        Ok(OpusDecoder {
            parameters: parameters.clone(),
            decoder: Decoder::new(channels),
            channels,
            gain,
            decoded: AudioBuffer::new(spec, LONGEST_PACKET as usize),
        })
    }
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        self.decoder = Decoder::new(self.channels);
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>, Error> {
        self.decoded.clear();
        // An empty one would be taken for one that was lost, and made up for.
        if packet.data.is_empty() {
            return Err(Error::DecodeError("opus: an empty packet"));
        }
        let mut samples =
            self.decoder.decode_packet(packet.data).map_err(|_| Error::DecodeError("opus: a damaged packet"))?;
        let frames = samples.len() / self.channels;
        if frames > self.decoded.capacity() {
            return Err(Error::DecodeError("opus: a packet of more than 120 ms"));
        }
        for sample in &mut samples {
            *sample *= self.gain;
        }
        self.decoded.resize_uninit(frames);
        self.decoded.copy_from_slice_interleaved(&samples);
        Ok(self.last_decoded())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.decoded.as_generic_audio_buffer_ref()
    }
}
