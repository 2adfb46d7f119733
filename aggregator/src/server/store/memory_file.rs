//! What a room's strategy remembers from round to round, as a safetensors file: one flat tensor of f32 for each name.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use model_file::tensors;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};

/// The file's beginning: everything before the tensors, which follow in the order of their names.
pub fn header(memory: &BTreeMap<&'static str, &[f32]>) -> Result<Bytes> {
    let mut end = 0;
    let index = memory.iter().map(|(&name, values)| {
        let start = end;
        end += size_of_val(*values);
        (name.to_owned(), TensorInfo { dtype: Dtype::F32, shape: vec![values.len()], data_offsets: (start, end) })
    });
    let metadata = HashMap::from([("format".to_owned(), "chorus.v1 strategy".to_owned())]);
    Ok(tensors::beginning(&Metadata::new(Some(metadata), index.collect())?)?.into())
}

/// Reads a file that `header` began. Whether names and lengths are the room's, the room says.
pub fn memory(file: &[u8]) -> Result<BTreeMap<String, Vec<f32>>> {
    let held = SafeTensors::deserialize(file).context("this is no safetensors file, or it was cut off")?;
    let mut memory = BTreeMap::new();
    for (name, tensor) in held.iter() {
        ensure!(tensor.dtype() == Dtype::F32, "tensor {name} holds no f32 values");
        memory.insert(name.to_owned(), tensors::numbers(tensor.data()));
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let (momentum, second) = ([1.0_f32, -2.5, 3.0], [0.5_f32, 0.25, 0.0]);
        let remembered = BTreeMap::from([("momentum", momentum.as_slice()), ("second_moment", second.as_slice())]);
        let mut file = header(&remembered).unwrap().to_vec();
        file.extend(remembered.values().flat_map(|values| values.iter().flat_map(|value| value.to_le_bytes())));
        let back = memory(&file).unwrap();
        assert_eq!(back["momentum"], momentum);
        assert_eq!(back["second_moment"], second);
        assert!(memory(&file[..file.len() - 4]).is_err());
    }
}
