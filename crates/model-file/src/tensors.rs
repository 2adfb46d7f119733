//! The bytes of a safetensors file, whatever its tensors are (<https://github.com/huggingface/safetensors>): the length of
//! an index, the index as JSON, and the tensors' numbers.

use serde::Serialize;

use crate::ModelFileError;

/// Length of the number that begins every safetensors file, and the alignment of the data behind the index.
pub const PREFIX: usize = 8;

/// Everything before the tensors: the index, such as [`safetensors::tensor::Metadata`], with its length before it, and
/// spaces behind it, so that what follows is aligned.
///
/// # Errors
/// A text that JSON can't hold.
pub fn beginning(index: &impl Serialize) -> Result<Vec<u8>, ModelFileError> {
    let mut json = serde_json::to_vec(index)?;
    json.resize(json.len().next_multiple_of(PREFIX), b' ');
    let mut beginning = (json.len() as u64).to_le_bytes().to_vec();
    beginning.append(&mut json);
    Ok(beginning)
}

/// A tensor's bytes as the `f32` that they are.
pub fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the format's description: eight bytes of length, little endian, then that many of JSON.
    #[test]
    fn an_index_is_as_long_as_it_says_and_ends_aligned() {
        let file = beginning(&"twelve chars").unwrap();
        assert_eq!(file, b"\x10\0\0\0\0\0\0\0\"twelve chars\"  ");
    }

    #[test]
    fn numbers_are_little_endian() {
        assert_eq!(numbers(&[0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1]), [1.0, -10.0]);
    }
}
