//! Legends: names one after another, each behind a sample of what it stands for, in as many rows as they need.

use crate::svg::{SMALL, WIDTH, fit, text_width};

/// A name's place in the legend.
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) x: f64,
    /// From 0, in rows.
    pub(crate) row: f64,
}

/// The names, each behind a sample that is `sample` wide, and `gap` apart from one another.
pub(crate) fn entries<'a>(names: impl Iterator<Item = &'a str>, sample: f64, gap: f64) -> Vec<Entry> {
    let (mut x, mut row) = (0.0, 0.0);
    let place = |(index, name)| {
        let name = fit(name, WIDTH - sample - 5.0, SMALL);
        let width = sample + 5.0 + text_width(&name, SMALL);
        if x > 0.0 && x + width > WIDTH {
            (x, row) = (0.0, row + 1.0);
        }
        let entry = Entry { index, name, x, row };
        x += width + gap;
        entry
    };
    names.enumerate().map(place).collect()
}

/// How many rows they take.
pub(crate) fn rows(entries: &[Entry]) -> f64 {
    entries.last().map_or(0.0, |entry| entry.row + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_a_new_row_where_they_would_not_fit() {
        let long = "a".repeat(30);
        let all = entries(["one", &long, "two", "three"].into_iter(), 20.0, 10.0);
        let rows_of: Vec<f64> = all.iter().map(|entry| entry.row).collect();
        assert_eq!(rows_of, [0.0, 0.0, 0.0, 1.0]);
        assert!(all.iter().all(|entry| entry.x + 25.0 + text_width(&entry.name, SMALL) <= WIDTH));
        assert_eq!((rows(&all), rows(&[])), (2.0, 0.0));
    }
}
