//! The innermost of a matrix product: a few lines of the left matrix times a few of the right one, whose sums stay in
//! registers. Natively it is written in the vectors of the processor that it finds at run time, elsewhere as loops that the
//! compiler turns into vectors. It knows how its operands lie, and nothing of matrices.

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::Kernel;
#[cfg(target_family = "wasm")]
pub(crate) use plain::Kernel;

/// Lines of the left matrix that are multiplied at a time. With AVX-512 each has its sums in a register of its own, and
/// a batch of 20 clips is just one strip.
#[cfg(not(target_family = "wasm"))]
pub(crate) const ROWS: usize = 20;
/// Lines of the left matrix that are multiplied at a time: with these, sums take 8 of the 16 registers that a browser's
/// compiler hands out. With a fifth it is half as fast, though the sums would take 10 (measured in V8).
#[cfg(target_family = "wasm")]
pub(crate) const ROWS: usize = 4;

/// Lines of the right matrix that are multiplied at a time.
pub(crate) const COLUMNS: usize = if cfg!(target_family = "wasm") { 8 } else { 16 };

/// A term of all lines of a strip of the left matrix.
pub(crate) type Left = [f32; ROWS];

/// A term of all lines of a strip of the right matrix. Natively it is a line of the cache: vectors that lie across two
/// take twice as long to load.
#[derive(Clone, Copy)]
#[repr(C)]
#[cfg_attr(not(target_family = "wasm"), repr(align(64)))]
pub(crate) struct Right(pub [f32; COLUMNS]);

/// Where the sums of a strip times a strip go.
pub(crate) struct Place<'a, 'b> {
    /// At most [`ROWS`] rows of the product.
    pub rows: &'a mut [&'b mut [f32]],
    /// The first column, and how many there are, at most [`COLUMNS`].
    pub columns: [usize; 2],
}

impl Place<'_, '_> {
    /// The part of a row.
    #[inline(always)]
    fn row(&mut self, row: usize) -> &mut [f32] {
        let [first, count] = self.columns;
        &mut self.rows[row][first..first + count]
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use pulp::{Arch, Simd, WithSimd};

    use super::{COLUMNS, Left, Place, ROWS, Right};

    /// Rows that are multiplied at a time where a row's sums take more than one register.
    const FEW: usize = 5;

    /// The processor's vectors.
    #[derive(Clone, Copy)]
    pub(crate) enum Kernel {
        /// pulp's own choice passes over AVX2.
        #[cfg(target_arch = "x86_64")]
        Avx2(pulp::x86::V3),
        Other(Arch),
    }

    impl Kernel {
        /// Finds out what the processor has.
        pub fn new() -> Self {
            match Arch::new() {
                #[cfg(target_arch = "x86_64")]
                Arch::Scalar => pulp::x86::V3::try_new().map_or(Self::Other(Arch::Scalar), Self::Avx2),
                arch => Self::Other(arch),
            }
        }

        /// Adds the products of every line of `left` with every line of `right`.
        pub fn add(self, left: &[Left], right: &[Right], place: Place<'_, '_>) {
            let product = Product { left, right, place };
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx2(simd) => Simd::vectorize(simd, product),
                Self::Other(arch) => arch.dispatch(product),
            }
        }
    }

    struct Product<'a, 'b> {
        left: &'a [Left],
        right: &'a [Right],
        place: Place<'a, 'b>,
    }

    impl WithSimd for Product<'_, '_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, simd: S) {
            let rows = self.place.rows.len();
            // With sums in registers; a processor without vectors has the compiler's way.
            match (S::F32_LANES, rows) {
                (16, 16..) => self.tile::<S, 20, 1>(simd, 0),
                (16, 11..) => self.tile::<S, 15, 1>(simd, 0),
                (16, 6..) => self.tile::<S, 10, 1>(simd, 0),
                (16, _) => self.tile::<S, 5, 1>(simd, 0),
                (8, _) => (0..rows).step_by(FEW).for_each(|first| self.tile::<S, FEW, 2>(simd, first)),
                (4, _) => (0..rows).step_by(FEW).for_each(|first| self.tile::<S, FEW, 4>(simd, first)),
                _ => super::add_plainly(self.left, self.right, self.place),
            }
        }
    }

    impl Product<'_, '_> {
        /// `COUNT` rows from `first` on; a line of the right matrix is `VECTORS` vectors.
        #[inline(always)]
        fn tile<S: Simd, const COUNT: usize, const VECTORS: usize>(&mut self, simd: S, first: usize) {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; COUNT];
            for (left, right) in self.left.iter().zip(self.right) {
                let left = &left[first..first + COUNT];
                let (right, _) = S::as_simd_f32s(&right.0);
                for (sums, left) in sums.iter_mut().zip(left) {
                    let left = simd.splat_f32s(*left);
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = simd.mul_add_e_f32s(left, *right, *sum);
                    }
                }
            }
            for (row, sums) in (first..self.place.rows.len()).zip(&sums) {
                let place = self.place.row(row);
                if let Ok(place) = <&mut [f32; COLUMNS]>::try_from(&mut *place) {
                    let (place, _) = S::as_mut_simd_f32s(place);
                    place.iter_mut().zip(sums).for_each(|(place, sum)| *place = simd.add_f32s(*place, *sum));
                } else {
                    let mut line = [0.0; COLUMNS];
                    let (vectors, _) = S::as_mut_simd_f32s(&mut line);
                    vectors.copy_from_slice(sums);
                    super::add_line(place, &line);
                }
            }
        }
    }

    const _: () = assert!(ROWS == 4 * FEW);
}

