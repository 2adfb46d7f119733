//! Encoded sound as the readers of headers here give it to a decoder: packet by packet, with what the decoder has to be
//! told, and which of what comes out belongs to the sound.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use crate::SoundError;

/// A file may place at most so many channels in a room (Microsoft's `WAVEFORMATEXTENSIBLE`).
const MOST_CHANNELS: u16 = 18;

/// Blocks that go to a decoder at once hold about so many frames.
const FRAMES_AT_ONCE: u64 = 1_152;

/// The packets of one stretch of sound.
pub(crate) struct Packets<'a> {
    pub parameters: AudioCodecParameters,
    pub data: Cow<'a, [u8]>,
    pub packets: Vec<Packet>,
    pub kept: Kept,
    /// Seconds that the header claims beyond the data that is there.
    pub missing: f64,
}

/// Where in the data a packet is, and of how many frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub bytes: Range<usize>,
    pub frames: u64,
}

/// Which of the frames that come out of a decoder belong to the sound: those in the ranges, which ascend, in units of which
/// there are so many in a second. (Encoders put silence in front of the sound and fill their last packet.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub ranges: Vec<Range<u64>>,
    pub per_second: u32,
}

impl Kept {
    pub(crate) fn all() -> Kept {
        Kept::one(0..u64::MAX, 1)
    }

    pub(crate) fn one(range: Range<u64>, per_second: u32) -> Kept {
        Kept { ranges: iter::once(range).collect(), per_second }
    }

    /// The ranges in frames at a rate.
    pub(crate) fn at(&self, rate: u32) -> Vec<Range<u64>> {
        let frames = |units: u64| match units {
            u64::MAX => u64::MAX,
            _ => scaled(units, rate, self.per_second),
        };
        self.ranges.iter().map(|range| frames(range.start)..frames(range.end)).collect()
    }
}

/// A number of units of which there are `from` in a second, in units of which there are `to`.
pub(crate) fn scaled(units: u64, to: u32, from: u32) -> u64 {
    let (to, from) = (u128::from(to), u128::from(from.max(1)));
    u64::try_from((u128::from(units) * to + from / 2) / from).unwrap_or(u64::MAX)
}

/// Sound that consists of blocks of one size: plain samples, of which a block is a frame, or compressed ones.
pub(crate) struct Blocks<'a> {
    pub codec: AudioCodecId,
    pub channels: u16,
    pub rate: u32,
    /// Where samples do not fill their bytes: how many of the low bits count.
    pub low_bits: Option<u32>,
    pub block_bytes: usize,
    pub block_frames: u64,
    pub data: Cow<'a, [u8]>,
    /// Bytes of data that the header claims and the file does not have.
    pub missing_bytes: u64,
}

impl<'a> Blocks<'a> {
    /// # Errors
    /// [`SoundError::Damaged`] for no channels or more than there are places for, and for blocks of nothing.
    pub(crate) fn packets(self) -> Result<Packets<'a>, SoundError> {
        check_channels(self.channels)?;
        if self.block_bytes == 0 || self.block_frames == 0 {
            return Err(SoundError::Damaged { detail: "it claims samples of no size".into() });
        }
        let blocks_at_once = (FRAMES_AT_ONCE / self.block_frames).max(1);
        let bytes_at_once = self.block_bytes.saturating_mul(blocks_at_once as usize);
        let whole = self.data.len() - self.data.len() % self.block_bytes;
        let packets = (0..whole)
            .step_by(bytes_at_once)
            .map(|start| {
                let end = start.saturating_add(bytes_at_once).min(whole);
                Packet { bytes: start..end, frames: ((end - start) / self.block_bytes) as u64 * self.block_frames }
            })
            .collect();
        let mut parameters = parameters(self.codec, self.channels, self.rate);
        parameters
            .with_frames_per_block(self.block_frames)
            .with_max_frames_per_packet(blocks_at_once * self.block_frames);
        if let Some(bits) = self.low_bits {
            parameters.with_bits_per_coded_sample(bits).with_bits_per_sample(32);
        }
        let missing_blocks = self.missing_bytes as f64 / self.block_bytes as f64;
        Ok(Packets {
            parameters,
            data: self.data,
            packets,
            kept: Kept::all(),
            missing: missing_blocks * self.block_frames as f64 / f64::from(self.rate.max(1)),
        })
    }
}

/// What every decoder has to be told.
pub(crate) fn parameters(codec: AudioCodecId, channels: u16, rate: u32) -> AudioCodecParameters {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(codec).with_sample_rate(rate).with_channels(Channels::Discrete(channels));
    parameters
}

/// # Errors
/// [`SoundError::Damaged`] for none, and for more than there are places for.
pub(crate) fn check_channels(channels: u16) -> Result<(), SoundError> {
    if channels == 0 || channels > MOST_CHANNELS {
        return Err(SoundError::Damaged { detail: format!("it claims {channels} channels") });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16LE;

    use super::*;

    fn blocks(channels: u16, block_bytes: usize, data: &[u8]) -> Blocks<'_> {
        Blocks {
            codec: CODEC_ID_PCM_S16LE,
            channels,
            rate: 16_000,
            low_bits: None,
            block_bytes,
            block_frames: 1,
            data: data.into(),
            missing_bytes: 32_000,
        }
    }

    #[test]
    fn blocks_are_given_out_whole_and_what_is_missing_is_told_in_seconds() {
        let data = vec![0; 2 * 1_152 * 2 + 7];
        let packets = blocks(1, 2, &data).packets().unwrap();
        assert_eq!(packets.packets.len(), 3);
        assert_eq!(packets.packets[2], Packet { bytes: 4_608..4_614, frames: 3 });
        assert_eq!(packets.missing, 1.0);
        assert!(matches!(blocks(1, 0, &data).packets(), Err(SoundError::Damaged { .. })));
        for channels in [0, 19, 40_000] {
            assert!(matches!(blocks(channels, 2, &data).packets(), Err(SoundError::Damaged { .. })), "{channels}");
        }
    }

    #[test]
    fn what_is_kept_follows_the_rate() {
        let kept = Kept { ranges: vec![1_024..9_024, 10_000..u64::MAX], per_second: 8_000 };
        assert_eq!(kept.at(16_000), [2_048..18_048, 20_000..u64::MAX]);
        assert_eq!(kept.at(8_000), kept.ranges);
        assert_eq!(scaled(1_000, 44_100, 1_000), 44_100);
        assert_eq!(scaled(u64::MAX - 1, 2, 1), u64::MAX);
    }
}
