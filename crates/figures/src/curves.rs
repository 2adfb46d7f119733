//! Learning curves: one line a series over the rounds, told apart by dashes and markers as well as by colour.

use crate::plot::{
    Axes, LEFT, PLOT_HEIGHT, RIGHT, Range, Sample, Series, begin, frame, line, marker, nothing, number, tick_step,
    ticks, titles, x_tick, y_ticks,
};
use crate::svg::{Document, WIDTH};

/// Beyond so many points a marker on each would hide the line.
const MARKED_POINTS: usize = 24;
/// A line chart of `series` over whole rounds, as SVG text.
///
/// Without a single finite point it is an empty chart that says `none`. No other word is in it than those of `series` and
/// `axes`, whatever their language.
pub fn learning_curves(series: &[Series], axes: &Axes) -> String {
    let names = series.iter().map(|one| one.name.as_str());
    let (mut document, top, bottom) = begin(names, Sample::Line, axes, &description(series, axes));
    let Some(extent) = Extent::of(series, axes.y_range) else {
        frame(&mut document, top, bottom);
        nothing(&mut document, axes, top, bottom);
        return document.finish();
    };

    let x_at = |x: f64| LEFT + (x - extent.x.0) / (extent.x.1 - extent.x.0) * (WIDTH - RIGHT - LEFT);
    let y_at = |y: f64| {
        let share = (y - extent.y.0) / (extent.y.1 - extent.y.0);
        bottom - share.clamp(0.0, 1.0) * PLOT_HEIGHT
    };

    y_ticks(&mut document, extent.y, axes, y_at);
    for tick in ticks(extent.x, 8.0, 1.0).0 {
        x_tick(&mut document, x_at(tick), bottom, &number(tick, 0));
    }
    frame(&mut document, top, bottom);
    titles(&mut document, axes, top, bottom);
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
            let hint = format!("{}, {} {}: {}", series.name, axes.x, number(x, 0), axes.written(y));
            document.push(&marker(index, x_at(x), y_at(y), &hint));
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
                axes.written(first.1),
                number(first.0, 0),
                axes.written(end.1),
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
    use crate::plot::DASHES;

    fn axes(y_range: Range) -> Axes {
        Axes {
            title: "Accuracy".into(),
            x: "round".into(),
            y: "accuracy".into(),
            y_range,
            none: "nothing yet".into(),
            decimal: '.',
        }
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
    fn decimals_are_those_of_the_words() {
        let axes = Axes { decimal: ',', ..axes(Range::FromZero) };
        let svg = learning_curves(&[series("Verlust", &[0.9, 0.25])], &axes);
        for text in [">0,2</text>", "Verlust: 0,90 (round 1) → 0,25 (round 2)"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        assert!(!svg.contains("0.2<"), "{svg}");
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
