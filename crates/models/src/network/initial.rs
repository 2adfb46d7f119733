//! Parameters before training, as Keras starts them: from the seed alone, without a device, the same everywhere.

use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{Architecture, layer::Initial};

/// The first parameters of a model, in the order of [`Architecture::layout`]: kernels Glorot uniform (Glorot & Bengio
/// 2010), recurrent kernels orthogonal (Saxe et al. 2014), biases zero but 1 for the LSTM's forget gates
/// (Jozefowicz et al. 2015).
pub fn initial_parameters(architecture: Architecture, labels: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = Vec::with_capacity(architecture.parameters(labels));
    for layer in architecture.layers(labels) {
        for (_, shape, initial) in layer.tensors() {
            let elements: usize = shape.iter().product();
            match initial {
                Initial::Glorot { fan_in, fan_out } => {
                    let limit = (6.0 / (fan_in + fan_out) as f32).sqrt();
                    parameters.extend((0..elements).map(|_| (2.0 * rng.random::<f32>() - 1.0) * limit));
                }
                Initial::Orthogonal => parameters.extend(orthogonal(shape[0], shape[1], &mut rng)),
                Initial::Zero => parameters.extend(std::iter::repeat_n(0.0, elements)),
                Initial::One => parameters.extend(std::iter::repeat_n(1.0, elements)),
                Initial::ForgetGateOne => {
                    let units = elements / 4;
                    parameters.extend((0..elements).map(|i| if (units..2 * units).contains(&i) { 1.0 } else { 0.0 }));
                }
            }
        }
    }
    parameters
}

/// `rows` orthonormal rows of `columns` ≥ `rows` numbers: random rows made orthogonal by Gram–Schmidt, each one against
/// the ones before it. A random number is the sum of twelve uniform ones less 6, which is close to Gaussian and, without
/// a logarithm, the same to the last bit on every machine.
fn orthogonal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut matrix: Vec<f32> = Vec::with_capacity(rows * columns);
    for _ in 0..rows {
        let mut row: Vec<f32> = (0..columns).map(|_| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0).collect();
        // Twice is enough: the second pass removes what rounding left of the first (Giraud et al. 2005).
        for _ in 0..2 {
            for other in matrix.chunks_exact(columns) {
                let share = dot(&row, other);
                row.iter_mut().zip(other).for_each(|(value, other)| *value -= share * other);
            }
        }
        let length = dot(&row, &row).sqrt();
        matrix.extend(row.iter().map(|value| value / length));
    }
    matrix
}

/// Scalar product, in eight running sums so that it compiles to vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a.len() / 8 * 8;
    sums.iter().sum::<f32>() + a[rest..].iter().zip(&b[rest..]).map(|(a, b)| a * b).sum::<f32>()
}
