//! The one way in for text frames: length, then JSON, then the message's type, then the range of every field.
//!
//! What leaves this file can be used without a second look at lengths, ranges and finiteness. What depends on a
//! room (how many labels, which round) is the coordinator's to check.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::limits::*;
use crate::{
    ByGroup, ClientMessage, Difference, Evaluation, GroupResult, MaskedStatistics, ModelVersion, PartialSum,
    ProtocolError, RoundRecord, ServerMessage, Standardisation, Status, TrainingResult, Transfer,
};

/// The `type`s that a client may send.
const CLIENT_TYPES: &[&str] = &[
    "hello",
    "rename",
    "ready",
    "pause",
    "leave",
    "statistics",
    "download",
    "progress",
    "update",
    "evaluation",
    "recording",
    "keys",
    "shares",
    "unopened",
    "masked",
    "agree",
    "reveal",
    "masked_statistics",
    "edge_ready",
    "partial",
    "declined",
];

/// The `type`s that a server may send.
const SERVER_TYPES: &[&str] = &[
    "welcome",
    "error",
    "status",
    "history",
    "statistics_request",
    "round",
    "upload",
    "accepted",
    "refused",
    "round_closed",
    "round_abandoned",
    "finished",
    "settings",
    "renamed",
    "roster",
    "boxes",
    "survivors",
    "agreed",
    "status_changes",
];

/// Reads a client's text frame.
pub fn parse_client(text: &str) -> Result<ClientMessage, ProtocolError> {
    let message: ClientMessage = parse(text, MAX_CLIENT_TEXT_BYTES, CLIENT_TYPES)?;
    message.check()?;
    Ok(message)
}

/// Reads a server's text frame.
pub fn parse_server(text: &str) -> Result<ServerMessage, ProtocolError> {
    let message: ServerMessage = parse(text, MAX_SERVER_TEXT_BYTES, SERVER_TYPES)?;
    message.check()?;
    Ok(message)
}

fn parse<T: DeserializeOwned>(text: &str, limit: usize, types: &[&str]) -> Result<T, ProtocolError> {
    #[derive(Deserialize)]
    struct Tag {
        #[serde(rename = "type")]
        kind: String,
    }
    if text.len() > limit {
        return Err(ProtocolError::TextTooLong { bytes: text.len(), limit });
    }
    // Its type first: an unknown one is told apart from a known one with a wrong field.
    let Tag { kind } = serde_json::from_str(text)
        .map_err(|error| ProtocolError::NotAMessage { detail: shortened(&error.to_string()) })?;
    if !types.contains(&kind.as_str()) {
        return Err(ProtocolError::UnknownType { kind: shortened(&kind) });
    }
    serde_json::from_str(text).map_err(|error| ProtocolError::Malformed { kind, detail: shortened(&error.to_string()) })
}

/// What goes back to the sender must not grow with what it sent.
fn shortened(text: &str) -> String {
    text.chars().take(160).collect()
}

