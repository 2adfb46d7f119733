//! Matrix products on plain slices, for WebAssembly and for predictions without a tensor library.
//!
//! The usual blocking (Goto & van de Geijn 2008): strips of both matrices are copied into the order in which a small
//! kernel reads them, in blocks that fit into the caches.

/// Rows and columns of the result that the kernel keeps in registers.
const ROWS: usize = 4;
const COLUMNS: usize = 8;
/// Terms summed at a time: a strip of the right matrix (8 KiB) stays in the first cache.
const DEPTH: usize = 256;
/// Columns at a time: the block of the right matrix (256 KiB) stays in the second cache.
const WIDTH: usize = 256;

/// A matrix in memory, of which neighbours need not lie side by side.
pub(crate) struct Matrix<'a> {
    /// From the first number on.
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    /// From one row, and from one column, to the next.
    pub steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Row after row without gaps.
    pub fn contiguous(values: &'a [f32], columns: usize) -> Self {
        Self { values, rows: values.len() / columns.max(1), columns, steps: [columns, 1] }
    }

    fn place(&self, row: usize, column: usize) -> usize {
        row * self.steps[0] + column * self.steps[1]
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
fn pack_block(right: &Matrix<'_>, [row, column, terms, width]: Block, strips: &mut Vec<[f32; COLUMNS]>) {
    strips.resize(width.div_ceil(COLUMNS) * terms, [0.0; COLUMNS]);
    for (strip, within) in strips.chunks_exact_mut(terms).zip((0..width).step_by(COLUMNS)) {
        let start = right.place(row, column + within);
        pack(strip, right, [start, right.steps[1], right.steps[0]], COLUMNS.min(width - within));
    }
}

/// A right matrix that many products share, block after block.
pub(crate) struct Packed {
    depth: usize,
    columns: usize,
    blocks: Vec<Vec<[f32; COLUMNS]>>,
}

impl Packed {
    pub fn new(right: &Matrix<'_>) -> Self {
        let packed = |block| {
            let mut strips = Vec::new();
            pack_block(right, block, &mut strips);
            strips
        };
        let blocks = blocks(right.rows, right.columns).map(packed).collect();
        Self { depth: right.rows, columns: right.columns, blocks }
    }

    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// `left` times a matrix that was packed before, row by row.
pub(crate) fn product_with(left: &Matrix<'_>, right: &Packed) -> Vec<f32> {
    let mut sums = Sums::new(left, right.columns);
    for (block, strips) in blocks(right.depth, right.columns).zip(&right.blocks) {
        sums.add(left, block, strips);
    }
    sums.values
}

/// `left` · `right`, row by row.
pub(crate) fn product(left: &Matrix<'_>, right: &Matrix<'_>) -> Vec<f32> {
    let mut sums = Sums::new(left, right.columns);
    let mut strips = Vec::new();
    for block in blocks(right.rows, right.columns) {
        pack_block(right, block, &mut strips);
        sums.add(left, block, &strips);
    }
    sums.values
}

/// Adds one row times a matrix without gaps to `sums`. The matrix is read once, as it lies, and not at all where the
/// row has zeros, as rows behind a ReLU do; packing it would cost more than the product.
pub(crate) fn add_row_product(sums: &mut [f32], row: &[f32], right: &[f32]) {
    let terms = row.iter().zip(right.chunks_exact(sums.len().max(1))).filter(|(value, _)| **value != 0.0);
    let (mut values, mut lines) = ([0.0; ROWS], [&[][..]; ROWS]);
    let mut held = 0;
    for (value, line) in terms {
        (values[held], lines[held]) = (*value, line);
        held += 1;
        if held == ROWS {
            held = 0;
            let ([a, b, c, d], [of_a, of_b, of_c, of_d]) = (values, lines);
            for ((((sum, e), f), g), h) in sums.iter_mut().zip(of_a).zip(of_b).zip(of_c).zip(of_d) {
                *sum += a * e + b * f + (c * g + d * h);
            }
        }
    }
    for (value, line) in values.iter().zip(lines).take(held) {
        sums.iter_mut().zip(line).for_each(|(sum, term)| *sum += value * term);
    }
}

/// A product as it grows.
struct Sums {
    values: Vec<f32>,
    columns: usize,
    /// The terms of the left matrix that are packed, from where on.
    packed: Option<usize>,
    strips: Vec<[f32; ROWS]>,
}

impl Sums {
    fn new(left: &Matrix<'_>, columns: usize) -> Self {
        Self { values: vec![0.0; left.rows * columns], columns, packed: None, strips: Vec::new() }
    }

    /// Adds the left matrix's share of one block of the right one.
    fn add(&mut self, left: &Matrix<'_>, [from, column, terms, width]: Block, block: &[[f32; COLUMNS]]) {
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
}

/// Copies `lines` lines of a matrix, a term of all lines after another; lines that are missing are zeros. `start` is the
/// first number's place, `line` the way to the next line and `term` to the next term.
fn pack<const N: usize>(strip: &mut [[f32; N]], matrix: &Matrix<'_>, [start, line, term]: [usize; 3], lines: usize) {
    let values = matrix.values;
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
    use super::*;

    /// Whole numbers, whose sums are exact.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|place| ((place * 7919 + seed * 104_729) % 13) as f32 - 6.0).collect()
    }

    /// Sum by sum, as the product is defined.
    fn defined(left: &Matrix<'_>, right: &Matrix<'_>) -> Vec<f32> {
        let places = (0..left.rows).flat_map(|row| (0..right.columns).map(move |column| (row, column)));
        let term = |row, column, at| left.values[left.place(row, at)] * right.values[right.place(at, column)];
        places.map(|(row, column)| (0..left.columns).map(|at| term(row, column, at)).sum()).collect()
    }

    #[test]
    fn products_of_every_size_are_as_defined() {
        for (rows, depth, columns) in [(1, 1, 1), (3, 5, 7), (4, 8, 8), (5, 257, 9), (9, 300, 260)] {
            let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let (left, right) = (Matrix::contiguous(&left, depth), Matrix::contiguous(&right, columns));
            let expected = defined(&left, &right);
            assert_eq!(product(&left, &right), expected);
            assert_eq!(product_with(&left, &Packed::new(&right)), expected);
            let first = left.values.get(..depth).unwrap();
            let mut sums = vec![1.0; columns];
            add_row_product(&mut sums, first, right.values);
            assert!(sums.iter().zip(&expected).all(|(sum, product)| *sum == 1.0 + product));
        }
    }

    #[test]
    fn windows_that_overlap_and_columns_as_rows_need_no_copy() {
        let values = numbers(40, 3);
        let windows = Matrix { values: &values, rows: 6, columns: 15, steps: [5, 1] };
        let transposed = Matrix { values: &values, rows: 15, columns: 2, steps: [1, 15] };
        assert_eq!(product(&windows, &transposed), defined(&windows, &transposed));
    }
}
