//! `results.csv`: one row a run, for whoever goes on with another program. A run that could not be done has a row without
//! numbers.

use anyhow::Result;

use super::results::{Results, Row};

const HEADING: [&str; 20] = [
    "key",
    "experiment",
    "model",
    "system",
    "recipe",
    "clients",
    "seed",
    "accuracy",
    "uar",
    "precision",
    "f1",
    "last_five_accuracy",
    "last_five_uar",
    "last_five_f1",
    "loss",
    "seconds",
    "bytes_up",
    "bytes_down",
    "parameters",
    "done",
];

/// The table as CSV.
///
/// # Errors
/// None that is known; writing to memory is fallible by type.
pub fn spreadsheet(results: &Results) -> Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADING)?;
    for row in &results.runs {
        table.write_record(cells(row))?;
    }
    Ok(table.into_inner().map_err(|error| error.into_error())?)
}

fn cells(row: &Row) -> Vec<String> {
    let Row { key, condition, clients, seed, measured } = row;
    let mut cells = vec![
        key.clone(),
        condition.experiment.to_string(),
        condition.model.to_string(),
        condition.system.key().to_owned(),
        condition.recipe.to_owned(),
        clients.to_string(),
        seed.to_string(),
    ];
    match measured {
        Some(one) => {
            let last = one.last_five;
            let scores = [one.accuracy, one.uar, one.precision, one.f1, last.accuracy, last.uar, last.f1, one.loss];
            cells.extend(scores.map(|score| format!("{score:.6}")));
            cells.push(format!("{:.3}", one.seconds));
            cells.extend([one.bytes_up, one.bytes_down].map(|bytes| bytes.to_string()));
            cells.push(one.parameters.to_string());
        }
        None => cells.resize(HEADING.len() - 1, String::new()),
    }
    cells.push(if measured.is_some() { "yes" } else { "no" }.to_owned());
    cells
}
