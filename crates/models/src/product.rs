//! Matrix products. Natively and on graphics processors they are burn's own. In WebAssembly they are made here: burn's
//! come from the crate `gemm`, whose kernel keeps 12 sums of four numbers at a time, and with its operands that is more
//! than the vector registers that a browser's compiler hands out; keeping 8 is 1.6 times as fast (measured in V8).

use burn::tensor::Tensor;

/// `left` · `right`.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    left.matmul(right)
}

/// `left` · `right`.
#[cfg(target_family = "wasm")]
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    if crate::processor::holds(&left) { portable::product(left, right) } else { left.matmul(right) }
}

/// The usual blocking (Goto & van de Geijn 2008): strips of both matrices are copied into the order in which a small
/// kernel reads them, in blocks that fit into the caches.
#[cfg(any(test, target_family = "wasm"))]
pub(crate) mod portable {
    use burn::{
        backend::Flex,
        tensor::{Tensor, TensorData},
    };

    /// Rows and columns of the result that the kernel keeps in registers.
    const ROWS: usize = 4;
    const COLUMNS: usize = 8;
    /// Terms summed at a time: a strip of the right matrix (8 KiB) stays in the first cache.
    const DEPTH: usize = 256;
    /// Columns at a time: the block of the right matrix (256 KiB) stays in the second cache.
    const WIDTH: usize = 256;

    /// A matrix in memory, of which neighbours need not lie side by side.
    struct Matrix<'a> {
        values: &'a [f32],
        start: usize,
        /// From one row, and from one column, to the next.
        steps: [usize; 2],
    }

    impl Matrix<'_> {
        fn place(&self, row: usize, column: usize) -> usize {
            self.start + row * self.steps[0] + column * self.steps[1]
        }
    }

    pub fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        let device = left.device();
        let ([rows, depth], [_, columns]) = (left.dims(), right.dims());
        let (Ok(a), Ok(b)) = (left.clone().try_into_primitive::<Flex>(), right.clone().try_into_primitive::<Flex>())
        else {
            return left.matmul(right);
        };
        let steps = |strides: &[isize]| -> Option<[usize; 2]> {
            Some([strides.first()?.to_owned().try_into().ok()?, strides.get(1)?.to_owned().try_into().ok()?])
        };
        let (Some(a_steps), Some(b_steps)) = (steps(a.layout().strides()), steps(b.layout().strides())) else {
            return left.matmul(right);
        };
        let a = Matrix { values: a.storage(), start: a.layout().start_offset(), steps: a_steps };
        let b = Matrix { values: b.storage(), start: b.layout().start_offset(), steps: b_steps };
        let mut out = vec![0.0; rows * columns];
        let mut strips_a = vec![[0.0; ROWS]; rows.div_ceil(ROWS) * DEPTH.min(depth)];
        let mut strips_b = vec![[0.0; COLUMNS]; WIDTH.min(columns).div_ceil(COLUMNS) * DEPTH.min(depth)];
        for from in (0..depth).step_by(DEPTH) {
            let terms = DEPTH.min(depth - from);
            for (strip, row) in strips_a.chunks_exact_mut(terms).zip((0..rows).step_by(ROWS)) {
                pack(strip, &a, [a.place(row, from), a.steps[0], a.steps[1]], ROWS.min(rows - row));
            }
            for left_edge in (0..columns).step_by(WIDTH) {
                let width = WIDTH.min(columns - left_edge);
                for (strip, column) in strips_b.chunks_exact_mut(terms).zip((0..width).step_by(COLUMNS)) {
                    let start = b.place(from, left_edge + column);
                    pack(strip, &b, [start, b.steps[1], b.steps[0]], COLUMNS.min(width - column));
                }
                for (strip_b, column) in strips_b.chunks_exact(terms).zip((0..width).step_by(COLUMNS)) {
                    let within = COLUMNS.min(width - column);
                    for (strip_a, row) in strips_a.chunks_exact(terms).zip((0..rows).step_by(ROWS)) {
                        let sums = kernel(strip_a, strip_b);
                        for (sums, row) in sums.iter().zip(row..rows) {
                            let first = row * columns + left_edge + column;
                            out[first..first + within].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                        }
                    }
                }
            }
        }
        Tensor::from_data(TensorData::new(out, [rows, columns]), &device)
    }

    /// Copies `lines` lines of a matrix, a term of all lines after another; lines that are missing are zeros. `start`
    /// is the first number's place, `line` the way to the next line and `term` to the next term.
    fn pack<const N: usize>(strip: &mut [[f32; N]], matrix: &Matrix, [start, line, term]: [usize; 3], lines: usize) {
        if lines < N {
            strip.fill([0.0; N]);
        }
        if line == 1 && lines == N {
            for (at, packed) in strip.iter_mut().enumerate() {
                let first = start + at * term;
                packed.copy_from_slice(&matrix.values[first..first + N]);
            }
        } else {
            for of_line in 0..lines {
                let values = matrix.values[start + of_line * line..].iter().step_by(term);
                for (packed, value) in strip.iter_mut().zip(values) {
                    packed[of_line] = *value;
                }
            }
        }
    }

    /// Scalar products of every line of `a` with every line of `b`. Kept apart, so that its sums get all registers.
    #[inline(never)]
    fn kernel(a: &[[f32; ROWS]], b: &[[f32; COLUMNS]]) -> [[f32; COLUMNS]; ROWS] {
        let mut sums = [[0.0; COLUMNS]; ROWS];
        for (a, b) in a.iter().zip(b) {
            for row in 0..ROWS {
                for column in 0..COLUMNS {
                    sums[row][column] += a[row] * b[column];
                }
            }
        }
        sums
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
            let (ours, theirs) = (product(left.clone(), right.clone()), left.matmul(right));
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
