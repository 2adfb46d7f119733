//! Matrix products. Natively and on graphics processors they are burn's own. In WebAssembly they are made here: burn's
//! come from the crate `gemm`, whose kernel keeps 12 sums of four numbers at a time, and with its operands that is more
//! than the vector registers that a browser's compiler hands out; keeping 8 is 1.6 times as fast (measured in V8).

use burn::tensor::Tensor;

/// `left` · `right`.
pub(crate) fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    #[cfg(target_family = "wasm")]
    if crate::processor::holds(&left) {
        return portable::product(left, right);
    }
    left.matmul(right)
}

/// A right-hand side that many products share, in the order in which they read it.
pub(crate) struct Factor {
    right: Tensor<2>,
    #[cfg(target_family = "wasm")]
    packed: Option<portable::Packed>,
}

impl Factor {
    /// Sorts the numbers once; without this each product would sort them anew.
    pub fn new(right: Tensor<2>) -> Self {
        let here = crate::processor::holds(&right);
        Self {
            #[cfg(target_family = "wasm")]
            packed: here.then(|| portable::Packed::new(&right)).flatten(),
            right: if here { crate::processor::contiguous(right) } else { right },
        }
    }

    /// `left` · this.
    pub fn after(&self, left: Tensor<2>) -> Tensor<2> {
        #[cfg(target_family = "wasm")]
        if let Some(product) = self.packed.as_ref().and_then(|packed| portable::product_with(&left, packed)) {
            return product;
        }
        product(left, self.right.clone())
    }
}

