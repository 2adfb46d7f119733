//! Puts the chunks of one announced transfer together again.
//!
//! The announcement was compared with the model's size before an [`Assembly`] is made, so its buffer is never larger
//! than a model. Chunks must come in order, and every one but the last must be full: so none can overlap, and a
//! sender can't hold a place with a trickle of small ones.

use bytes::Bytes;

use crate::limits::MAX_CHUNK_PAYLOAD;
use crate::{Checksum, Chunk, Transfer, TransferId};

/// Why a chunk was not taken. The transfer is lost; it has to be announced again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// The chunk belongs to another transfer.
    #[error("the chunk belongs to transfer {}, not to {}", found.0, expected.0)]
    WrongTransfer {
        /// The chunk's transfer.
        found: TransferId,
        /// The transfer under way.
        expected: TransferId,
    },
    /// The chunk is not the next one: a gap, a repetition or an overlap.
    #[error("the chunk begins at byte {found}, and the next one begins at {expected}")]
    OutOfOrder {
        /// Where it begins, bytes.
        found: u32,
        /// Where the next one has to begin, bytes.
        expected: u32,
    },
    /// The chunk is not the last one and not full.
    #[error("the chunk has {found} bytes, and {expected} were due")]
    TooShort {
        /// Its bytes.
        found: usize,
        /// The bytes it should have.
        expected: usize,
    },
    /// The chunk goes past the announced end.
    #[error("the chunk has {found} bytes, and only {expected} were left of the announced length")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The bytes it should have.
        expected: usize,
    },
    /// All bytes came, but not those that were announced.
    #[error("the bytes have the checksum {found}, and {expected} was announced")]
    WrongChecksum {
        /// The checksum of what came.
        found: Checksum,
        /// The announced one.
        expected: Checksum,
    },
}

/// Keeps count of a transfer without keeping its bytes: what is next, and whether the whole is what was announced.
#[derive(Clone, Debug)]
pub struct Receipt {
    transfer: Transfer,
    received: u32,
    checksum: crc32fast::Hasher,
}

impl Receipt {
    /// Nothing has come yet.
    pub fn new(transfer: Transfer) -> Receipt {
        Receipt { transfer, received: 0, checksum: crc32fast::Hasher::new() }
    }

    /// Takes note of the next chunk. `true`: it was the last, and the checksum is right.
    pub fn take(&mut self, chunk: &Chunk) -> Result<bool, AssemblyError> {
        let found = chunk.payload.len();
        if chunk.transfer != self.transfer.id {
            return Err(AssemblyError::WrongTransfer { found: chunk.transfer, expected: self.transfer.id });
        }
        if chunk.offset != self.received || self.is_complete() {
            return Err(AssemblyError::OutOfOrder { found: chunk.offset, expected: self.received });
        }
        let left = (self.transfer.bytes - self.received) as usize;
        let expected = left.min(MAX_CHUNK_PAYLOAD);
        if found > expected {
            return Err(AssemblyError::TooLong { found, expected });
        }
        if found < expected {
            return Err(AssemblyError::TooShort { found, expected });
        }
        self.checksum.update(&chunk.payload);
        self.received += found as u32;
        if !self.is_complete() {
            return Ok(false);
        }
        let checksum = Checksum(self.checksum.clone().finalize());
        if checksum == self.transfer.checksum {
            Ok(true)
        } else {
            Err(AssemblyError::WrongChecksum { found: checksum, expected: self.transfer.checksum })
        }
    }

    /// The announcement.
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// Bytes that have come.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// The part that has come, 0 to 1.
    pub fn fraction(&self) -> f32 {
        self.received as f32 / self.transfer.bytes.max(1) as f32
    }

    fn is_complete(&self) -> bool {
        self.received >= self.transfer.bytes
    }
}

/// A transfer whose bytes are kept until all are there.
#[derive(Debug)]
pub struct Assembly {
    receipt: Receipt,
    bytes: Vec<u8>,
}

impl Assembly {
    /// Makes room for a transfer whose length the caller has found to be that of its model.
    pub fn new(transfer: Transfer) -> Assembly {
        Assembly { receipt: Receipt::new(transfer), bytes: Vec::with_capacity(transfer.bytes as usize) }
    }

