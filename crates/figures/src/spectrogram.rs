//! A spectrogram as SVG text or as levels of grey: time from left to right, frequency from bottom to top.

use crate::svg::{Document, WIDTH};

const HEIGHT: f64 = 120.0;
/// What is so far below the loudest spot is background, in dB.
const DYNAMIC_RANGE: f32 = 60.0;
/// Shades of the SVG: more can't be told apart in a small picture, and each makes it longer.
const SHADES: u8 = 8;
/// Values beyond this aren't drawn: a picture never needs them, and the text would be huge.
const MOST_VALUES: usize = 200_000;

/// Loudness from 0 (60 dB below the loudest value, or less, or not finite) to 255 (the loudest), one byte a value of `db`.
pub fn loudness(db: &[f32]) -> Vec<u8> {
    let finite = db.iter().copied().filter(|value| value.is_finite());
    let loudest = finite.fold(f32::NEG_INFINITY, f32::max);
    db.iter()
        .map(|value| {
            let share = 1.0 + (value - loudest) / DYNAMIC_RANGE;
            // The cast saturates, and takes NaN for 0.
            (share * 255.0).round() as u8
        })
        .collect()
}

/// A spectrogram as SVG text, dark where it is loud on a light page and light on a dark one.
///
/// `db` holds `columns` x `bands` values, column after column, each from the lowest band to the highest. Where it is
/// shorter, the rest stays empty.
pub fn spectrogram(columns: usize, bands: usize, db: &[f32]) -> String {
    let (columns, bands) = (columns.max(1), bands.max(1));
    let db = &db[..db.len().min(MOST_VALUES)];
    let levels = loudness(db);
    let mut document =
        Document::new(HEIGHT, "Spectrogram", &format!("Loudness of {bands} frequency bands over {columns} moments"));
    document.push(&format!(
        r#"<g transform="scale({:.5} {:.5})" shape-rendering="crispEdges">"#,
        WIDTH / columns as f64,
        HEIGHT / bands as f64
    ));
    let shade_of = |column: usize, band: usize| {
        let level = levels.get(column * bands + band).copied().unwrap_or(0);
        (u16::from(level) * u16::from(SHADES) / 256) as u8
    };
    let drawn = columns.min(levels.len().div_ceil(bands));
    for shade in 1..SHADES {
        // One path a shade, and one rectangle for each run of equal values in a row: a tenth of the text of single cells.
        let mut path = String::new();
        for band in 0..bands.min(levels.len()) {
            let mut column = 0;
            while column < drawn {
                let start = column;
                while column < drawn && shade_of(column, band) == shade {
                    column += 1;
                }
                if column > start {
                    let run = column - start;
                    path.push_str(&format!("M{start} {}h{run}v1h-{run}z", bands - 1 - band));
                } else {
                    column += 1;
                }
            }
        }
        if !path.is_empty() {
            let opacity = f64::from(shade) / f64::from(SHADES - 1);
            document.push(&format!(r#"<path d="{path}" fill-opacity="{opacity:.2}"/>"#));
        }
    }
    document.push("</g>");
    document.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_is_255_and_60_db_below_is_0() {
        assert_eq!(loudness(&[-20.0, -50.0, -80.0, -100.0]), [255, 128, 0, 0]);
        assert_eq!(loudness(&[f32::NAN, f32::NEG_INFINITY]), [0, 0]);
        assert_eq!(loudness(&[]), []);
    }

    #[test]
    fn low_bands_lie_at_the_bottom_and_runs_are_joined() {
        // Three columns of two bands: the lower one loud throughout.
        let svg = spectrogram(3, 2, &[0.0, -90.0, 0.0, -90.0, 0.0, -90.0]);
        assert!(svg.contains(r#"<path d="M0 1h3v1h-3z" fill-opacity="1.00"/>"#));
    }

    #[test]
    fn wrong_sizes_draw_what_is_there() {
        assert!(spectrogram(0, 0, &[]).contains("<title>Spectrogram</title>"));
        assert!(spectrogram(usize::MAX, 4, &[0.0; 6]).contains("M0 3h2"));
        assert!(spectrogram(2, usize::MAX / 4, &[0.0; 6]).contains("</svg>"));
    }
}
