//! What a class takes home of its room: every round's figures, without anybody's name.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use federation::Checkpoint;
use protocol::{Evaluation, RoundRecord};
use serde_json::json;

use super::failure::Failure;
use super::host::Host;
use super::site::Site;
use crate::session::Session;

/// `GET /api/rooms/{code}/results.json`: settings, all rounds, and how the finished model does.
pub async fn json(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let snapshot = site.find(&code)?.inspect().await?;
    let Checkpoint { config, history, model_version, .. } = snapshot.checkpoint;
    let attachment = attachment(config.code.as_str(), "json");
    let results = json!({
        "room": config,
        "model_version": model_version,
        "rounds": history,
        "final_evaluation": snapshot.status.final_evaluation,
        "final_groups": snapshot.status.final_groups,
    });
    Ok(([(CONTENT_DISPOSITION, attachment)], Json(results)).into_response())
}

/// `GET /api/rooms/{code}/results.csv`: a row a version of the model.
pub async fn csv(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let snapshot = site.find(&code)?.inspect().await?;
    let table = table(&snapshot.checkpoint)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, attachment(snapshot.checkpoint.config.code.as_str(), "csv")),
    ];
    Ok((headers, table).into_response())
}

/// `GET /api/rooms/{code}/session.json`: what the class did, for `chorus simulate --session`. Only the host may take it along, since it
/// says of each laptop what everyone else sees of all together; the file's own name has the room's code, and nothing in it has.
pub async fn session(_: Host, State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let checkpoint = site.find(&code)?.inspect().await?.checkpoint;
    let session = Session::of(&checkpoint).map_err(anyhow::Error::from)?;
    let attachment = format!("attachment; filename=\"chorus-{}-session.json\"", checkpoint.config.code.as_str());
    Ok(([(CONTENT_DISPOSITION, attachment)], Json(session)).into_response())
}

fn attachment(code: &str, extension: &str) -> String {
    format!("attachment; filename=\"chorus-{code}-results.{extension}\"")
}

/// Each version of the model: how it did on what the clients held back, and the round that made it.
fn table(checkpoint: &Checkpoint) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let recalls = checkpoint.config.labels.iter().map(|label| format!("recall {label}"));
    let titles = ["version", "clips tested", "loss", "accuracy", "uar"].map(str::to_owned).into_iter().chain(recalls);
    let of_round = ["clients", "clips trained on", "seconds", "updates refused", "training loss", "training accuracy"];
    writer.write_record(titles.chain(of_round.map(str::to_owned)))?;
    let final_evaluation = checkpoint.final_evaluation();
    for version in 0..=checkpoint.history.len() {
        // How a version does is told in the round that starts from it.
        let next = checkpoint.history.get(version).and_then(|record| record.evaluation.as_ref());
        let last = final_evaluation.as_ref().filter(|_| version == checkpoint.history.len());
        let labels = checkpoint.config.labels.len();
        let round = version.checked_sub(1).and_then(|round| checkpoint.history.get(round));
        let row = [version.to_string()].into_iter().chain(tested(next.or(last), labels)).chain(trained(round));
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

fn tested(evaluation: Option<&Evaluation>, labels: usize) -> Vec<String> {
    let Some(Evaluation { examples, loss, accuracy, confusion }) = evaluation else {
        return vec![String::new(); 4 + labels];
    };
    let recall = |(label, row): (usize, &Vec<u32>)| {
        let all: u32 = row.iter().sum();
        (all > 0).then(|| f64::from(row.get(label).copied().unwrap_or(0)) / f64::from(all))
    };
    let recalls: Vec<Option<f64>> = confusion.iter().enumerate().map(recall).collect();
    let known: Vec<f64> = recalls.iter().flatten().copied().collect();
    // The mean over the labels that were tested at all.
    let uar = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
    let shown = |value: Option<f64>| value.map(|value| format!("{value:.4}")).unwrap_or_default();
    let first = [examples.to_string(), shown(Some(*loss)), shown(Some(*accuracy)), shown(uar)];
    first.into_iter().chain(recalls.into_iter().map(shown)).collect()
}

fn trained(round: Option<&RoundRecord>) -> Vec<String> {
    let Some(RoundRecord { clients, examples, duration_ms, refused, training, .. }) = round else {
        return vec![String::new(); 6];
    };
    vec![
        clients.to_string(),
        examples.to_string(),
        format!("{:.1}", *duration_ms as f64 / 1000.0),
        refused.to_string(),
        format!("{:.4}", training.loss),
        format!("{:.4}", training.accuracy),
    ]
}
