//! Charts of how well the shared model does, the same for the student's page and for the board.

use std::collections::BTreeMap;

use client::FailureCode;
use figures::{Axes, ConfusionWords, Range, Series};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::failure::Failure;
use crate::page::to_js;

/// What to write on charts, in the page's language.
#[derive(Clone, Default, Deserialize)]
pub struct ChartWords {
    /// The curve over everyone's held-back clips.
    pub shared: String,
    /// The curve over one's own, where there is one.
    #[serde(default)]
    pub own: String,
    /// The x axis: how many rounds the model has been trained.
    pub rounds: String,
    /// The title and y axis of the one chart.
    pub accuracy: String,
    /// The title and y axis of the other.
    pub loss: String,
    /// The title of the confusion matrix.
    pub confusion: String,
    /// What its columns are.
    pub predicted: String,
    /// What its rows are.
    pub actual: String,
    /// What stands in a chart that has nothing to show yet.
    pub none: String,
    /// What stands before the decimals of a number.
    #[serde(default)]
    pub decimal: Option<char>,
    /// The names of labels, where they have others than the room gives them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The title of the bars that show each label's recall; without it they are not drawn.
    #[serde(default)]
    pub recall: Option<String>,
}

/// How a version of the shared model did on clips that it was not trained on.
#[derive(Clone, Copy, Deserialize)]
pub struct Measured {
    /// The version: how many rounds it has been trained.
    pub version: u32,
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Share of the clips whose label was found, 0 to 1.
    pub accuracy: f64,
}

/// What a page that is in no room (the board, the teacher's page) asks to have drawn.
#[derive(Deserialize)]
pub struct Request {
    /// The shared model's results in order of versions.
    history: Vec<Measured>,
    /// Counts by true (row) and found label (column) of the newest result.
    #[serde(default)]
    confusion: Option<Vec<Vec<u32>>>,
    /// The labels' names in the page's language.
    labels: Vec<String>,
    /// What to write on the charts.
    words: ChartWords,
}

/// Charts as SVG text.
#[derive(Serialize)]
pub(crate) struct Charts {
    accuracy: String,
    loss: String,
    confusion: Option<String>,
    recall: Option<String>,
}

impl Charts {
    /// Draws the curves of the shared model and, where there is one, of one person's own results; and what the newest
    /// confusion shows.
    pub(crate) fn draw(
        words: &ChartWords,
        shared: &[Measured],
        own: Option<&[Measured]>,
        labels: &[String],
        confusion: Option<&[Vec<u32>]>,
    ) -> Self {
        let curves = |title: &str, y_range, of: fn(&Measured) -> f64| {
            let line = |name: &str, results: &[Measured]| Series {
                name: name.to_owned(),
                values: results.iter().map(|result| (f64::from(result.version), of(result))).collect(),
            };
            let mut series = vec![line(&words.shared, shared)];
            series.extend(own.map(|own| line(&words.own, own)));
            let axes = Axes {
                title: title.to_owned(),
                x: words.rounds.clone(),
                y: title.to_owned(),
                y_range,
                none: words.none.clone(),
                decimal: words.decimal.unwrap_or('.'),
            };
            figures::learning_curves(&series, &axes)
        };
        let on_matrix = ConfusionWords {
            title: words.confusion.clone(),
            predicted: words.predicted.clone(),
            actual: words.actual.clone(),
            none: words.none.clone(),
        };
        let labels: Vec<String> = labels.iter().map(|label| words.labels.get(label).unwrap_or(label).clone()).collect();
        Self {
            accuracy: curves(&words.accuracy, Range::Percent, |result| result.accuracy),
            loss: curves(&words.loss, Range::FromZero, |result| result.loss),
            confusion: confusion.map(|counts| figures::confusion(&on_matrix, &labels, counts)),
            recall: confusion.zip(words.recall.as_ref()).map(|(counts, title)| figures::recall(title, &labels, counts)),
        }
    }
}

impl Request {
    /// Draws what is asked for.
    ///
    /// # Errors
    /// Where the browser cannot take the texts.
    pub(crate) fn drawn(&self) -> Result<JsValue, Failure> {
        let charts = Charts::draw(&self.words, &self.history, None, &self.labels, self.confusion.as_deref());
        to_js(&charts, FailureCode::Charts)
    }
}
