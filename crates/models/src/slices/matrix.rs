//! Matrix products on plain slices: for WebAssembly, for recurrent networks and for predictions without a tensor library.
//!
//! The usual blocking (Goto & van de Geijn 2008): strips of both matrices are copied into the order in which a small
//! kernel reads them, in blocks that fit into the caches.

use std::ops::Range;

use super::kernel::{COLUMNS, Kernel, Left, Place, ROWS, Right};

/// Terms summed at a time: a strip of each matrix (at most 20 and 16 KiB) stays in the first cache.
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

    /// Some of its rows.
    pub fn rows(&self, rows: Range<usize>) -> Self {
        Self { values: &self.values[self.place(rows.start, 0)..], rows: rows.len(), ..*self }
    }

    /// Some of its columns.
    pub fn columns(&self, columns: Range<usize>) -> Self {
        Self { values: &self.values[self.place(0, columns.start)..], columns: columns.len(), ..*self }
    }

    /// The same numbers with columns for rows.
    pub fn transposed(&self) -> Matrix<'a> {
        Matrix { values: self.values, rows: self.columns, columns: self.rows, steps: [self.steps[1], self.steps[0]] }
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

/// How many lines of strips a block takes.
fn lines([_, _, terms, width]: Block) -> usize {
    width.div_ceil(COLUMNS) * terms
}

/// One block, strip after strip.
fn pack_block(right: &Matrix<'_>, [row, column, terms, width]: Block, strips: &mut [Right]) {
    let block = right.rows(row..row + terms).columns(column..column + width);
    pack(strips, |line| &mut line.0, &block);
}

/// A right matrix that many products share, block after block.
pub(crate) struct Packed {
    depth: usize,
    columns: usize,
    strips: Vec<Right>,
}

impl Packed {
    pub fn new(right: &Matrix<'_>) -> Self {
        let (depth, columns) = (right.rows, right.columns);
        let mut strips = vec![Right([0.0; COLUMNS]); blocks(depth, columns).map(lines).sum()];
        let mut rest = &mut strips[..];
        for block in blocks(depth, columns) {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(lines(block));
            pack_block(right, block, own);
            rest = others;
        }
        Self { depth, columns, strips }
    }
}

/// Adds `left` times a matrix that was packed before to the rows of `sums`; `strips` are room that many products may share.
pub(crate) fn add_product_with(sums: &mut [&mut [f32]], left: &Matrix<'_>, right: &Packed, strips: &mut Strips) {
    strips.from = None;
    let mut rest = &right.strips[..];
    for block in blocks(right.depth, right.columns) {
        let (packed, others) = rest.split_at(lines(block));
        strips.hold(left, block);
        add_block(sums, strips, block, packed);
        rest = others;
    }
}

/// Adds `left` · `right` to the rows of `sums`.
pub(crate) fn add_product(sums: &mut [&mut [f32]], left: &Matrix<'_>, right: &Matrix<'_>) {
    let (mut strips, mut packed) = (Strips::default(), Vec::new());
    for block in blocks(right.rows, right.columns) {
        strips.hold(left, block);
        packed.resize(lines(block), Right([0.0; COLUMNS]));
        pack_block(right, block, &mut packed);
        add_block(sums, &strips, block, &packed);
    }
}

/// `left` · `right`, row by row.
pub(crate) fn product(left: &Matrix<'_>, right: &Matrix<'_>) -> Vec<f32> {
    let mut values = vec![0.0; left.rows * right.columns];
    add_product(&mut rows(&mut values, right.columns), left, right);
    values
}

/// The rows of a matrix without gaps.
pub(crate) fn rows(values: &mut [f32], columns: usize) -> Vec<&mut [f32]> {
    values.chunks_exact_mut(columns.max(1)).collect()
}

