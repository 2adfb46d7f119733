//! The confusion matrix: which label was taken for which, as counts and as shares of each row.

use crate::svg::{Anchor, Document, FONT, SMALL, WIDTH, escape, fit, percent, series_colour, text_width};

/// The strongest shade of a cell: text in `currentColor` stays readable on it, on a light and on a dark page.
const DARKEST: f64 = 0.6;
/// Height of a cell, and of one where there are more labels than `LABELS_WITH_HIGH_CELLS`: a matrix that is much higher
/// than wide gets small where its height is given.
const CELL_HEIGHTS: [f64; 2] = [56.0, 40.0];
/// See `CELL_HEIGHTS`.
const LABELS_WITH_HIGH_CELLS: usize = 4;
/// With more labels than this, the cells are too small for a second line.
const LABELS_WITH_SHARES: usize = 7;

/// What is written on a confusion matrix. The default is English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionWords {
    /// Its title.
    pub title: String,
    /// What the columns are.
    pub predicted: String,
    /// What the rows are.
    pub actual: String,
    /// What is written where no clip was counted.
    pub none: String,
}

impl Default for ConfusionWords {
    fn default() -> Self {
        Self {
            title: "Confusion matrix".to_owned(),
            predicted: "predicted".to_owned(),
            actual: "true".to_owned(),
            none: "No clips have been evaluated yet".to_owned(),
        }
    }
}

