//! Probabilities as horizontal bars, one a label.

use crate::svg::{Anchor, Document, FONT, WIDTH, fit, percent, series_colour, text_width};

const ROW: f64 = 28.0;
const NUMBER: f64 = 46.0;

/// Bars of `values` between 0 and 1, each with its label and its per cent, as SVG text.
///
/// A missing value is shown as a dash; one outside of 0 to 1 fills no more than its row.
pub fn bars(labels: &[String], values: &[f32]) -> String {
    let value = |row: usize| f64::from(values.get(row).copied().unwrap_or(f32::NAN));
    let words: Vec<String> =
        labels.iter().enumerate().map(|(row, label)| format!("{label} {}", percent(value(row)))).collect();
    let widest = labels.iter().map(|label| text_width(label, FONT)).fold(0.0, f64::max).min(WIDTH / 3.0);
    let left = widest + 8.0;
    let full = WIDTH - NUMBER - left;
    let mut document = Document::new(ROW * labels.len().max(1) as f64, "Probabilities", &words.join(", "));
    for (row, label) in labels.iter().enumerate() {
        let y = ROW * (row as f64 + 0.5);
        let share = value(row);
        let width = if share.is_finite() { share.clamp(0.0, 1.0) * full } else { 0.0 };
        document.text(widest, y, FONT, Anchor::End, &fit(label, widest, FONT));
        document.push(&format!(
            r#"<rect x="{left:.1}" y="{:.1}" width="{full:.1}" height="16" rx="2" fill-opacity="0.1"/>"#,
            y - 8.0
        ));
        document.push(&format!(
            r#"<rect x="{left:.1}" y="{:.1}" width="{width:.1}" height="16" rx="2" fill="{}"/>"#,
            y - 8.0,
            series_colour(0)
        ));
        document.text(WIDTH, y, FONT, Anchor::End, &percent(share));
    }
    document.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_each_label_with_its_per_cent() {
        let labels = ["angry".to_string(), "R&B".to_string()];
        let svg = bars(&labels, &[0.75, 0.25]);
        assert!(svg.contains("<desc>angry 75 %, R&amp;B 25 %</desc>"));
    }

    #[test]
    fn missing_and_odd_values_stay_within_their_row() {
        let labels: Vec<String> = ["a", "b", "c"].map(String::from).into();
        let svg = bars(&labels, &[f32::NAN, 7.0]);
        assert!(!svg.contains("NaN") && svg.contains("a –, b 700 %, c –"));
        assert!(bars(&[], &[]).contains("role=\"img\""));
    }
}
