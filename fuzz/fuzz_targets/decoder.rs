//! Random bytes for every decoder of `protocol`, with the same limits as on a real connection.
//!
//! The first byte chooses the decoder, so that the fuzzer learns each of them.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::{Assembly, Checksum, Chunk, Encoding, Transfer, TransferId};

fuzz_target!(|input: &[u8]| {
    let Some((&which, input)) = input.split_first() else {
        return;
    };
    match which % 4 {
        0 => client(input),
        1 => server(input),
        2 => chunk(input),
        _ => assembly(input),
    }
});

/// What passes is within its limits, and is read back as the same.
fn client(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(message) = protocol::parse_client(text) {
        assert_eq!(message.check(), Ok(()));
        let written = serde_json::to_string(&message).expect("a message that was read can be written");
        // Numbers with many digits may move by their last bit, which no limit is close enough to notice.
        assert!(protocol::parse_client(&written).is_ok(), "{written}");
    }
}

fn server(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(message) = protocol::parse_server(text) {
        assert_eq!(message.check(), Ok(()));
        let written = serde_json::to_string(&message).expect("a message that was read can be written");
        assert!(protocol::parse_server(&written).is_ok(), "{written}");
    }
}

/// A frame that is read is written as the same bytes.
fn chunk(input: &[u8]) {
    let frame = Bytes::copy_from_slice(input);
    if let Ok(chunk) = Chunk::parse(frame.clone()) {
        assert_eq!(chunk.frame(), frame);
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4] {
            if let Ok(values) = encoding.values(&chunk.payload) {
                assert_eq!(encoding.length(values.len()), chunk.payload.len());
            }
        }
    }
}

/// Any sequence of chunks leaves the buffer within the announced length, and gives out nothing but announced bytes.
fn assembly(input: &[u8]) {
    let Some((header, mut rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let [length, high, sum, kind] = *header;
    let bytes = u32::from(length) + 4_096 * u32::from(high);
    let checksum =
        if kind.is_multiple_of(2) { Checksum(u32::from(sum)) } else { Checksum::of(&vec![sum; bytes as usize]) };
    let transfer = Transfer { id: TransferId(1), bytes, encoding: Encoding::F32, checksum };
    let mut assembly = Assembly::new(transfer);
    while let Some((&[id, offset, step, size, fill], left)) = rest.split_first_chunk::<5>() {
        rest = left;
        let payload = vec![fill; usize::from(size) + 4_096 * usize::from(step % 65)];
        let offset = assembly.receipt().received().wrapping_add(u32::from(offset >> 2));
        let chunk = Chunk { transfer: TransferId(u32::from(id)), offset, payload: payload.into() };
        if let Ok(Some(whole)) = assembly.take(&chunk) {
            assert_eq!(whole.len(), bytes as usize);
            assert_eq!(Checksum::of(&whole), checksum);
        }
        assert!(assembly.capacity() <= bytes as usize);
        assert!(assembly.receipt().received() <= bytes);
    }
}
