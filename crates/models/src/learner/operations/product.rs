//! Matrix products. Natively and on graphics processors they are burn's own. In WebAssembly they are made here: burn's
//! come from the crate `gemm`, whose kernel keeps 12 sums of four numbers at a time, and with its operands that is more
//! than the vector registers that a browser's compiler hands out; keeping 8 is 1.6 times as fast (measured in V8). Threads, where
//! there are some, share each product out.

use burn::tensor::Tensor;

use super::memory;
use crate::slices::matrix;

/// Whether products on the processor are made here.
const OWN: bool = cfg!(target_family = "wasm");

/// `left` · `right`.
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    by(here::shared, left, right)
}

/// `left` · `right` on this thread alone, for those whose other threads have work of their own.
pub(crate) fn product_alone(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    by(matrix::product, left, right)
}

/// `left` · `right`, by `way` where products are made here.
fn by(way: here::Way, left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    if OWN && memory::holds(&left) {
        return here::product(way, left, right);
    }
    left.matmul(right)
}

/// Products of tensors on the processor, as matrices in memory.
mod here {
    use burn::tensor::{Tensor, TensorData};

    use super::super::threads;
    use crate::{
        learner::backend::in_memory,
        slices::{
            kernel::{COLUMNS, ROWS},
            matrix::{self, Matrix, Packed, Strips},
        },
    };

    /// Multiplications that are worth another thread: some 50 µs, a few times what it takes to wake one.
    const SHARE: usize = 1 << 19;
    /// Pieces for each thread, so that one that begins late or is interrupted has less to do.
    const PIECES: usize = 2;

    /// Makes a product, row by row.
    pub type Way = fn(&Matrix<'_>, &Matrix<'_>) -> Vec<f32>;

    /// `left` · `right`.
    pub fn product(way: Way, left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        product_in_memory(way, &left, &right).unwrap_or_else(|| left.matmul(right))
    }

    fn product_in_memory(way: Way, left: &Tensor<2>, right: &Tensor<2>) -> Option<Tensor<2>> {
        let ([rows, _], [_, columns]) = (left.dims(), right.dims());
        let values = in_memory(left, |left| in_memory(right, |right| way(left, right)))??;
        Some(Tensor::from_data(TensorData::new(values, [rows, columns]), &left.device()))
    }

    /// `left` · `right` between all threads, where it is long enough.
    pub fn shared(left: &Matrix<'_>, right: &Matrix<'_>) -> Vec<f32> {
        let worth = left.rows * left.columns * right.columns / SHARE;
        in_pieces(left, right, worth.min(threads::count() * PIECES))
    }

    /// `left` · `right` in slices of its longer side. Each sum is the same, whatever slice it is in.
    fn in_pieces(left: &Matrix<'_>, right: &Matrix<'_>, pieces: usize) -> Vec<f32> {
        if pieces < 2 {
            return matrix::product(left, right);
        }
        let (rows, columns) = (left.rows, right.columns);
        let mut values = vec![0.0; rows * columns];
        if rows >= columns {
            let together = rows.div_ceil(pieces).max(1).next_multiple_of(ROWS);
            let slices = values.chunks_mut(together * columns).zip((0..rows).step_by(together));
            let packed = Packed::new(right);
            threads::each(slices, |(sums, first)| {
                let own = left.rows(first..rows.min(first + together));
                let rows = &mut matrix::rows(sums, columns);
                matrix::add_product_with(rows, &own, &packed, &mut Strips::default());
            });
        } else {
            let together = columns.div_ceil(pieces).max(1).next_multiple_of(COLUMNS);
            let mut slices: Vec<_> = (0..columns).step_by(together).map(|_| Vec::with_capacity(rows)).collect();
            for row in values.chunks_exact_mut(columns) {
                slices.iter_mut().zip(row.chunks_mut(together)).for_each(|(slice, sums)| slice.push(sums));
            }
            threads::each(slices.into_iter().zip((0..columns).step_by(together)), |(mut sums, first)| {
                let own = right.columns(first..columns.min(first + together));
                matrix::add_product(&mut sums, left, &own);
            });
        }
        values
    }

    #[cfg(test)]
    mod tests {
        use burn::tensor::Device;

        use super::*;

        fn numbers(rows: usize, columns: usize) -> Tensor<2> {
            let values = (0..rows * columns).map(|i| (i * 7919 % 2003) as f32 / 1000.0 - 1.0).collect();
            Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
        }

        fn agrees(left: Tensor<2>, right: Tensor<2>) {
            let ours = product(matrix::product, left.clone(), right.clone());
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
                agrees(numbers(rows, depth), numbers(depth, columns));
            }
        }

        #[test]
        fn a_product_in_pieces_is_the_same_to_the_bit() {
            let values: Vec<f32> = (0..90_000).map(|place| (place * 7919 % 2003) as f32 / 1000.0 - 1.0).collect();
            for (rows, depth, columns) in [(213, 257, 9), (20, 300, 260), (33, 7, 33), (1, 600, 150)] {
                let (left, right) = (&values[..rows * depth], &values[..depth * columns]);
                let (left, right) = (Matrix::contiguous(left, depth), Matrix::contiguous(right, columns));
                let whole = matrix::product(&left, &right);
                for pieces in [2, 3, 4, 100] {
                    assert_eq!(in_pieces(&left, &right, pieces), whole, "{rows} × {columns} in {pieces}");
                }
            }
        }

        #[test]
        fn views_need_no_copy_of_their_own() {
            agrees(numbers(30, 12).transpose(), numbers(30, 9));
            agrees(numbers(12, 30), numbers(9, 30).transpose());
            agrees(numbers(40, 30).narrow(0, 7, 11).narrow(1, 3, 20), numbers(22, 10).narrow(0, 2, 20));
            // Windows that overlap, as convolutions have them.
            agrees(numbers(10, 5).reshape([50]).unfold(0, 15, 5), numbers(15, 6));
            // Backwards, which burn multiplies.
            agrees(numbers(10, 5).flip([0]), numbers(5, 6));
        }
    }
}
