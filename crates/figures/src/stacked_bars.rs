//! What makes up each of several wholes: one horizontal bar a whole, its parts told apart by hatching and words as well
//! as by colour.

use crate::legend;
use crate::svg::{Anchor, Document, SMALL, WIDTH, escape, fit, series_colour, text_width};

const ROW: f64 = 26.0;
const BAR: f64 = 20.0;
const LEGEND_ROW: f64 = 20.0;
const SAMPLE: f64 = 22.0;
/// Space between lines of a hatching.
const HATCH: f64 = 7.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What stands before it.
    pub name: String,
    /// The count of each part, in the order of the parts' names.
    pub counts: Vec<usize>,
}

/// Bars whose length is the sum of their counts, as SVG text.
///
/// A part is named within the bar where it is long enough, always in the legend, and when one points at it. Missing
/// counts are 0, and those beyond `parts` aren't shown.
pub fn stacked_bars(title: &str, parts: &[String], bars: &[Bar]) -> String {
    let count = |bar: &Bar, part: usize| bar.counts.get(part).copied().unwrap_or(0);
    let sum = |bar: &Bar| (0..parts.len()).map(|part| count(bar, part)).sum::<usize>();
    let longest = bars.iter().map(sum).max().unwrap_or(0);
    let widest = bars.iter().map(|bar| text_width(&bar.name, SMALL)).fold(0.0, f64::max).min(WIDTH / 3.0);
    let number = text_width(&longest.to_string(), SMALL) + 6.0;
    let left = widest + 8.0;
    let full = WIDTH - left - number;
    let legend = legend::entries(parts.iter().map(String::as_str), SAMPLE, 12.0);
    let top = 28.0 + LEGEND_ROW * legend::rows(&legend);
    let words: Vec<String> = bars
        .iter()
        .map(|bar| {
            let held: Vec<String> = (0..parts.len())
                .filter(|&part| count(bar, part) > 0)
                .map(|part| format!("{} {}", count(bar, part), parts[part]))
                .collect();
            format!("{}: {}", bar.name, if held.is_empty() { "nothing".to_string() } else { held.join(", ") })
        })
        .collect();
    let description = if bars.is_empty() { "There is nothing to show".to_string() } else { words.join("; ") };
    let mut document = Document::new(top + ROW * bars.len().max(1) as f64, title, &description);
    document.heading(title);
    for entry in &legend {
        let y = 34.0 + LEGEND_ROW * entry.row;
        segment(&mut document, entry.index, entry.x, y - 7.0, SAMPLE, 14.0, "");
        document.text(entry.x + SAMPLE + 5.0, y, SMALL, Anchor::Start, &entry.name);
    }
    for (row, bar) in bars.iter().enumerate() {
        let middle = top + ROW * (row as f64 + 0.5);
        document.text(widest, middle, SMALL, Anchor::End, &fit(&bar.name, widest.max(SMALL), SMALL));
        let mut x = left;
        for (part, name) in parts.iter().enumerate().filter(|(part, _)| count(bar, *part) > 0) {
            let held = count(bar, part);
            let width = full * held as f64 / longest as f64;
            let hint = format!("{}: {held} {name}", bar.name);
            segment(&mut document, part, x, middle - BAR / 2.0, width, BAR, &hint);
            let (long, short) = (format!("{name} {held}"), held.to_string());
            let fits = |text: &String| text_width(text, SMALL) + 4.0 <= width;
            if let Some(text) = [long, short].iter().find(|text| fits(text)) {
                document.text(x + width / 2.0, middle, SMALL, Anchor::Middle, text);
            }
            x += width;
        }
        document.text(x + 5.0, middle, SMALL, Anchor::Start, &sum(bar).to_string());
    }
    document.finish()
}

/// A part of a bar: a faint fill in the part's colour, lines in its direction, and an outline.
fn segment(document: &mut Document, part: usize, x: f64, y: f64, width: f64, height: f64, hint: &str) {
    let colour = series_colour(part);
    let hint = if hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(hint)) };
    document.push(&format!(
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}" fill-opacity="0.3" stroke="{colour}">{hint}</rect>"#
    ));
    let lines = hatching(part, width, height);
    if !lines.is_empty() {
        document.push(&format!(
            r#"<path transform="translate({x:.1} {y:.1})" d="{lines}" fill="none" stroke="{colour}" stroke-opacity="0.55" pointer-events="none"/>"#
        ));
    }
}

/// Lines within a rectangle: none, rising, upright or falling, by the part's index.
fn hatching(part: usize, width: f64, height: f64) -> String {
    let mut path = String::new();
    let slope = match part % 4 {
        0 => return path,
        1 => height,
        2 => 0.0,
        _ => -height,
    };
    // Each line goes from the lower edge at `start` to the upper edge at `start + slope`, cut off at the sides.
    let mut start = HATCH / 2.0 - slope.max(0.0);
    while start < width + (-slope).max(0.0) {
        let share_at = |x: f64| if slope == 0.0 { 0.0 } else { (x - start) / slope };
        let (enter, leave) = if slope == 0.0 {
            (0.0, 1.0)
        } else {
            let sides = (share_at(0.0), share_at(width));
            (sides.0.min(sides.1).max(0.0), sides.0.max(sides.1).min(1.0))
        };
        if leave > enter {
            let point = |share: f64| format!("{:.1} {:.1}", start + slope * share, height * (1.0 - share));
            path.push_str(&format!("M{}L{}", point(enter), point(leave)));
        }
        start += HATCH;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, counts: &[usize]) -> Bar {
        Bar { name: name.into(), counts: counts.into() }
    }

    fn parts() -> Vec<String> {
        ["angry", "happy", "neutral", "R&B"].map(String::from).into()
    }

    #[test]
    fn says_in_words_what_everyone_holds() {
        let svg = stacked_bars("Who holds what", &parts(), &[bar("client 1", &[3, 0, 2]), bar("client 2", &[])]);
        assert!(svg.contains("<desc>client 1: 3 angry, 2 neutral; client 2: nothing</desc>"));
        assert!(svg.contains(">R&amp;B</text>"));
    }

    #[test]
    fn lengths_are_counts() {
        let svg = stacked_bars("", &parts(), &[bar("", &[30]), bar("", &[10, 5])]);
        let widths: Vec<f64> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains("height=\"20.0\""))
            .filter_map(|line| line.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        let near = |a: f64, b: f64| (a - b).abs() < 0.2;
        assert!(near(widths[0], widths[1] * 3.0) && near(widths[1], widths[2] * 2.0), "{widths:?}");
    }

    #[test]
    fn parts_differ_in_more_than_colour() {
        let all: Vec<String> = (0..4).map(|part| hatching(part, 40.0, 20.0)).collect();
        assert_eq!(all[0], "");
        assert!(all[1] != all[2] && all[2] != all[3] && all[1] != all[3]);
    }

    #[test]
    fn hatching_stays_within_its_part() {
        for part in 1..4 {
            for width in [3.0, 20.0, 55.5] {
                for point in hatching(part, width, 20.0).split(['M', 'L']).filter(|point| !point.is_empty()) {
                    let (x, y) = point.split_once(' ').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    assert!((-0.05..=width + 0.05).contains(&x) && (-0.05..=20.05).contains(&y), "{part}: {point}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_no_trouble() {
        for svg in [stacked_bars("", &[], &[]), stacked_bars("", &parts(), &[bar("a", &[0, 0])])] {
            assert!(svg.contains("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