    /// Takes the next chunk. `Some`: it was the last, the checksum is right, and these are all of the bytes.
    pub fn take(&mut self, chunk: &Chunk) -> Result<Option<Bytes>, AssemblyError> {
        let complete = self.receipt.take(chunk)?;
        self.bytes.extend_from_slice(&chunk.payload);
        Ok(complete.then(|| Bytes::from(std::mem::take(&mut self.bytes))))
    }

    /// What has come so far.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Bytes that the buffer holds or has room for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Encoding, chunks};

    fn announced(bytes: &[u8]) -> Transfer {
        Transfer {
            id: TransferId(3),
            bytes: bytes.len() as u32,
            encoding: Encoding::F32,
            checksum: Checksum::of(bytes),
        }
    }

    fn two_chunks() -> (Vec<u8>, Vec<Chunk>) {
        let bytes: Vec<u8> = (0..MAX_CHUNK_PAYLOAD + 40).map(|index| index as u8).collect();
        let frames = chunks(TransferId(3), Bytes::from(bytes.clone()));
        let chunks = frames.map(|frame| Chunk::parse(frame).unwrap()).collect();
        (bytes, chunks)
    }

    #[test]
    fn chunks_in_order_give_the_bytes_back() {
        let (bytes, chunks) = two_chunks();
        let mut assembly = Assembly::new(announced(&bytes));
        assert_eq!(assembly.take(&chunks[0]), Ok(None));
        assert_eq!(assembly.take(&chunks[1]).unwrap().unwrap(), bytes);
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        let (bytes, chunks) = two_chunks();
        let begun = || {
            let mut assembly = Assembly::new(announced(&bytes));
            assembly.take(&chunks[0]).unwrap();
            assembly
        };
        let with = |change: fn(&mut Chunk)| {
            let mut chunk = chunks[1].clone();
            change(&mut chunk);
            begun().take(&chunk).unwrap_err()
        };
        use AssemblyError::*;
        assert!(matches!(Assembly::new(announced(&bytes)).take(&chunks[1]), Err(OutOfOrder { .. })));
        assert!(matches!(begun().take(&chunks[0]), Err(OutOfOrder { .. })));
        assert!(matches!(with(|chunk| chunk.transfer = TransferId(4)), WrongTransfer { .. }));
        assert!(matches!(with(|chunk| chunk.offset -= 4), OutOfOrder { .. }));
        assert!(matches!(with(|chunk| chunk.payload.truncate(39)), TooShort { .. }));
        assert!(matches!(with(|chunk| chunk.payload = vec![0; 41].into()), TooLong { .. }));
        assert!(matches!(with(|chunk| chunk.payload = vec![0; 40].into()), WrongChecksum { .. }));
    }

    #[test]
    fn nothing_more_is_taken_after_the_end() {
        let (bytes, chunks) = two_chunks();
        let mut assembly = Assembly::new(announced(&bytes));
        for chunk in &chunks {
            assembly.take(chunk).unwrap();
        }
        let more = Chunk { transfer: TransferId(3), offset: bytes.len() as u32, payload: Bytes::from_static(b"x") };
        assert!(matches!(assembly.take(&more), Err(AssemblyError::OutOfOrder { .. })));
    }

    proptest! {
        #[test]
        fn any_chunks_never_grow_the_buffer(
            total in 1u32..600_000,
            pieces in proptest::collection::vec((0u32..3, 0u32..600_000, 1usize..MAX_CHUNK_PAYLOAD), 0..12),
        ) {
            let transfer = Transfer { id: TransferId(1), bytes: total, encoding: Encoding::F32, checksum: Checksum(0) };
            let mut assembly = Assembly::new(transfer);
            for (transfer, offset, length) in pieces {
                let chunk = Chunk { transfer: TransferId(transfer), offset, payload: vec![0; length].into() };
                let _ = assembly.take(&chunk);
                prop_assert!(assembly.receipt().received() <= total);
                prop_assert!(assembly.capacity() <= total as usize);
            }
        }
    }
}
