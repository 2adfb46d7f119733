//! Values over a count, such as F1 over the number of clients: a dot each, with how far it varies.

use crate::plot::{
    Axes, LEFT, PLOT_HEIGHT, RIGHT, Range, Sample, begin, frame, marker, nothing, number, titles, x_tick, y_ticks,
};
use crate::svg::{Document, WIDTH, series_colour};

/// Between two series' dots of the same count, in the chart's units.
const APART: f64 = 9.0;
/// Half the width of a bar's ends.
const END: f64 = 3.0;

/// What was measured of one system over all counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Dots {
    /// What the legend calls it.
    pub name: String,
    /// In order of counts.
    pub values: Vec<Dot>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    /// The count.
    pub x: u32,
    /// The value, a share.
    pub y: f64,
    /// How far it varies to each side, where that is known.
    pub spread: Option<f64>,
}

/// A chart of dots with bars as long as they vary to both sides, as SVG text. The y axis is that of shares, whatever `axes` says.
///
/// Dots that are not finite are left out; without any it is an empty chart that says `none`.
pub fn dots(series: &[Dots], axes: &Axes) -> String {
    let axes =
        &Axes { y_range: if axes.y_range == Range::Percent { Range::Percent } else { Range::Share }, ..axes.clone() };
    let names = series.iter().map(|one| one.name.as_str());
    let (mut document, top, bottom) = begin(names, Sample::Marker, axes, &description(series, axes));
    frame(&mut document, top, bottom);
    let counts = || series.iter().flat_map(finite).map(|dot| dot.x);
    let (Some(first), Some(last)) = (counts().min(), counts().max()) else {
        nothing(&mut document, axes, top, bottom);
        return document.finish();
    };
    let slot = (WIDTH - RIGHT - LEFT) / f64::from(last - first + 1);
    let x_at = |x: u32| LEFT + slot * (f64::from(x - first) + 0.5);
    let y_at = |y: f64| bottom - y.clamp(0.0, 1.0) * PLOT_HEIGHT;
    y_ticks(&mut document, (0.0, 1.0), axes, y_at);
    for x in first..=last {
        x_tick(&mut document, x_at(x), bottom, &number(f64::from(x), 0));
    }
    titles(&mut document, axes, top, bottom);
    let apart = APART.min(slot / (series.len() + 1) as f64);
    for (index, one) in series.iter().enumerate() {
        let aside = (index as f64 - (series.len() - 1) as f64 / 2.0) * apart;
        for dot in finite(one) {
            draw(&mut document, index, one, dot, axes, (x_at(dot.x) + aside, &y_at));
        }
    }
    document.finish()
}

fn draw(
    document: &mut Document,
    index: usize,
    series: &Dots,
    dot: &Dot,
    axes: &Axes,
    (x, y_at): (f64, impl Fn(f64) -> f64),
) {
    let mut hint = format!("{}, {} {}: {}", series.name, axes.x, dot.x, axes.written(dot.y));
    if let Some(spread) = dot.spread {
        let (low, high) = (y_at(dot.y - spread), y_at(dot.y + spread));
        let (left, right) = (x - END, x + END);
        let colour = series_colour(index);
        document.push(&format!(
            r#"<path d="M{left:.1} {high:.1}H{right:.1}M{x:.1} {high:.1}V{low:.1}M{left:.1} {low:.1}H{right:.1}" fill="none" stroke="{colour}" stroke-width="1.3"/>"#
        ));
        hint.push_str(&format!(" ± {}", axes.written(spread)));
    }
    document.push(&marker(index, x, y_at(dot.y), &hint));
}

fn finite(series: &Dots) -> impl Iterator<Item = &Dot> {
    series.values.iter().filter(|dot| dot.y.is_finite() && dot.spread.is_none_or(f64::is_finite))
}

/// The chart in words: every dot.
fn description(series: &[Dots], axes: &Axes) -> String {
    let said: Vec<String> = series
        .iter()
        .filter(|one| finite(one).next().is_some())
        .map(|one| {
            let values: Vec<String> = finite(one).map(|dot| format!("{} ({})", axes.written(dot.y), dot.x)).collect();
            format!("{}: {}", one.name, values.join(", "))
        })
        .collect();
    if said.is_empty() { axes.none.clone() } else { format!("{} ({}). {}", axes.y, axes.x, said.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes {
            title: "conv".into(),
            x: "clients".into(),
            y: "F1".into(),
            y_range: Range::Share,
            none: "nothing yet".into(),
            decimal: '.',
        }
    }

    fn series(name: &str, values: &[f64], spread: Option<f64>) -> Dots {
        let values = (1..).zip(values).map(|(x, &y)| Dot { x, y, spread }).collect();
        Dots { name: name.into(), values }
    }

    /// The numbers of each path's `d` that draws a bar.
    fn bars(svg: &str) -> Vec<Vec<f64>> {
        let bars = svg.split("<path d=\"").filter(|path| path.contains("stroke-width=\"1.3\""));
        let numbers = |path: &str| {
            let drawn = path.split('"').next().unwrap_or_default();
            drawn
                .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
                .filter_map(|n| n.parse().ok())
                .collect()
        };
        bars.map(numbers).collect()
    }

    #[test]
    fn a_bar_is_as_long_as_the_value_varies() {
        let svg = dots(&[series("a", &[0.5, 0.4, 0.6], Some(0.1))], &axes());
        let bars = bars(&svg);
        assert_eq!(bars.len(), 3);
        // High, low: M left high H right M x high V low M left low H right.
        let ends = |bar: &[f64]| (bar[1], bar[5]);
        for bar in &bars {
            let (high, low) = ends(bar);
            assert!((low - high - 0.2 * PLOT_HEIGHT).abs() < 0.11, "{bar:?}");
        }
        assert!((ends(&bars[1]).0 - ends(&bars[0]).0 - 0.1 * PLOT_HEIGHT).abs() < 0.11, "a tenth lower");
        assert!(svg.contains("a, clients 2: 0.40 ± 0.10"), "{svg}");
        assert_eq!(self::bars(&dots(&[series("a", &[0.5], None)], &axes())), Vec::<Vec<f64>>::new());
    }

    #[test]
    fn two_series_stand_beside_each_other_over_one_count() {
        let svg = dots(&[series("a", &[0.5], Some(0.1)), series("b", &[0.5], Some(0.1))], &axes());
        let middle: Vec<f64> = bars(&svg).iter().map(|bar| bar[3]).collect();
        assert!((middle[1] - middle[0] - APART).abs() < 0.11, "{middle:?}");
        assert!(((middle[0] + middle[1]) / 2.0 - (LEFT + WIDTH - RIGHT) / 2.0).abs() < 0.11);
        assert!(svg.contains("<desc>F1 (clients). a: 0.50 (1); b: 0.50 (1)</desc>"), "{svg}");
    }

    #[test]
    fn odd_numbers_never_reach_the_svg_and_nothing_is_said_in_words() {
        for empty in
            [vec![], vec![series("a", &[f64::NAN, f64::INFINITY], None)], vec![series("a", &[0.5], Some(f64::NAN))]]
        {
            let svg = dots(&empty, &axes());
            assert!(svg.contains(">nothing yet</text>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        let beyond = dots(&[series("<a>", &[0.99, -3.0], Some(0.5))], &axes());
        assert!(beyond.contains("&lt;a&gt;") && !beyond.contains("<a>"));
    }
}