impl ClientMessage {
    /// Checks every field against the limits; the room's own are checked by the coordinator.
    pub fn check(&self) -> Result<(), ProtocolError> {
        match self {
            ClientMessage::Hello { name, software, .. } => {
                if let Some(name) = name {
                    check_name("name", name)?;
                }
                check_text("software", software, MAX_SOFTWARE_CHARS)
            }
            ClientMessage::Rename { name } => check_name("name", name),
            ClientMessage::Ready { examples, labels, held_back, step_ms } => {
                check_range("examples", *examples, 1..=MAX_EXAMPLES)?;
                held_back.map_or(Ok(()), |held_back| check_range("held_back", held_back, 0..=MAX_EXAMPLES))?;
                step_ms.map_or(Ok(()), |step_ms| check_range("step_ms", step_ms, 1..=MAX_STEP_MS))?;
                if labels.is_empty() {
                    return Ok(());
                }
                check_label_counts(labels)?;
                let sum: u64 = labels.iter().map(|&count| u64::from(count)).sum();
                if sum == u64::from(*examples) {
                    Ok(())
                } else {
                    Err(ProtocolError::invalid(
                        "labels",
                        format!("the counts add up to {sum}, not to the {examples} examples"),
                    ))
                }
            }
            ClientMessage::Pause { .. }
            | ClientMessage::Recording { .. }
            | ClientMessage::Leave
            | ClientMessage::Download { .. } => Ok(()),
            ClientMessage::Statistics { frames, sum, sum_squares } => {
                check_range("frames", *frames, 1..=MAX_FRAMES)?;
                check_range("sum", sum.len(), 1..=MAX_FEATURES)?;
                if sum_squares.len() != sum.len() {
                    return Err(ProtocolError::invalid(
                        "sum_squares",
                        format!("has {} values, and sum has {}", sum_squares.len(), sum.len()),
                    ));
                }
                if !sum.iter().chain(sum_squares).all(|value| value.is_finite()) {
                    return Err(ProtocolError::invalid("sum", "every value must be finite"));
                }
                Ok(())
            }
            ClientMessage::Progress { round, epoch, epochs, step, steps } => {
                check_round(round.0)?;
                check_range("epochs", *epochs, 1..=MAX_EPOCHS)?;
                check_range("epoch", *epoch, 1..=*epochs)?;
                check_range("steps", *steps, 1..=MAX_STEPS)?;
                check_range("step", *step, 1..=*steps)
            }
            ClientMessage::Update { round, model_version, examples, steps, update, evaluation, training } => {
                check_round(round.0)?;
                check_range("model_version", model_version.0, 0..=MAX_ROUNDS)?;
                check_range("examples", *examples, 1..=MAX_EXAMPLES)?;
                check_range("steps", *steps, 1..=MAX_LOCAL_STEPS)?;
                check_transfer(update)?;
                evaluation.as_ref().map_or(Ok(()), check_evaluation)?;
                check_training(training)
            }
            ClientMessage::EdgeReady { key: _, clients, examples, labels, held_back } => {
                check_range("clients", *clients, 1..=MAX_EDGE_CLIENTS)?;
                check_range("examples", *examples, 1..=MAX_EDGE_EXAMPLES)?;
                check_range("held_back", *held_back, 0..=MAX_EDGE_EXAMPLES)?;
                if labels.is_empty() { Ok(()) } else { check_label_counts(labels) }
            }
            ClientMessage::Partial { round, model_version, sum, update, evaluation, training } => {
                check_round(round.0)?;
                check_range("model_version", model_version.0, 0..=MAX_ROUNDS)?;
                check_partial_sum(sum)?;
                check_transfer(update)?;
                evaluation.as_ref().map_or(Ok(()), check_evaluation)?;
                check_training(training)
            }
            ClientMessage::Keys { round, .. } | ClientMessage::Agree { round, .. } => check_round(round.0),
            ClientMessage::Shares { round, boxes, .. } => {
                check_round(round.0)?;
                check_masked("boxes", boxes.len())
            }
            ClientMessage::Unopened { round, clients, .. } => {
                check_round(round.0)?;
                check_range("clients", clients.len(), 1..=MAX_MASKED_CLIENTS)
            }
            ClientMessage::Masked { round, bytes, .. } => {
                check_round(round.0)?;
                check_range("bytes", *bytes, 1..=MAX_MODEL_BYTES)
            }
            ClientMessage::MaskedStatistics { round, words, .. } => {
                check_round(round.0)?;
                check_range("words", words.len(), 3..=MAX_MASKED_WORDS)
            }
            ClientMessage::Reveal { round, shares, .. } => {
                check_round(round.0)?;
                check_range("shares", shares.len(), 1..=MAX_MASKED_CLIENTS)
            }
            ClientMessage::Declined { round, opened, .. } => {
                check_round(round.0)?;
                check_range("opened", opened.len(), 1..=MAX_OPENED_SUMS)?;
                opened.iter().try_for_each(|seats| check_masked("opened", seats.len()))
            }
            ClientMessage::Evaluation { model_version, evaluation, group, by_group } => {
                check_range("model_version", model_version.0, 0..=MAX_ROUNDS)?;
                check_evaluation(evaluation)?;
                group.map_or(Ok(()), |group| check_range("group", group, 0..=MAX_GROUPS as u32 - 1))?;
                by_group.as_ref().map_or(Ok(()), ByGroup::check)
            }
        }
    }
}

