//! Mean and deviation of the population over a clip's rows, which stand one after another.

use super::EPSILON;

/// Mean and deviation of each column; both are as long as a row. Takes the mean from each row.
pub(crate) fn forward(rows: &mut [f32], mean: &mut [f32], deviation: &mut [f32]) {
    let columns = mean.len().max(1);
    let count = (rows.len() / columns).max(1) as f32;
    mean.fill(0.0);
    for row in rows.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
    }
    mean.iter_mut().for_each(|mean| *mean /= count);
    deviation.fill(0.0);
    for row in rows.chunks_exact_mut(columns) {
        for ((value, mean), sum) in row.iter_mut().zip(&*mean).zip(&mut *deviation) {
            *value -= mean;
            *sum += *value * *value;
        }
    }
    deviation.iter_mut().for_each(|variance| *variance = (*variance / count + EPSILON).sqrt());
}

/// The way back: `centred` rows, as [`forward`] left them, become the gradient of the rows. The deviation's slope by a row
/// is its distance from the mean, over n times the deviation; that the mean moves too adds nothing, because the distances
/// sum to zero.
pub(crate) fn backward(centred: &mut [f32], of_mean: &[f32], of_deviation: &[f32], deviation: &[f32]) {
    let columns = of_mean.len().max(1);
    let share = 1.0 / (centred.len() / columns).max(1) as f32;
    let along: Vec<f32> =
        of_deviation.iter().zip(deviation).map(|(slope, deviation)| slope / deviation * share).collect();
    for row in centred.chunks_exact_mut(columns) {
        for ((value, of_mean), along) in row.iter_mut().zip(of_mean).zip(&along) {
            *value = of_mean * share + *value * along;
        }
    }
}