/// The usual blocking (Goto & van de Geijn 2008): strips of both matrices are copied into the order in which a small
/// kernel reads them, in blocks that fit into the caches.
#[cfg(any(test, target_family = "wasm"))]
pub(crate) mod portable {
    use burn::{
        backend::{Flex, flex::FlexTensor},
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
    struct Matrix {
        tensor: FlexTensor,
        rows: usize,
        columns: usize,
        /// From one row, and from one column, to the next.
        steps: [usize; 2],
    }

    impl Matrix {
        /// None for a tensor that is elsewhere, or that is read backwards.
        fn of(tensor: &Tensor<2>) -> Option<Self> {
            let [rows, columns] = tensor.dims();
            let tensor = tensor.clone().try_into_primitive::<Flex>().ok()?;
            let step = |axis: usize| usize::try_from(*tensor.layout().strides().get(axis)?).ok();
            let steps = [step(0)?, step(1)?];
            Some(Self { tensor, rows, columns, steps })
        }

        fn place(&self, row: usize, column: usize) -> usize {
            self.tensor.layout().start_offset() + row * self.steps[0] + column * self.steps[1]
        }
    }

    /// Where a block of the right matrix begins, and how many terms and columns it has.
    type Block = [usize; 4];

    /// The blocks of a right matrix, in the order in which they are multiplied.
    fn blocks(depth: usize, columns: usize) -> impl Iterator<Item = Block> {
        (0..depth).step_by(DEPTH).flat_map(move |row| {
            let each = (0..columns).step_by(WIDTH);
            each.map(move |column| [row, column, DEPTH.min(depth - row), WIDTH.min(columns - column)])
        })
    }

    /// One block, strip after strip.
    fn pack_block(right: &Matrix, [row, column, terms, width]: Block, strips: &mut Vec<[f32; COLUMNS]>) {
        strips.resize(width.div_ceil(COLUMNS) * terms, [0.0; COLUMNS]);
        for (strip, within) in strips.chunks_exact_mut(terms).zip((0..width).step_by(COLUMNS)) {
            let start = right.place(row, column + within);
            pack(strip, right, [start, right.steps[1], right.steps[0]], COLUMNS.min(width - within));
        }
    }

    /// A whole right matrix, block after block.
    pub struct Packed {
        depth: usize,
        columns: usize,
        blocks: Vec<Vec<[f32; COLUMNS]>>,
    }

    impl Packed {
        /// None where [`product`] would leave the matrix to burn.
        pub fn new(right: &Tensor<2>) -> Option<Self> {
            let right = Matrix::of(right)?;
            let packed = |block| {
                let mut strips = Vec::new();
                pack_block(&right, block, &mut strips);
                strips
            };
            let blocks = blocks(right.rows, right.columns).map(packed).collect();
            Some(Self { depth: right.rows, columns: right.columns, blocks })
        }
    }

    /// `left` times a matrix that was packed before; None where [`product`] would leave it to burn.
    pub fn product_with(left: &Tensor<2>, right: &Packed) -> Option<Tensor<2>> {
        let a = Matrix::of(left)?;
        let mut sums = Sums::new(&a, right.columns);
        for (block, strips) in blocks(right.depth, right.columns).zip(&right.blocks) {
            sums.add(&a, block, strips);
        }
        Some(sums.tensor(left))
    }

    /// `left` · `right`.
    pub fn product(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        let (Some(a), Some(b)) = (Matrix::of(&left), Matrix::of(&right)) else {
            return left.matmul(right);
        };
        let mut sums = Sums::new(&a, b.columns);
        let mut strips = Vec::new();
        for block in blocks(b.rows, b.columns) {
            pack_block(&b, block, &mut strips);
            sums.add(&a, block, &strips);
        }
        sums.tensor(&left)
    }

    /// The result as it grows.
    struct Sums {
        values: Vec<f32>,
        columns: usize,
        /// The terms of the left matrix that are packed, from where on.
        packed: Option<usize>,
        strips: Vec<[f32; ROWS]>,
    }

    impl Sums {
        fn new(left: &Matrix, columns: usize) -> Self {
            Self { values: vec![0.0; left.rows * columns], columns, packed: None, strips: Vec::new() }
        }

        /// Adds the left matrix's share of one block of the right one.
        fn add(&mut self, left: &Matrix, [from, column, terms, width]: Block, block: &[[f32; COLUMNS]]) {
            if self.packed != Some(from) {
                self.packed = Some(from);
                self.strips.resize(left.rows.div_ceil(ROWS) * terms, [0.0; ROWS]);
                for (strip, row) in self.strips.chunks_exact_mut(terms).zip((0..left.rows).step_by(ROWS)) {
                    let start = left.place(row, from);
                    pack(strip, left, [start, left.steps[0], left.steps[1]], ROWS.min(left.rows - row));
                }
            }
            for (b, within) in block.chunks_exact(terms).zip((0..width).step_by(COLUMNS)) {
                let count = COLUMNS.min(width - within);
                for (a, row) in self.strips.chunks_exact(terms).zip((0..left.rows).step_by(ROWS)) {
                    for (sums, row) in kernel(a, b).iter().zip(row..left.rows) {
                        let first = row * self.columns + column + within;
                        let values = &mut self.values[first..first + count];
                        values.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
                    }
                }
            }
        }

        /// As a tensor where `left` is.
        fn tensor(self, left: &Tensor<2>) -> Tensor<2> {
            let [rows, _] = left.dims();
            Tensor::from_data(TensorData::new(self.values, [rows, self.columns]), &left.device())
        }
    }

    /// Copies `lines` lines of a matrix, a term of all lines after another; lines that are missing are zeros. `start`
    /// is the first number's place, `line` the way to the next line and `term` to the next term.
    fn pack<const N: usize>(strip: &mut [[f32; N]], matrix: &Matrix, [start, line, term]: [usize; 3], lines: usize) {
        let values: &[f32] = matrix.tensor.storage();
        if lines < N {
            strip.fill([0.0; N]);
        }
        if line == 1 && lines == N {
            for (at, packed) in strip.iter_mut().enumerate() {
                let first = start + at * term;
                packed.copy_from_slice(&values[first..first + N]);
            }
        } else {
            for of_line in 0..lines {
                let values = values[start + of_line * line..].iter().step_by(term);
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
            let ours = product(left.clone(), right.clone());
            if let Some(packed) = Packed::new(&right) {
                let again = product_with(&left, &packed).unwrap_or(ours.clone());
                assert_eq!(again.into_data(), ours.clone().into_data());
            }
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
