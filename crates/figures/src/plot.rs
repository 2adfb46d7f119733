//! What every line chart is made of: the series, the axes, the legend, ticks, lines and markers.

use crate::legend;
use crate::svg::{Anchor, Document, FONT, SMALL, WIDTH, escape, fit, percent, series_colour};

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Points (round, value) in order of rounds; where a value is not finite, the line has a gap.
    pub values: Vec<(f64, f64)>,
}

/// What the axes say and show.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// Title of the chart.
    pub title: String,
    /// What is counted along the x axis, in the singular, such as "round".
    pub x: String,
    /// What the y axis shows, such as "accuracy".
    pub y: String,
    /// The extent of the y axis and how its numbers are written.
    pub y_range: Range,
    /// What is written where there is no point to draw, such as "There is nothing to show".
    pub none: String,
    /// What stands before a number's decimals in the language of these words, such as `.`.
    pub decimal: char,
}

impl Axes {
    /// A value of the y axis as it is written in a sentence.
    pub(crate) fn written(&self, value: f64) -> String {
        self.marked(&self.y_range.write(value))
    }

    fn marked(&self, number: &str) -> String {
        number.replace('.', self.decimal.encode_utf8(&mut [0; 4]))
    }
}

/// The extent of a y axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// Shares: 0 to 1, written as 0 % to 100 %.
    Percent,
    /// Shares: 0 to 1, written as 0.0 to 1.0.
    Share,
    /// Numbers such as a loss: from 0 (or the least value below it) to the greatest value.
    FromZero,
}

impl Range {
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Range::Percent => percent(value),
            Range::Share | Range::FromZero => number(value, 2),
        }
    }
}

pub(crate) const LEFT: f64 = 58.0;
pub(crate) const RIGHT: f64 = 12.0;
pub(crate) const PLOT_HEIGHT: f64 = 170.0;
const ROW: f64 = 18.0;
const SAMPLE: f64 = 30.0;
pub(crate) const DASHES: [&str; 4] = ["none", "7 4", "2 3", "9 3 2 3"];

/// How the legend shows a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// A line with a marker on it.
    Line,
    /// The marker alone.
    Marker,
}

/// The chart with its heading and its legend, and where the plot begins and ends.
pub(crate) fn begin<'a>(
    names: impl Iterator<Item = &'a str>,
    sample: Sample,
    axes: &Axes,
    description: &str,
) -> (Document, f64, f64) {
    let legend = legend::entries(names, SAMPLE, 14.0);
    let top = 30.0 + ROW * legend::rows(&legend);
    let bottom = top + PLOT_HEIGHT;
    let mut document = Document::new(bottom + 48.0, &axes.title, description);
    document.heading(&axes.title);
    for entry in &legend {
        let y = 30.0 + ROW * entry.row;
        if sample == Sample::Line {
            document.push(&line(entry.index, &format!("M{:.1} {y}h{SAMPLE}", entry.x)));
        }
        document.push(&marker(entry.index, entry.x + SAMPLE / 2.0, y, ""));
        document.text(entry.x + SAMPLE + 5.0, y, SMALL, Anchor::Start, &entry.name);
    }
    (document, top, bottom)
}

/// Says in the plot's middle that there is nothing to draw.
pub(crate) fn nothing(document: &mut Document, axes: &Axes, top: f64, bottom: f64) {
    document.text((LEFT + WIDTH - RIGHT) / 2.0, (top + bottom) / 2.0, FONT, Anchor::Middle, &axes.none);
}

/// Lines across the plot and the numbers beside them.
pub(crate) fn y_ticks(document: &mut Document, extent: (f64, f64), axes: &Axes, y_at: impl Fn(f64) -> f64) {
    let (all, digits) = ticks(extent, 5.0, 0.0);
    for tick in all {
        let y = y_at(tick);
        let right = WIDTH - RIGHT;
        document.push(&format!(r#"<path d="M{LEFT} {y:.1}H{right:.1}" stroke="currentColor" stroke-opacity="0.18"/>"#));
        let label = match axes.y_range {
            Range::Percent => percent(tick),
            Range::Share | Range::FromZero => axes.marked(&number(tick, digits)),
        };
        document.text(LEFT - 6.0, y, SMALL, Anchor::End, &label);
    }
}

/// A stroke below the plot and its number.
pub(crate) fn x_tick(document: &mut Document, x: f64, bottom: f64, label: &str) {
    document.push(&format!(r#"<path d="M{x:.1} {bottom:.1}v4" stroke="currentColor" stroke-opacity="0.6"/>"#));
    document.text(x, bottom + 15.0, SMALL, Anchor::Middle, label);
}

/// What the axes show.
pub(crate) fn titles(document: &mut Document, axes: &Axes, top: f64, bottom: f64) {
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    document.text(middle, bottom + 36.0, SMALL, Anchor::Middle, &fit(&axes.x, WIDTH - LEFT - RIGHT, SMALL));
    document.push(&format!(
        r#"<text transform="translate(9 {:.1}) rotate(-90)" font-size="{SMALL}" text-anchor="middle">{}</text>"#,
        (top + bottom) / 2.0,
        escape(&fit(&axes.y, PLOT_HEIGHT, SMALL))
    ));
}

pub(crate) fn line(index: usize, path: &str) -> String {
    format!(
        r#"<path d="{path}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round" stroke-dasharray="{}"/>"#,
        series_colour(index),
        DASHES[index % DASHES.len()]
    )
}

/// A marker whose shape belongs to the series; `hint` shows when one points at it.
pub(crate) fn marker(index: usize, x: f64, y: f64, hint: &str) -> String {
    let shape = match index % 4 {
        0 => "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
        1 => "m-3 -3h6v6h-6z",
        2 => "m0 -4l4 7h-8z",
        _ => "m0 -4l4 4l-4 4l-4 -4z",
    };
    let hint = if hint.is_empty() { String::new() } else { format!("<title>{}</title>", escape(hint)) };
    format!(r#"<path d="M{x:.1} {y:.1}{shape}" fill="{}">{hint}</path>"#, series_colour(index))
}

pub(crate) fn frame(document: &mut Document, top: f64, bottom: f64) {
    document.push(&format!(
        r#"<path d="M{LEFT} {top:.1}V{bottom:.1}H{:.1}" fill="none" stroke="currentColor" stroke-opacity="0.6"/>"#,
        WIDTH - RIGHT
    ));
}

/// The round step (1, 2 or 5 times a power of ten) that gives at most about `count` ticks over `span`.
pub(crate) fn tick_step(span: f64, count: f64, least: f64) -> f64 {
    let rough = (span / count).max(least);
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

/// Ticks within `extent`, at most about `count`, at least `least` apart; and the decimals that tell them apart.
pub(crate) fn ticks(extent: (f64, f64), count: f64, least: f64) -> (Vec<f64>, usize) {
    let step = tick_step(extent.1 - extent.0, count, least);
    let first = (extent.0 / step).ceil();
    let last = (extent.1 / step + 1e-9).floor();
    let number = ((last - first).max(0.0) as usize).min(50);
    let ticks = (0..=number).map(|i| (first + i as f64) * step).collect();
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    (ticks, digits)
}

/// A number with so many decimals, and with a true minus sign.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => format!("−{rest}"),
        Some(rest) => rest.to_string(),
        None => text,
    }
}
