//! How near a guess is.

/// Pearson's correlation of two rows of as many values, −1 to 1; 0 where one of them never changes.
pub fn correlation(one: &[f32], two: &[f32]) -> f64 {
    let mean = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len().max(1) as f64;
    let (first, second) = (mean(one), mean(two));
    let [mut both, mut squares, mut others] = [0.0; 3];
    for (&one, &two) in one.iter().zip(two) {
        let (one, two) = (f64::from(one) - first, f64::from(two) - second);
        both += one * two;
        squares += one * one;
        others += two * two;
    }
    let length = (squares * others).sqrt();
    if length > 0.0 { both / length } else { 0.0 }
}

/// The cosine of the angle between two vectors, −1 to 1; 0 where one has no length.
pub(crate) fn cosine(one: &[f32], two: &[f32]) -> f64 {
    let product = |one: &[f32], two: &[f32]| -> f64 {
        one.iter().zip(two).map(|(&one, &two)| f64::from(one) * f64::from(two)).sum()
    };
    let length = (product(one, one) * product(two, two)).sqrt();
    if length > 0.0 { product(one, two) / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_correlates_with_itself_whatever_its_slope_and_place() {
        assert!((correlation(&[1.0, 2.0, 4.0], &[5.0, 7.0, 11.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 4.0], &[0.0, -1.0, -3.0]) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 2.0], &[3.0, 3.0]), 0.0);
        // 0.5 / √(2 · 2/3): by hand.
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, 2.0, 1.0])).abs() < 1e-12);
        assert!((cosine(&[3.0, 4.0], &[4.0, 3.0]) - 0.96).abs() < 1e-12);
        assert_eq!(cosine(&[0.0, 0.0], &[4.0, 3.0]), 0.0);
    }
}