/// A confusion matrix as SVG text: rows are the true labels, columns the predicted ones.
///
/// `counts[true][predicted]`; what is missing counts as 0 and what goes beyond `labels` isn't shown. Each cell has its
/// count and its share of the row, and is shaded by that share. No other word is in it than `words` and `labels`.
pub fn confusion(words: &ConfusionWords, labels: &[String], counts: &[Vec<u32>]) -> String {
    let count = |row: usize, column: usize| {
        let cell = counts.get(row).and_then(|row| row.get(column));
        u64::from(cell.copied().unwrap_or(0))
    };
    let all = labels.len();
    let row_sum = |row: usize| (0..all).map(|column| count(row, column)).sum::<u64>();
    let sum: u64 = (0..all).map(row_sum).sum();
    let right: u64 = (0..all).map(|label| count(label, label)).sum();
    let description = if sum == 0 {
        words.none.clone()
    } else {
        let rows: Vec<String> = (0..all)
            .map(|row| match row_sum(row) {
                0 => format!("{}: –", labels[row]),
                clips => format!(
                    "{}: {}/{clips} ({})",
                    labels[row],
                    count(row, row),
                    percent(count(row, row) as f64 / clips as f64)
                ),
            })
            .collect();
        format!("{right}/{sum}. {}", rows.join("; "))
    };

    let widest = labels.iter().map(|label| text_width(label, SMALL)).fold(0.0, f64::max).min(WIDTH / 4.0);
    let left = 22.0 + widest + 8.0;
    // Half of a line lies outside of what it surrounds, and what lies outside of the picture is cut off.
    let right = WIDTH - 1.0;
    let cell = (right - left) / all.max(1) as f64;
    let cell_height = cell.min(CELL_HEIGHTS[usize::from(all > LABELS_WITH_HIGH_CELLS)]);
    // Column labels that are wider than their column are turned upright.
    let upright = widest > cell - 4.0;
    let top = 48.0 + if upright { widest } else { 14.0 };
    let bottom = top + cell_height * all as f64;
    let mut document = Document::new(bottom + 2.0, &words.title, &description);
    document.heading(&words.title);
    if sum == 0 {
        document.text(WIDTH / 2.0, (top + bottom) / 2.0, FONT, Anchor::Middle, &description);
        return document.finish();
    }
    document.text((left + right) / 2.0, 32.0, SMALL, Anchor::Middle, &words.predicted);
    document.push(&format!(
        r#"<text transform="translate(10 {:.1}) rotate(-90)" font-size="{SMALL}" text-anchor="middle">{}</text>"#,
        (top + bottom) / 2.0,
        escape(&fit(&words.actual, bottom - top, SMALL))
    ));

    for (index, label) in labels.iter().enumerate() {
        let short = fit(label, widest.max(SMALL), SMALL);
        let middle = left + cell * (index as f64 + 0.5);
        if upright {
            document.push(&format!(
                r#"<text transform="translate({middle:.1} {:.1}) rotate(-90)" dy="0.35em" font-size="{SMALL}">{}</text>"#,
                top - 5.0,
                escape(&short)
            ));
        } else {
            document.text(middle, top - 9.0, SMALL, Anchor::Middle, &short);
        }
        let y = top + cell_height * (index as f64 + 0.5);
        document.text(left - 8.0, y, SMALL, Anchor::End, &short);

        let clips = row_sum(index);
        for (column, predicted) in labels.iter().enumerate() {
            let cell_count = count(index, column);
            let share = if clips == 0 { 0.0 } else { cell_count as f64 / clips as f64 };
            let x = left + cell * column as f64;
            document.push(&format!(
                r#"<rect x="{x:.1}" y="{:.1}" width="{cell:.1}" height="{cell_height:.1}" fill="{}" fill-opacity="{:.2}" stroke="currentColor" stroke-opacity="0.25"><title>{}</title></rect>"#,
                y - cell_height / 2.0,
                series_colour(0),
                share * DARKEST,
                escape(&format!("{label} → {predicted}: {cell_count}/{clips}, {}", percent(share)))
            ));
            let middle = x + cell / 2.0;
            if all <= LABELS_WITH_SHARES {
                document.text(middle, y - 8.0, FONT, Anchor::Middle, &cell_count.to_string());
                document.text(middle, y + 9.0, SMALL, Anchor::Middle, &percent(share));
            } else {
                let text = cell_count.to_string();
                let size = (SMALL * (cell - 2.0) / text_width(&text, SMALL)).min(SMALL);
                document.text(middle, y, size.max(5.0).round(), Anchor::Middle, &text);
            }
        }
    }
    document.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    fn confusion(labels: &[String], counts: &[Vec<u32>]) -> String {
        super::confusion(&ConfusionWords::default(), labels, counts)
    }

    #[test]
    fn is_written_in_the_words_that_are_given() {
        let words = ConfusionWords {
            title: "Konfusionsmatrix".into(),
            predicted: "vorhergesagt".into(),
            actual: "<tatsächlich>".into(),
            none: "nichts".into(),
        };
        let svg = super::confusion(&words, &labels(&["a", "b"]), &[vec![3, 1], vec![0, 5]]);
        for word in ["<title>Konfusionsmatrix</title>", ">vorhergesagt</text>", ">&lt;tatsächlich&gt;</text>"] {
            assert!(svg.contains(word), "{word}");
        }
        assert!(super::confusion(&words, &[], &[]).contains(">nichts</text>"));
    }

    #[test]
    fn shows_counts_and_the_share_of_each_row() {
        let svg = confusion(&labels(&["sad", "happy"]), &[vec![3, 1], vec![0, 5]]);
        assert!(svg.contains("8/9. sad: 3/4 (75 %); happy: 5/5 (100 %)"));
        assert!(svg.contains("<title>sad → happy: 1/4, 25 %</title>"));
    }

    #[test]
    fn an_empty_row_has_no_shares() {
        let svg = confusion(&labels(&["sad", "happy"]), &[vec![0, 0], vec![0, 5]]);
        assert!(svg.contains("sad: –") && !svg.contains("NaN"));
    }

    #[test]
    fn no_clips_and_misshapen_matrices_are_no_accident() {
        assert!(confusion(&[], &[]).contains("No clips have been evaluated yet"));
        assert!(confusion(&labels(&["a", "b"]), &[]).contains("No clips have been evaluated yet"));
        let ragged = confusion(&labels(&["a", "b"]), &[vec![1, 2, 3], vec![], vec![9]]);
        assert!(ragged.contains("<desc>1/3. "));
    }

    #[test]
    fn sixteen_labels_fit_and_are_escaped() {
        let many: Vec<String> = (0..16).map(|i| format!("<label {i}>")).collect();
        let svg = confusion(&many, &vec![vec![12; 16]; 16]);
        assert!(svg.contains("&lt;label 15&gt;") && !svg.contains("<label"));
    }

    #[test]
    fn every_line_lies_within_the_picture() {
        let number = |element: &str, name: &str| -> f64 {
            let (_, rest) = element.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        for all in [1, 2, 4, 7, 16] {
            let names: Vec<String> = (0..all).map(|label| format!("label {label}")).collect();
            let svg = confusion(&names, &vec![vec![3; all]; all]);
            let (_, height) = svg.split_once("viewBox=\"0 0 400 ").unwrap();
            let height: f64 = height.split('"').next().unwrap().parse().unwrap();
            let cells: Vec<&str> = svg.lines().filter(|line| line.starts_with("<rect")).collect();
            assert_eq!(cells.len(), all * all);
            for cell in cells {
                let [x, y, width, high] = ["x", "y", "width", "height"].map(|name| number(cell, name));
                // A line is 1 wide, and numbers are rounded to a tenth.
                assert!(x + width + 0.5 <= 400.0 - 0.3 && y + high + 0.5 <= height - 0.3, "{all} labels: {cell}");
            }
        }
    }
}
