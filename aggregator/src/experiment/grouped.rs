//! Large numbers as people read them.

/// A number with a comma before every three digits.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_three_digits_a_comma() {
        assert_eq!([0, 999, 1_000, 26_008_068].map(grouped), ["0", "999", "1,000", "26,008,068"]);
    }
}
