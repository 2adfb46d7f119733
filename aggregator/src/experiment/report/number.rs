//! How numbers are written in the report.

use crate::experiment::grouped;
use crate::experiment::statistics::Spread;

/// A share such as 0.62; a dash where there is none.
pub fn share(value: f64) -> String {
    fixed(value, 2)
}

/// Mean ± deviation, which no line breaks apart, or the mean alone where something was measured once.
pub fn spread(spread: &Spread) -> String {
    with_deviation(spread, 2)
}

/// Seconds: mean ± deviation.
pub fn seconds(spread: &Spread) -> String {
    with_deviation(spread, if spread.mean < 100.0 { 1 } else { 0 })
}

fn with_deviation(spread: &Spread, digits: usize) -> String {
    let mean = if spread.values.is_empty() { f64::NAN } else { spread.mean };
    match spread.deviation {
        Some(deviation) => format!("{}\u{a0}±\u{a0}{}", fixed(mean, digits), fixed(deviation, digits)),
        None => fixed(mean, digits),
    }
}

/// A difference with its sign.
pub fn signed(value: f64) -> String {
    let text = share(value);
    if value > 0.0 && text.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9']) { format!("+{text}") } else { text }
}

/// A p-value.
pub fn chance(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, if p < 0.1 { 3 } else { 2 }) }
}

/// Megabytes in about three figures; a dash for none.
pub fn megabytes(bytes: f64) -> String {
    let megabytes = bytes / 1e6;
    match megabytes {
        none if none <= 0.0 => "–".to_owned(),
        few if few < 10.0 => fixed(few, 2),
        some if some < 100.0 => fixed(some, 1),
        many => grouped(many.round() as usize),
    }
}

/// "1 clip", "2 clips".
pub fn count(number: usize, of: &str) -> String {
    format!("{} {of}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|letter| b"0.".contains(&letter)) => zero.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(spread(&Spread::of([0.6, 0.7])), "0.65\u{a0}±\u{a0}0.07");
        assert_eq!(spread(&Spread::of([0.625])), "0.62");
        assert_eq!(spread(&Spread::of([])), "–");
        assert_eq!([signed(0.104), signed(-0.104), signed(-0.001), signed(0.001)], ["+0.10", "−0.10", "0.00", "0.00"]);
        assert_eq!([0.5, 0.0625, 0.001, 0.0001].map(chance), ["0.50", "0.062", "0.001", "< 0.001"]);
        assert_eq!([megabytes(0.0), megabytes(152_000.0), megabytes(16_600e6)], ["–", "0.15", "16,600"]);
        assert_eq!([count(1, "clip"), count(1_098, "clip")], ["1 clip", "1,098 clips"]);
        assert_eq!(share(f64::NAN), "–");
    }
}