#[cfg(target_family = "wasm")]
mod plain {
    use super::{Left, Place, Right};

    /// WebAssembly's vectors, which the whole program is compiled for.
    #[derive(Clone, Copy)]
    pub(crate) struct Kernel;

    impl Kernel {
        /// There is one kind only.
        pub fn new() -> Self {
            Self
        }

        /// Adds the products of every line of `left` with every line of `right`.
        pub fn add(self, left: &[Left], right: &[Right], place: Place<'_, '_>) {
            super::add_plainly(left, right, place);
        }
    }
}

fn add_plainly(left: &[Left], right: &[Right], mut place: Place<'_, '_>) {
    let sums = products(left, right);
    for (row, sums) in sums.iter().enumerate().take(place.rows.len()) {
        add_line(place.row(row), sums);
    }
}

/// Adds sums, of which there may be more than columns.
#[inline(always)]
fn add_line(row: &mut [f32], sums: &[f32; COLUMNS]) {
    row.iter_mut().zip(sums).for_each(|(place, sum)| *place += sum);
}

/// Scalar products of every line of `left` with every line of `right`. Kept apart, so that its sums get all registers.
#[cfg(target_feature = "relaxed-simd")]
#[inline(never)]
fn products(left: &[Left], right: &[Right]) -> [[f32; COLUMNS]; ROWS] {
    use std::arch::wasm32::{f32x4, f32x4_extract_lane as lane, f32x4_relaxed_madd, f32x4_splat};

    let [mut firsts, mut seconds] = [[f32x4_splat(0.0); ROWS]; 2];
    for (left, Right([a, b, c, d, e, f, g, h])) in left.iter().zip(right) {
        let (low, high) = (f32x4(*a, *b, *c, *d), f32x4(*e, *f, *g, *h));
        for row in 0..ROWS {
            let left = f32x4_splat(left[row]);
            // Rounded once where the processor has an instruction for it, else twice: so it differs between machines.
            firsts[row] = f32x4_relaxed_madd(left, low, firsts[row]);
            seconds[row] = f32x4_relaxed_madd(left, high, seconds[row]);
        }
    }
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for row in 0..ROWS {
        let (first, second) = (firsts[row], seconds[row]);
        let (a, b, c, d) = (lane::<0>(first), lane::<1>(first), lane::<2>(first), lane::<3>(first));
        let (e, f, g, h) = (lane::<0>(second), lane::<1>(second), lane::<2>(second), lane::<3>(second));
        sums[row] = [a, b, c, d, e, f, g, h];
    }
    sums
}

/// Scalar products of every line of `left` with every line of `right`. Kept apart, so that its sums get all registers.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(never)]
fn products(left: &[Left], right: &[Right]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (left, Right(right)) in left.iter().zip(right) {
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                sums[row][column] += left[row] * right[column];
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers, whose sums are exact.
    #[test]
    fn every_size_of_a_strip_is_added_where_it_belongs_and_nowhere_else() {
        const TERMS: usize = 7;
        const FIRST: usize = 2;
        let number = |at: usize| ((at * 7919) % 13) as f32 - 6.0;
        let left: Vec<Left> = (0..TERMS).map(|term| std::array::from_fn(|row| number(term * ROWS + row))).collect();
        let right: Vec<Right> =
            (0..TERMS).map(|term| Right(std::array::from_fn(|column| number(500 + term * COLUMNS + column)))).collect();
        type Way = fn(&[Left], &[Right], Place<'_, '_>);
        let ways: [Way; 2] = [|left, right, place| Kernel::new().add(left, right, place), add_plainly];
        for rows in 1..=ROWS {
            for columns in [1, COLUMNS - 1, COLUMNS] {
                for way in ways {
                    let mut sums = vec![[1.0; COLUMNS + 3]; rows];
                    let mut places: Vec<&mut [f32]> = sums.iter_mut().map(|row| &mut row[..]).collect();
                    way(&left, &right, Place { rows: &mut places, columns: [FIRST, columns] });
                    for (row, sums) in sums.iter().enumerate() {
                        for (place, sum) in sums.iter().enumerate() {
                            let column = place.checked_sub(FIRST).filter(|column| *column < columns);
                            let product = |column: usize| (0..TERMS).map(move |term| [term, row, column]);
                            let terms = column.into_iter().flat_map(product);
                            let added: f32 =
                                terms.map(|[term, row, column]| left[term][row] * right[term].0[column]).sum();
                            assert_eq!(*sum, 1.0 + added, "{rows} × {columns}, at {row}, {place}");
                        }
                    }
                }
            }
        }
    }
}
