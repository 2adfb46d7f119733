//! Curves over quantities that span powers of ten, such as the megabytes that travelled.

use crate::plot::{
    Axes, LEFT, PLOT_HEIGHT, RIGHT, Range, Sample, Series, begin, frame, line, marker, nothing, number, titles, x_tick,
    y_ticks,
};
use crate::svg::WIDTH;

/// Markers closer together than this, in the chart's units, would hide the line.
const MARKERS_APART: f64 = 12.0;

/// A line chart of `series` over a logarithmic x axis, as SVG text; `axes.x` is in the plural with its unit, such as
/// "megabytes sent".
///
/// Points whose x is not above 0, or that aren't finite, are left out, as there is no place for them. With
/// [`Range::FromZero`] the y axis reaches from 0 to the greatest value.
pub fn logarithmic_curves(series: &[Series], axes: &Axes) -> String {
    let drawn: Vec<Vec<(f64, f64)>> = series
        .iter()
        .map(|one| one.values.iter().copied().filter(|(x, y)| *x > 0.0 && x.is_finite() && y.is_finite()).collect())
        .collect();
    let names = series.iter().map(|one| one.name.as_str());
    let (mut document, top, bottom) = begin(names, Sample::Line, axes, &description(series, &drawn, axes));
    frame(&mut document, top, bottom);
    let all = || drawn.iter().flatten();
    if all().next().is_none() {
        nothing(&mut document, axes, top, bottom);
        return document.finish();
    }
    let least = all().fold(f64::INFINITY, |least, point| least.min(point.0)).log10();
    let most = all().fold(f64::NEG_INFINITY, |most, point| most.max(point.0)).log10();
    let (first, last) = if most - least < 0.1 { (least - 0.5, most + 0.5) } else { (least, most) };
    let highest = match axes.y_range {
        Range::Percent | Range::Share => 1.0,
        Range::FromZero => all().fold(0.0, |most: f64, point| most.max(point.1)).max(f64::MIN_POSITIVE),
    };
    let x_at = |x: f64| LEFT + (x.log10() - first) / (last - first) * (WIDTH - RIGHT - LEFT);
    let y_at = |y: f64| bottom - (y / highest).clamp(0.0, 1.0) * PLOT_HEIGHT;

    y_ticks(&mut document, (0.0, highest), axes, y_at);
    for tick in decade_ticks(first, last) {
        x_tick(&mut document, x_at(tick), bottom, &short(tick));
    }
    titles(&mut document, axes, top, bottom);
    for (index, (one, points)) in series.iter().zip(&drawn).enumerate() {
        let path: String = points
            .iter()
            .enumerate()
            .map(|(place, &(x, y))| format!("{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, x_at(x), y_at(y)))
            .collect();
        if !path.is_empty() {
            document.push(&line(index, &path));
        }
        // From the end, so that the last point, which one reads first, has its marker.
        let mut free = f64::INFINITY;
        for &(x, y) in points.iter().rev() {
            if x_at(x) <= free {
                let hint = format!("{}, {} {}: {}", one.name, short(x), axes.x, axes.written(y));
                document.push(&marker(index, x_at(x), y_at(y), &hint));
                free = x_at(x) - MARKERS_APART;
            }
        }
    }
    document.finish()
}

/// Powers of ten between two exponents, and multiples of them where there would be too few.
fn decade_ticks(first: f64, last: f64) -> Vec<f64> {
    let factors: &[f64] = match last - first {
        span if span < 1.0 => &[1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0],
        span if span < 2.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let decades = first.floor() as i32..=last.ceil() as i32;
    let ticks = decades.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    ticks.filter(|tick| (first - 1e-9..=last + 1e-9).contains(&tick.log10())).collect()
}

/// A number in at most about three figures.
fn short(value: f64) -> String {
    let digits = if value >= 10.0 { 0.0 } else { (1.0 - value.log10().floor()).clamp(0.0, 6.0) };
    let text = number(value, digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// The chart in words.
fn description(series: &[Series], drawn: &[Vec<(f64, f64)>], axes: &Axes) -> String {
    let curves: Vec<String> = series
        .iter()
        .zip(drawn)
        .filter_map(|(one, points)| {
            let (first, last) = (points.first()?, points.last()?);
            Some(format!(
                "{}: from {} at {} to {} at {} {}",
                one.name,
                axes.written(first.1),
                short(first.0),
                axes.written(last.1),
                short(last.0),
                axes.x
            ))
        })
        .collect();
    if curves.is_empty() {
        return axes.none.clone();
    }
    format!("Line chart of {} by {}, on a logarithmic axis. {}", axes.y, axes.x, curves.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes {
            title: "Cost".into(),
            x: "megabytes".into(),
            y: "UAR".into(),
            y_range: Range::Share,
            none: "Nothing".into(),
            decimal: '.',
        }
    }

    #[test]
    fn equal_factors_are_equally_far_apart() {
        let series = Series { name: "conv".into(), values: vec![(1.0, 0.5), (10.0, 0.5), (100.0, 0.5)] };
        let svg = logarithmic_curves(&[series], &axes());
        // The plot reaches from 58 to 388; its middle is 223.
        assert!(svg.contains("M58.0 133.0L223.0 133.0L388.0 133.0"), "{svg}");
        assert!(svg.contains("conv: from 0.50 at 1 to 0.50 at 100 megabytes"));
        for label in ["1", "10", "100", "0.2", "1.0"] {
            assert!(svg.contains(&format!(">{label}</text>")), "{label}");
        }
    }

    #[test]
    fn a_short_span_has_ticks_between_the_powers() {
        assert_eq!(decade_ticks(1.0, 1.7), [10.0, 15.0, 20.0, 30.0, 40.0]);
        assert_eq!(decade_ticks(1.0, 2.0), [10.0, 20.0, 50.0, 100.0]);
        assert_eq!(decade_ticks(-1.0, 1.5), [0.1, 1.0, 10.0]);
    }

    #[test]
    fn numbers_are_short() {
        let pairs = [(0.05, "0.05"), (0.123, "0.12"), (1.25, "1.2"), (2.0, "2"), (16_600.0, "16600")];
        for (value, text) in pairs {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let odd = Series { name: "<a>".into(), values: vec![(0.0, 0.5), (-1.0, 0.5), (f64::NAN, 0.1), (3.0, 0.4)] };
        let svg = logarithmic_curves(&[odd], &axes());
        assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("<a>"), "{svg}");
        assert!(logarithmic_curves(&[], &axes()).contains(">Nothing</text>"));
    }
}