impl ServerMessage {
    /// Checks every field against the limits.
    pub fn check(&self) -> Result<(), ProtocolError> {
        match self {
            ServerMessage::Welcome { name, room, status, .. } => {
                check_name("name", name)?;
                room.check()?;
                check_status(status)
            }
            ServerMessage::Error { message, .. } => check_text("message", message, MAX_TEXT_CHARS),
            ServerMessage::Status(status) => check_status(status),
            ServerMessage::StatusChanges { status, gone } => {
                check_range("gone", gone.len(), 0..=MAX_STATUS_CLIENTS)?;
                check_status(status)
            }
            ServerMessage::History { rounds } => {
                check_range("rounds", rounds.len(), 0..=MAX_HISTORY_PAGE)?;
                rounds.iter().try_for_each(check_record)
            }
            ServerMessage::Settings { room } => room.check(),
            ServerMessage::Renamed { name } => check_name("name", name),
            ServerMessage::StatisticsRequest { masked: Some(MaskedStatistics { round, scale, .. }) } => {
                check_round(round.0)?;
                scale.check()
            }
            ServerMessage::StatisticsRequest { masked: None } | ServerMessage::Upload { .. } => Ok(()),
            ServerMessage::Round { round, model_version, training, standardisation, model, difference, .. } => {
                check_round(round.0)?;
                training.settings.check()?;
                standardisation.check()?;
                check_model(*model_version, model, difference.as_ref())
            }
            ServerMessage::Roster { round, clients, .. } => {
                check_round(round.0)?;
                check_masked("clients", clients.len())
            }
            ServerMessage::Boxes { round, clients, boxes, .. } => {
                check_round(round.0)?;
                check_masked("clients", clients.len())?;
                check_masked("boxes", boxes.len())
            }
            ServerMessage::Survivors { round, clients, .. } => {
                check_round(round.0)?;
                check_masked("clients", clients.len())
            }
            ServerMessage::Agreed { round, agreements, .. } => {
                check_round(round.0)?;
                check_masked("agreements", agreements.len())
            }
            ServerMessage::Accepted { round } => check_round(round.0),
            ServerMessage::Refused { message, .. } => check_text("message", message, MAX_TEXT_CHARS),
            ServerMessage::RoundClosed { record } => check_record(record),
            ServerMessage::RoundAbandoned { .. } => Ok(()),
            ServerMessage::Finished { model_version, model, difference, standardisation, attempt: _ } => {
                standardisation.check()?;
                check_model(*model_version, model, difference.as_ref())
            }
        }
    }
}

impl Standardisation {
    /// Refuses vectors of different length, values that are not finite, and deviations that are not above 0.
    pub fn check(&self) -> Result<(), ProtocolError> {
        check_range("mean", self.mean.len(), 1..=MAX_FEATURES)?;
        if self.deviation.len() != self.mean.len() {
            return Err(ProtocolError::invalid("deviation", "must have as many values as mean"));
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err(ProtocolError::invalid("mean", "every value must be finite"));
        }
        if !self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0) {
            return Err(ProtocolError::invalid("deviation", "every value must be finite and above 0"));
        }
        Ok(())
    }
}

fn check_status(status: &Status) -> Result<(), ProtocolError> {
    check_range("clients", status.clients.len(), 0..=MAX_STATUS_CLIENTS)?;
    for client in &status.clients {
        check_name("name", &client.name)?;
        check_range("examples", client.examples, 0..=MAX_EDGE_EXAMPLES)?;
        check_range("behind", client.behind.unwrap_or(0), 0..=MAX_EDGE_CLIENTS)?;
        check_range("labels", client.labels.len(), 0..=MAX_LABELS)?;
        if let Some(fraction) = client.fraction {
            check_fraction("fraction", f64::from(fraction))?;
        }
        if client.agreement.is_some_and(|agreement| !(-1.0..=1.0).contains(&agreement)) {
            return Err(ProtocolError::invalid("agreement", "must lie between -1 and 1"));
        }
        if client.update_norm.is_some_and(|norm| !(norm >= 0.0 && norm.is_finite())) {
            return Err(ProtocolError::invalid("update_norm", "must be finite and not below 0"));
        }
    }
    // The sum over clients: only its shape and its numbers are bounded, not its count.
    if let Some(budget) = &status.budget {
        let guesses = [budget.best_guess, budget.best_guess_at_end];
        if !(budget.epsilon >= 0.0 && guesses.iter().all(|guess| (0.5..=1.0).contains(guess))) {
            return Err(ProtocolError::invalid("budget", "epsilon is 0 or more, and a guess between 0.5 and 1"));
        }
    }
    check_range("final_groups", status.final_groups.len(), 0..=MAX_GROUPS)?;
    status.final_groups.iter().flatten().try_for_each(GroupResult::check)?;
    status.final_evaluation.as_ref().map_or(Ok(()), check_metrics)
}

fn check_record(record: &RoundRecord) -> Result<(), ProtocolError> {
    check_round(record.round.0)?;
    check_training(&record.training)?;
    record.evaluation.as_ref().map_or(Ok(()), check_metrics)
}

fn check_evaluation(evaluation: &Evaluation) -> Result<(), ProtocolError> {
    check_range("evaluation.examples", evaluation.examples, 1..=MAX_EDGE_EXAMPLES)?;
    check_metrics(evaluation)
}

/// Whether clients within their own bounds can add up to it; `weight` up to the room's cap is the room's to check.
fn check_partial_sum(sum: &PartialSum) -> Result<(), ProtocolError> {
    let PartialSum { clients, examples, weight, steps, done, planned } = *sum;
    check_range("clients", clients, 1..=MAX_EDGE_CLIENTS)?;
    check_range("examples", examples, clients..=MAX_EDGE_EXAMPLES)?;
    let most_steps = f64::from(MAX_LOCAL_STEPS);
    check_range("weight", weight, 1.0..=f64::from(MAX_EDGE_EXAMPLES))?;
    check_range("steps", steps, 0.0..=most_steps)?;
    check_range("planned", planned, 0.0..=f64::from(MAX_EDGE_EXAMPLES) * most_steps)?;
    check_range("done", done, 0.0..=planned)
}

