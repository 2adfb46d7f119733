//! Recall of each class, computed from a confusion matrix and drawn as one horizontal bar a class.

use crate::svg::{Anchor, Document, FONT, SMALL, WIDTH, escape, fit, percent, series_colour, text_width};

const ROW: f64 = 34.0;
const BAR: f64 = 18.0;
const TITLE: f64 = 26.0;
const NUMBER: f64 = 52.0;

/// Recall of each class as bars, as SVG text: of the clips that are of a class, the share that was found to be
/// (true positives / (true positives + false negatives)).
///
/// `counts[true][predicted]`; what is missing counts as 0 and what goes beyond `labels` isn't shown. A class without
/// clips has a dash instead of a share. `title` is the heading, and what a screen reader calls the picture.
pub fn recall(title: &str, labels: &[String], counts: &[Vec<u32>]) -> String {
    let rows: Vec<Row> =
        labels.iter().enumerate().map(|(index, label)| Row::of(label, index, counts, labels)).collect();
    let words: Vec<String> =
        rows.iter().map(|row| format!("{} {} ({})", row.label, percent(row.share), row.of)).collect();
    let widest = labels.iter().map(|label| text_width(label, FONT)).fold(0.0, f64::max).min(WIDTH / 3.0);
    // Bold and wide fonts take more than the estimate.
    let widest = widest * 1.15;
    let left = widest + 8.0;
    let full = WIDTH - NUMBER - left;
    let mut document = Document::new(TITLE + ROW * rows.len().max(1) as f64, title, &words.join(", "));
    document.heading(title);
    for (index, row) in rows.iter().enumerate() {
        let y = TITLE + ROW * (index as f64 + 0.5);
        let width = if row.share.is_finite() { row.share.clamp(0.0, 1.0) * full } else { 0.0 };
        let bar = |width: f64, paint: &str| {
            format!(
                r#"<rect x="{left:.1}" y="{:.1}" width="{width:.1}" height="{BAR}" rx="3" {paint}><title>{}</title></rect>"#,
                y - BAR / 2.0,
                escape(&format!("{}: {}, {}", row.label, percent(row.share), row.of)),
            )
        };
        document.text(widest, y, FONT, Anchor::End, &fit(row.label, widest.max(FONT), FONT));
        document.push(&bar(full, r#"fill-opacity="0.1""#));
        document.push(&bar(width, &format!(r#"fill="{}""#, series_colour(0))));
        document.text(WIDTH, y - 5.0, FONT, Anchor::End, &percent(row.share));
        document.text(WIDTH, y + 9.0, SMALL, Anchor::End, &row.of);
    }
    document.finish()
}

/// One class.
struct Row<'a> {
    label: &'a str,
    /// 0 to 1; not a number where the class has no clips.
    share: f64,
    /// `3/4`: how many of how many.
    of: String,
}

impl<'a> Row<'a> {
    fn of(label: &'a str, index: usize, counts: &[Vec<u32>], labels: &[String]) -> Self {
        let row: Vec<u32> = counts.get(index).into_iter().flatten().copied().take(labels.len()).collect();
        let found = row.get(index).copied().unwrap_or(0);
        let all: u64 = row.iter().map(|&count| u64::from(count)).sum();
        let share = if all == 0 { f64::NAN } else { f64::from(found) / all as f64 };
        Self { label, share, of: format!("{found}/{all}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    /// By the definition: 3 of 3 + 1, 2 of 2 + 2 + 1, 7 of 7.
    #[test]
    fn recall_is_the_share_of_a_row_that_lies_on_the_diagonal() {
        let svg = recall("Found", &labels(&["sad", "happy", "R&B"]), &[vec![3, 1, 0], vec![2, 2, 1], vec![0, 0, 7]]);
        assert!(svg.contains("<desc>sad 75 % (3/4), happy 40 % (2/5), R&amp;B 100 % (7/7)</desc>"), "{svg}");
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        let svg = recall("", &labels(&["a", "b"]), &[vec![1, 1], vec![0, 4]]);
        let widths: Vec<f64> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains("var(--series-1"))
            .filter_map(|line| line.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!((widths[0] * 2.0 - widths[1]).abs() < 0.2, "{widths:?}");
    }

    #[test]
    fn a_class_without_clips_and_misshapen_matrices_are_no_accident() {
        let svg = recall("", &labels(&["a", "b", "c"]), &[vec![0, 0, 0], vec![9], vec![0, 0, 2, 5]]);
        assert!(svg.contains("<desc>a – (0/0), b 0 % (0/9), c 100 % (2/2)</desc>"), "{svg}");
        assert!(!svg.contains("NaN"));
        assert!(recall("", &[], &[]).contains("role=\"img\""));
    }
}
