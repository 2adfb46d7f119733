//! Charts as SVG text: curves, confusion matrices, recall and shares, natively and in a browser's worker.
//!
//! Numbers go in and text comes out; this crate knows no page, no file and nothing of training.
//!
//! The charts are made to live inside a page. They have a `viewBox` and no width, so that they are as wide as their
//! container. Lines and text are in `currentColor` and series in `var(--series-1, …)` to `var(--series-6, …)`, so that
//! a dark page gets dark charts by setting its own colours; without a page the fallbacks hold (the palette of Okabe
//! and Ito, which colour-blind people can tell apart). Every chart is an image with a title and a description in words
//! for screen readers, and no meaning is carried by colour alone.
//!
//! The elements are written here rather than by a plotting library, because plotters measures its labels with
//! `window.document`, which a worker has not: there it panics.
//!
//! ```
//! use figures::{learning_curves, Axes, Range, Series};
//!
//! let shared = Series { name: "shared model".into(), values: vec![(1.0, 0.25), (2.0, 0.5), (3.0, 0.75)] };
//! let svg = learning_curves(
//!     &[shared],
//!     &Axes {
//!         title: "Accuracy".into(),
//!         x: "round".into(),
//!         y: "accuracy".into(),
//!         y_range: Range::Percent,
//!         none: "There is nothing to show".into(),
//!         decimal: '.',
//!     },
//! );
//! assert!(svg.contains("shared model: 25 % (round 1) → 75 % (round 3)"));
//! ```

mod confusion;
mod curves;
mod dots;
mod legend;
mod logarithmic;
mod plot;
mod recall;
mod stacked_bars;
mod svg;

pub use confusion::{ConfusionWords, confusion};
pub use curves::learning_curves;
pub use dots::{Dot, Dots, dots};
pub use logarithmic::logarithmic_curves;
pub use plot::{Axes, Range, Series};
pub use recall::recall;
pub use stacked_bars::{Bar, stacked_bars};