fn check_metrics(evaluation: &Evaluation) -> Result<(), ProtocolError> {
    check_loss("evaluation.loss", evaluation.loss)?;
    check_fraction("evaluation.accuracy", evaluation.accuracy)?;
    let labels = evaluation.confusion.len();
    check_range("evaluation.confusion", labels, MIN_LABELS..=MAX_LABELS)?;
    if evaluation.confusion.iter().any(|row| row.len() != labels) {
        return Err(ProtocolError::invalid("evaluation.confusion", "must have as many columns as rows"));
    }
    let counted: u64 = evaluation.confusion.iter().flatten().map(|&count| u64::from(count)).sum();
    if counted != u64::from(evaluation.examples) {
        return Err(ProtocolError::invalid(
            "evaluation.confusion",
            format!("its counts add up to {counted}, not to the {} examples", evaluation.examples),
        ));
    }
    Ok(())
}

fn check_training(training: &TrainingResult) -> Result<(), ProtocolError> {
    check_loss("training.loss", training.loss)?;
    check_fraction("training.accuracy", training.accuracy)
}

fn check_model(version: ModelVersion, model: &Transfer, difference: Option<&Difference>) -> Result<(), ProtocolError> {
    check_range("model_version", version.0, 0..=MAX_ROUNDS)?;
    check_transfer(model)?;
    let Some(difference) = difference else { return Ok(()) };
    check_transfer(&difference.transfer)?;
    if difference.from.is_some_and(|from| from >= version) {
        return Err(ProtocolError::invalid("difference.from", "must be an earlier version than the model's"));
    }
    if difference.transfer.id == model.id {
        return Err(ProtocolError::invalid("difference.id", "must be another than the whole model's"));
    }
    Ok(())
}

fn check_transfer(transfer: &Transfer) -> Result<(), ProtocolError> {
    check_range("bytes", transfer.bytes, 1..=MAX_MODEL_BYTES)?;
    let (_, width) = transfer.encoding.group();
    if (transfer.bytes as usize).is_multiple_of(width) {
        Ok(())
    } else {
        Err(ProtocolError::invalid("bytes", format!("must be a multiple of {width}")))
    }
}

fn check_label_counts(labels: &[u32]) -> Result<(), ProtocolError> {
    check_range("labels", labels.len(), MIN_LABELS..=MAX_LABELS)
}

/// Of a masked round's clients, all or all but oneself.
fn check_masked(field: &'static str, count: usize) -> Result<(), ProtocolError> {
    check_range(field, count, MIN_MASKED_CLIENTS - 1..=MAX_MASKED_CLIENTS)
}

fn check_round(round: u32) -> Result<(), ProtocolError> {
    check_range("round", round, 1..=MAX_ROUNDS)
}

fn check_loss(field: &'static str, loss: f64) -> Result<(), ProtocolError> {
    if (0.0..=MAX_LOSS).contains(&loss) {
        Ok(())
    } else {
        Err(ProtocolError::invalid(field, format!("a loss lies between 0 and {MAX_LOSS}")))
    }
}

fn check_fraction(field: &'static str, fraction: f64) -> Result<(), ProtocolError> {
    if (0.0..=1.0).contains(&fraction) {
        Ok(())
    } else {
        Err(ProtocolError::invalid(field, "must lie between 0 and 1"))
    }
}

/// A number (or a length) within its bounds.
pub(crate) fn check_range<T: PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ProtocolError> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(ProtocolError::invalid(field, format!("{value} is not between {} and {}", range.start(), range.end())))
    }
}

/// A name that others are shown: not blank, not long, and nothing that could break a line or a terminal.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), ProtocolError> {
    check_sentence(field, name, MAX_NAME_CHARS)
}

/// A line with something in it.
pub(crate) fn check_sentence(field: &'static str, name: &str, most: usize) -> Result<(), ProtocolError> {
    check_text(field, name, most)?;
    if name.chars().all(is_blank) {
        return Err(ProtocolError::invalid(field, "must not be blank"));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), ProtocolError> {
    if text.chars().nth(most).is_some() {
        return Err(ProtocolError::invalid(field, format!("has more than {most} characters")));
    }
    if text.chars().any(|letter| letter.is_control() || is_invisible(letter)) {
        return Err(ProtocolError::invalid(field, "must not contain control characters"));
    }
    Ok(())
}

/// Characters of which a name alone would look like none: spaces; what Unicode calls ignorable by default (the property
/// `Default_Ignorable_Code_Point` of version 17); the blank of Braille; marks that stand above or below another letter.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{2800}'
            | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that are shown as nothing and turn the direction of the text around them, by which one name can be
/// made to look like another.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
