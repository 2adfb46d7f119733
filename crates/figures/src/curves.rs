//! Learning curves: one line a series over the rounds, told apart by dashes and markers as well as by colour.

use crate::svg::{Anchor, Document, FONT, SMALL, WIDTH, escape, fit, percent, series_colour, text_width};

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
pub(crate) const ROW: f64 = 18.0;
pub(crate) const SAMPLE: f64 = 30.0;
/// Beyond so many points a marker on each would hide the line.
const MARKED_POINTS: usize = 24;
const DASHES: [&str; 4] = ["none", "7 4", "2 3", "9 3 2 3"];

/// A line chart of `series` over whole rounds, as SVG text.
///
/// Without a single finite point it is an empty chart that says `none`. No other word is in it than those of `series` and
/// `axes`, whatever their language.
pub fn learning_curves(series: &[Series], axes: &Axes) -> String {
    let legend = legend_rows(series);
    let top = 30.0 + ROW * legend.len() as f64;
    let bottom = top + PLOT_HEIGHT;
    let mut document = Document::new(bottom + 44.0, &axes.title, &description(series, axes));
    heading(&mut document, &axes.title, &legend);

    let Some(extent) = Extent::of(series, axes.y_range) else {
        frame(&mut document, top, bottom);
        document.text((LEFT + WIDTH - RIGHT) / 2.0, (top + bottom) / 2.0, FONT, Anchor::Middle, &axes.none);
        return document.finish();
    };

    let x_at = |x: f64| LEFT + (x - extent.x.0) / (extent.x.1 - extent.x.0) * (WIDTH - RIGHT - LEFT);
    let y_at = |y: f64| {
        let share = (y - extent.y.0) / (extent.y.1 - extent.y.0);
        bottom - share.clamp(0.0, 1.0) * PLOT_HEIGHT
    };

    let (y_ticks, digits) = ticks(extent.y, 5.0, 0.0);
    for tick in y_ticks {
        let y = y_at(tick);
        document.push(&format!(
            r#"<path d="M{LEFT} {y:.1}H{:.1}" stroke="currentColor" stroke-opacity="0.18"/>"#,
            WIDTH - RIGHT
        ));
        let label = match axes.y_range {
            Range::Percent => percent(tick),
            Range::Share | Range::FromZero => number(tick, digits),
        };
        document.text(LEFT - 6.0, y, SMALL, Anchor::End, &label);
    }
    for tick in ticks(extent.x, 8.0, 1.0).0 {
        let x = x_at(tick);
        document.push(&format!(r#"<path d="M{x:.1} {bottom:.1}v4" stroke="currentColor" stroke-opacity="0.6"/>"#));
        document.text(x, bottom + 13.0, SMALL, Anchor::Middle, &number(tick, 0));
    }
    frame(&mut document, top, bottom);
    document.text(
        (LEFT + WIDTH - RIGHT) / 2.0,
        bottom + 32.0,
        SMALL,
        Anchor::Middle,
        &fit(&axes.x, WIDTH - LEFT - RIGHT, SMALL),
    );
    document.push(&format!(
        r#"<text transform="translate(9 {:.1}) rotate(-90)" font-size="{SMALL}" text-anchor="middle">{}</text>"#,
        (top + bottom) / 2.0,
        escape(&fit(&axes.y, PLOT_HEIGHT, SMALL))
    ));

    for (index, one) in series.iter().enumerate() {
        draw(&mut document, index, one, axes, x_at, y_at);
    }
    document.finish()
}

/// The line of one series and its markers.
fn draw(
    document: &mut Document,
    index: usize,
    series: &Series,
    axes: &Axes,
    x_at: impl Fn(f64) -> f64,
    y_at: impl Fn(f64) -> f64,
) {
    let mut path = String::new();
    let mut pen_down = false;
    for &(x, y) in &series.values {
        if x.is_finite() && y.is_finite() {
            let command = if pen_down { 'L' } else { 'M' };
            path.push_str(&format!("{command}{:.1} {:.1}", x_at(x), y_at(y)));
            pen_down = true;
        } else {
            pen_down = false;
        }
    }
    if path.is_empty() {
        return;
    }
    document.push(&line(index, &path));
    let every = series.values.len().div_ceil(MARKED_POINTS).max(1);
    let last = series.values.len() - 1;
    for (position, &(x, y)) in series.values.iter().enumerate() {
        // Counted from the end, so that the newest point, which one reads first, always has its marker.
        if x.is_finite() && y.is_finite() && (last - position).is_multiple_of(every) {
            let hint = format!("{}, {} {}: {}", series.name, axes.x, number(x, 0), axes.y_range.write(y));
            document.push(&marker(index, x_at(x), y_at(y), &hint));
        }
    }
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

/// A series' place in the legend.
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) x: f64,
    pub(crate) name: String,
}

/// The legend, broken into as many rows as it needs.
pub(crate) fn legend_rows(series: &[Series]) -> Vec<Vec<Entry>> {
    let mut rows: Vec<Vec<Entry>> = Vec::new();
    let mut x = WIDTH;
    for (index, one) in series.iter().enumerate() {
        let name = fit(&one.name, WIDTH - SAMPLE - 5.0, SMALL);
        let width = SAMPLE + 5.0 + text_width(&name, SMALL);
        if x + width > WIDTH {
            rows.push(Vec::new());
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push(Entry { index, x, name });
        }
        x += width + 14.0;
    }
    rows
}

/// The title of a chart, and below it what each of its lines is.
pub(crate) fn heading(document: &mut Document, title: &str, legend: &[Vec<Entry>]) {
    document.push(&format!(
        r#"<text x="0" y="14" font-size="{FONT}" font-weight="600">{}</text>"#,
        escape(&fit(title, WIDTH, FONT))
    ));
    for (row, entries) in legend.iter().enumerate() {
        let y = 30.0 + ROW * row as f64;
        for entry in entries {
            document.push(&line(entry.index, &format!("M{:.1} {y}h{SAMPLE}", entry.x)));
            document.push(&marker(entry.index, entry.x + SAMPLE / 2.0, y, ""));
            document.text(entry.x + SAMPLE + 5.0, y, SMALL, Anchor::Start, &entry.name);
        }
    }
}

/// The least and the greatest value of both axes.
struct Extent {
    x: (f64, f64),
    y: (f64, f64),
}

impl Extent {
    /// None where there is no finite point.
    fn of(series: &[Series], range: Range) -> Option<Extent> {
        let finite =
            || series.iter().flat_map(|one| one.values.iter().copied()).filter(|(x, y)| x.is_finite() && y.is_finite());
        let (first_x, first_y) = finite().next()?;
        let (mut x, mut y) = ((first_x, first_x), (first_y.min(0.0), first_y.max(0.0)));
        for (point_x, point_y) in finite() {
            x = (x.0.min(point_x), x.1.max(point_x));
            y = (y.0.min(point_y), y.1.max(point_y));
        }
        if x.1 - x.0 < 1.0 {
            // A single round stands in the middle.
            x = (x.0 - 0.5, x.0 + 0.5);
        }
        if range != Range::FromZero {
            y = (0.0, 1.0);
        } else {
            // Up to the next tick, so that the top of the curve has its number beside it.
            let step = tick_step(y.1 - y.0, 5.0, 0.0);
            y = ((y.0 / step).floor() * step, (y.1 / step).ceil() * step);
            if y.1 <= y.0 {
                y.1 = y.0 + 1.0;
            }
        }
        Some(Extent { x, y })
    }
}

/// The round step (1, 2 or 5 times a power of ten) that gives at most about `count` ticks over `span`.
fn tick_step(span: f64, count: f64, least: f64) -> f64 {
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

/// The chart in words: where each curve begins and where it ends.
fn description(series: &[Series], axes: &Axes) -> String {
    let curves: Vec<String> = series
        .iter()
        .filter_map(|one| {
            let mut finite = one.values.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            let first = finite.next()?;
            let end = finite.next_back().unwrap_or(first);
            Some(format!(
                "{}: {} ({x} {}) → {} ({x} {})",
                one.name,
                axes.y_range.write(first.1),
                number(first.0, 0),
                axes.y_range.write(end.1),
                number(end.0, 0),
                x = axes.x,
            ))
        })
        .collect();
    if curves.is_empty() { axes.none.clone() } else { format!("{}. {}", axes.y, curves.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(y_range: Range) -> Axes {
        Axes { title: "Accuracy".into(), x: "round".into(), y: "accuracy".into(), y_range, none: "nothing yet".into() }
    }

    fn series(name: &str, values: &[f64]) -> Series {
        let rounds = 1..;
        Series { name: name.into(), values: rounds.map(f64::from).zip(values.iter().copied()).collect() }
    }

    /// The text of the labels along the x axis.
    fn x_labels(svg: &str) -> Vec<&str> {
        let frame = svg.lines().filter(|line| line.contains("text-anchor=\"middle\""));
        frame
            .filter_map(|line| line.split('>').nth(1)?.strip_suffix("</text"))
            .filter(|label| label.parse::<f64>().is_ok())
            .collect()
    }

    #[test]
    fn ticks_are_whole_rounds() {
        let few = learning_curves(&[series("a", &[0.1, 0.2, 0.3])], &axes(Range::Percent));
        assert_eq!(x_labels(&few), ["1", "2", "3"]);
        let many = learning_curves(&[series("a", &[0.5; 100])], &axes(Range::Percent));
        assert_eq!(x_labels(&many), ["20", "40", "60", "80", "100"]);
    }

    #[test]
    fn shares_are_written_in_per_cent_from_0_to_100() {
        let svg = learning_curves(&[series("a", &[0.4, 0.5])], &axes(Range::Percent));
        for label in ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"] {
            assert!(svg.contains(&format!(">{label}</text>")), "{label}");
        }
    }

    #[test]
    fn shares_may_be_written_as_numbers_from_0_to_1() {
        let svg = learning_curves(&[series("a", &[0.4, 0.5])], &axes(Range::Share));
        for label in ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"] {
            assert!(svg.contains(&format!(">{label}</text>")), "{label}");
        }
        assert!(svg.contains("<desc>accuracy. a: 0.40 (round 1) → 0.50 (round 2)</desc>"));
    }

    #[test]
    fn a_loss_reaches_from_zero_to_a_tick_above_its_greatest_value() {
        assert_eq!(ticks((0.0, 1.4), 5.0, 0.0).0.len(), 3);
        let extent = Extent::of(&[series("a", &[1.386, 0.9])], Range::FromZero).unwrap();
        assert_eq!(extent.y, (0.0, 1.5));
    }

    #[test]
    fn series_differ_in_more_than_colour() {
        let all: Vec<Series> = (0..4).map(|i| series(&format!("s{i}"), &[0.1, 0.2])).collect();
        let svg = learning_curves(&all, &axes(Range::Percent));
        for dashes in DASHES {
            assert!(svg.contains(&format!("stroke-dasharray=\"{dashes}\"")));
        }
    }

    #[test]
    fn nothing_to_show_is_said_in_words() {
        for empty in [vec![], vec![series("a", &[])], vec![series("a", &[f64::NAN])]] {
            let svg = learning_curves(&empty, &axes(Range::Percent));
            assert!(svg.contains(">nothing yet</text>") && svg.contains("<desc>nothing yet</desc>"));
        }
    }

    #[test]
    fn odd_numbers_leave_gaps_and_never_reach_the_svg() {
        let odd = series("a", &[0.1, f64::NAN, 0.3, f64::INFINITY, 1e300, -1e300]);
        for range in [Range::Percent, Range::FromZero] {
            let svg = learning_curves(std::slice::from_ref(&odd), &axes(range));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn names_are_escaped() {
        let svg = learning_curves(&[series("<script>", &[0.5])], &axes(Range::Percent));
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
    }
}
