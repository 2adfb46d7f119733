//! Matrix products. Natively and on graphics processors they are burn's own. In WebAssembly they are made here: burn's
//! come from the crate `gemm`, whose kernel keeps 12 sums of four numbers at a time, and with its operands that is more
//! than the vector registers that a browser's compiler hands out; keeping 8 is 1.6 times as fast (measured in V8).

use burn::tensor::Tensor;

use super::memory;

/// Whether products on the processor are made here.
const OWN: bool = cfg!(target_family = "wasm");

/// `left` · `right`.
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    if OWN && memory::holds(&left) {
        return here::product(left, right);
    }
    left.matmul(right)
}

/// Products of tensors on the processor, as matrices in memory.
mod here {
    use burn::tensor::{Tensor, TensorData};

    use crate::{learner::backend::in_memory, slices::matrix};

    /// `left` · `right`.
    pub fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        product_in_memory(&left, &right).unwrap_or_else(|| left.matmul(right))
    }

    fn product_in_memory(left: &Tensor<2>, right: &Tensor<2>) -> Option<Tensor<2>> {
        let ([rows, _], [_, columns]) = (left.dims(), right.dims());
        let values = in_memory(left, |left| in_memory(right, |right| matrix::product(left, right)))??;
        Some(Tensor::from_data(TensorData::new(values, [rows, columns]), &left.device()))
    }

    #[cfg(test)]
    mod tests {
        use burn::tensor::Device;

        use super::*;

        fn matrix(rows: usize, columns: usize) -> Tensor<2> {
            let values = (0..rows * columns).map(|i| (i * 7919 % 2003) as f32 / 1000.0 - 1.0).collect();
            Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
        }

        fn agrees(left: Tensor<2>, right: Tensor<2>) {
            let ours = product(left.clone(), right.clone());
            let theirs = left.matmul(right);
            assert_eq!(ours.dims(), theirs.dims());
            let [ours, theirs] = [ours, theirs].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
            for (ours, theirs) in ours.iter().zip(theirs) {
                // At most 600 terms of up to 1, each rounded to 6e-8.
                assert!((ours - theirs).abs() < 6e-5, "{ours} here, {theirs} in burn");
            }
        }

        #[test]
        fn any_size_gives_what_burn_gives() {
            for (rows, depth, columns) in [(1, 1, 1), (4, 8, 8), (3, 5, 7), (20, 600, 4), (13, 257, 300), (9, 256, 513)]
            {
                agrees(matrix(rows, depth), matrix(depth, columns));
            }
        }

        #[test]
        fn views_need_no_copy_of_their_own() {
            agrees(matrix(30, 12).transpose(), matrix(30, 9));
            agrees(matrix(12, 30), matrix(9, 30).transpose());
            agrees(matrix(40, 30).narrow(0, 7, 11).narrow(1, 3, 20), matrix(22, 10).narrow(0, 2, 20));
            // Windows that overlap, as convolutions have them.
            agrees(matrix(10, 5).reshape([50]).unfold(0, 15, 5), matrix(15, 6));
            // Backwards, which burn multiplies.
            agrees(matrix(10, 5).flip([0]), matrix(5, 6));
        }
    }
}
