//! Binary frames: a piece of a transfer behind an 8-byte header.
//!
//! ```text
//! byte 0..4   transfer id, u32 little-endian
//! byte 4..8   offset of the payload within the transfer, bytes, u32 little-endian
//! byte 8..    payload, 1 to 262,136 bytes
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::{CHUNK_HEADER_BYTES, MAX_CHUNK_PAYLOAD};
use crate::{ProtocolError, TransferId};

/// One binary frame. The payload shares the frame's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The transfer that it is a piece of.
    pub transfer: TransferId,
    /// Where in the transfer it begins, bytes.
    pub offset: u32,
    /// Its bytes, 1 to 262,136.
    pub payload: Bytes,
}

impl Chunk {
    /// Reads a binary frame.
    pub fn parse(mut frame: Bytes) -> Result<Chunk, ProtocolError> {
        let bytes = frame.len();
        let Some(&[a, b, c, d, e, f, g, h]) = frame.first_chunk::<CHUNK_HEADER_BYTES>() else {
            return Err(ProtocolError::FrameTooShort { bytes });
        };
        let payload = frame.split_off(CHUNK_HEADER_BYTES);
        if payload.is_empty() {
            return Err(ProtocolError::FrameTooShort { bytes });
        }
        if payload.len() > MAX_CHUNK_PAYLOAD {
            return Err(ProtocolError::FrameTooLong { payload: payload.len() });
        }
        Ok(Chunk {
            transfer: TransferId(u32::from_le_bytes([a, b, c, d])),
            offset: u32::from_le_bytes([e, f, g, h]),
            payload,
        })
    }

    /// What stands before the payload.
    pub fn header(&self) -> [u8; CHUNK_HEADER_BYTES] {
        let [a, b, c, d] = self.transfer.0.to_le_bytes();
        let [e, f, g, h] = self.offset.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Writes the frame.
    pub fn frame(&self) -> Bytes {
        let mut frame = BytesMut::with_capacity(CHUNK_HEADER_BYTES + self.payload.len());
        frame.put_slice(&self.header());
        frame.put_slice(&self.payload);
        frame.freeze()
    }
}

/// The pieces that carry `bytes`, in order, whose memory they share: every one but the last is full.
pub fn pieces(transfer: TransferId, bytes: Bytes) -> impl Iterator<Item = Chunk> {
    (0..bytes.len()).step_by(MAX_CHUNK_PAYLOAD).map(move |start| {
        let end = bytes.len().min(start + MAX_CHUNK_PAYLOAD);
        // A transfer has at most MAX_MODEL_BYTES, so that its offsets fit.
        Chunk { transfer, offset: start as u32, payload: bytes.slice(start..end) }
    })
}

/// The frames of these pieces, each made when it is asked for.
pub fn chunks(transfer: TransferId, bytes: Bytes) -> impl Iterator<Item = Bytes> {
    pieces(transfer, bytes).map(|piece| piece.frame())
}

/// Bytes of the frames that carry so many bytes, headers included.
pub fn framed_bytes(bytes: usize) -> u64 {
    (bytes + bytes.div_ceil(MAX_CHUNK_PAYLOAD) * CHUNK_HEADER_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_what_the_page_says() {
        let chunk = Chunk { transfer: TransferId(7), offset: 262_136, payload: Bytes::from_static(b"abc") };
        assert_eq!(&chunk.frame()[..], b"\x07\0\0\0\xf8\xff\x03\0abc");
        assert_eq!(Chunk::parse(chunk.frame()).unwrap(), chunk);
    }

    #[test]
    fn too_short_and_too_long_frames_are_refused() {
        for bytes in 0..=CHUNK_HEADER_BYTES {
            let frame = Bytes::from(vec![0; bytes]);
            assert_eq!(Chunk::parse(frame), Err(ProtocolError::FrameTooShort { bytes }));
        }
        let longest = Bytes::from(vec![0; CHUNK_HEADER_BYTES + MAX_CHUNK_PAYLOAD]);
        assert!(Chunk::parse(longest).is_ok());
        let too_long = Bytes::from(vec![0; CHUNK_HEADER_BYTES + MAX_CHUNK_PAYLOAD + 1]);
        assert_eq!(Chunk::parse(too_long), Err(ProtocolError::FrameTooLong { payload: MAX_CHUNK_PAYLOAD + 1 }));
    }

    #[test]
    fn every_chunk_but_the_last_is_full() {
        let bytes = Bytes::from(vec![1; 2 * MAX_CHUNK_PAYLOAD + 5]);
        let sizes: Vec<(u32, usize)> = chunks(TransferId(1), bytes)
            .map(|frame| Chunk::parse(frame).unwrap())
            .map(|chunk| (chunk.offset, chunk.payload.len()))
            .collect();
        assert_eq!(sizes, [(0, MAX_CHUNK_PAYLOAD), (262_136, MAX_CHUNK_PAYLOAD), (524_272, 5)]);
        assert_eq!(chunks(TransferId(1), Bytes::new()).count(), 0);
    }
}