/// Adds one row times a matrix without gaps to `sums`. The matrix is read once, as it lies, and not at all where the
/// row has zeros, as rows behind a ReLU do; packing it would cost more than the product.
pub(crate) fn add_row_product(sums: &mut [f32], row: &[f32], right: &[f32]) {
    let terms = row.iter().zip(right.chunks_exact(sums.len().max(1))).filter(|(value, _)| **value != 0.0);
    let (mut values, mut lines) = ([0.0; 4], [&[][..]; 4]);
    let mut held = 0;
    for (value, line) in terms {
        (values[held], lines[held]) = (*value, line);
        held += 1;
        if held == values.len() {
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

/// The terms of a left matrix that are being multiplied, strip after strip.
#[derive(Default)]
pub(crate) struct Strips {
    /// From which term on.
    from: Option<usize>,
    lines: Vec<Left>,
}

impl Strips {
    /// Packs what a block of the right matrix is multiplied with, unless it is there.
    fn hold(&mut self, left: &Matrix<'_>, [from, _, terms, _]: Block) {
        if self.from == Some(from) {
            return;
        }
        self.from = Some(from);
        self.lines.resize(left.rows.div_ceil(ROWS) * terms, [0.0; ROWS]);
        pack(&mut self.lines, |line| line, &left.columns(from..from + terms).transposed());
    }
}

/// Adds the left matrix's share of one block of the right one. The longer strips stay in the first cache while the others
/// go by.
fn add_block(sums: &mut [&mut [f32]], left: &Strips, [_, column, terms, width]: Block, block: &[Right]) {
    let kernel = Kernel::new();
    let across = || block.chunks_exact(terms).zip((0..width).step_by(COLUMNS));
    let place = |within: usize| [column + within, COLUMNS.min(width - within)];
    if ROWS > COLUMNS {
        for (left, rows) in left.lines.chunks_exact(terms).zip(sums.chunks_mut(ROWS)) {
            for (right, within) in across() {
                kernel.add(left, right, Place { rows, columns: place(within) });
            }
        }
    } else {
        for (right, within) in across() {
            for (left, rows) in left.lines.chunks_exact(terms).zip(sums.chunks_mut(ROWS)) {
                kernel.add(left, right, Place { rows, columns: place(within) });
            }
        }
    }
}

/// Copies columns in strips of `N`, a strip with all rows after another; columns that are missing at the end are zeros. The
/// matrix is read as it lies.
fn pack<T, const N: usize>(strips: &mut [T], numbers: impl Fn(&mut T) -> &mut [f32; N], matrix: &Matrix<'_>) {
    let Matrix { values, rows, columns, steps: [down, across] } = *matrix;
    if columns % N > 0 {
        let last = strips.len() - rows;
        strips[last..].iter_mut().for_each(|line| *numbers(line) = [0.0; N]);
    }
    if across == 1 {
        for row in 0..rows {
            let values = &values[row * down..][..columns];
            for (line, values) in strips[row..].iter_mut().step_by(rows).zip(values.chunks(N)) {
                match values.try_into() {
                    Ok(values) => *numbers(line) = values,
                    Err(_) => numbers(line)[..values.len()].copy_from_slice(values),
                }
            }
        }
    } else {
        for (strip, first) in strips.chunks_exact_mut(rows).zip((0..columns).step_by(N)) {
            let lines = N.min(columns - first);
            for (row, line) in strip.iter_mut().enumerate() {
                let start = row * down + first * across;
                let values = values[start..].iter().step_by(across);
                numbers(line).iter_mut().take(lines).zip(values).for_each(|(packed, value)| *packed = *value);
            }
        }
    }
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
        for (rows, depth, columns) in [(1, 1, 1), (3, 5, 7), (4, 8, 8), (5, 257, 9), (9, 300, 260), (213, 9, 17)] {
            let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let (left, right) = (Matrix::contiguous(&left, depth), Matrix::contiguous(&right, columns));
            let expected = defined(&left, &right);
            assert_eq!(product(&left, &right), expected);
            let packed = Packed::new(&right);
            let mut sums = vec![1.0; rows * columns];
            add_product_with(&mut super::rows(&mut sums, columns), &left, &packed, &mut Strips::default());
            assert!(sums.iter().zip(&expected).all(|(sum, product)| *sum == 1.0 + product));
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
