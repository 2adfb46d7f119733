//! `chorus privacy`: what a series of noisy sums gives away at most, for anyone to check.

use std::io::{self, Write as _};

use anyhow::Result;
use privacy::{Relation, Release};
use serde::Serialize;

const EXAMPLES: &str = "Examples:
  chorus privacy --noise-multiplier 4 --rounds 20
  chorus privacy --noise-multiplier 1 --rounds 200 --sampling 0.1 --delta 1e-6
  chorus privacy --noise-multiplier 1 --rounds 1 --relation replace-one
  chorus privacy --noise-multiplier 2 --rounds 50 --json

A sum is of one vector from everyone, none longer than a clip; Gaussian noise of Z times the clip is added to each coordinate of
it, and what it is divided by is fixed beforehand. What follows from that, and what it does not say, is in docs/privacy.md.
Exit codes: 0 done; 1 it cannot be counted (the reason is on stderr); 2 the command line is wrong.";

/// Count what noisy sums give away: epsilon, and how often the best guess is right.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Deviation of the noise on the sum, in units of the longest vector that one may add
    #[arg(long, value_name = "Z")]
    noise_multiplier: f64,
    /// How many sums are published
    #[arg(long, value_name = "T", default_value_t = 1)]
    rounds: u32,
    /// With which probability each person is in a sum, independently of the others and anew for each; 1: everyone is in all of them.
    /// A fixed number that is drawn is not that: for it, too, 1 holds
    #[arg(long, value_name = "Q", default_value_t = 1.0)]
    sampling: f64,
    /// The probability with which the promise of epsilon may fail
    #[arg(long, value_name = "D", default_value_t = 1.0e-5)]
    delta: f64,
    /// What nobody should be able to tell apart: add-or-remove-one (one person's vectors are in, or nothing in their place) or
    /// replace-one (one person's are in, or another's)
    #[arg(long, value_name = "RELATION", default_value = "add-or-remove-one", value_parser = relation)]
    relation: Relation,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn relation(text: &str) -> Result<Relation, String> {
    match text {
        "add-or-remove-one" | "add_or_remove_one" => Ok(Relation::AddOrRemoveOne),
        "replace-one" | "replace_one" => Ok(Relation::ReplaceOne),
        _ => Err("choose add-or-remove-one or replace-one".to_owned()),
    }
}

/// What is printed.
#[derive(Serialize)]
struct Answer {
    /// Never below what is true.
    epsilon: f64,
    delta: f64,
    noise_multiplier: f64,
    rounds: u32,
    sampling: f64,
    relation: &'static str,
    /// How the rounds were composed.
    composition: &'static str,
    /// How often whoever knows everything else guesses right, at most; 0.5 is a coin.
    best_guess: f64,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let Arguments { noise_multiplier, rounds, sampling, delta, relation, json } = arguments;
    let loss = Release { noise_multiplier, rounds, sampling, relation }.loss()?;
    let answer = Answer {
        epsilon: loss.epsilon(delta)?,
        delta,
        noise_multiplier,
        rounds,
        sampling,
        relation: match relation {
            Relation::AddOrRemoveOne => "add_or_remove_one",
            Relation::ReplaceOne => "replace_one",
        },
        composition: if loss.is_exact() { "exact_gaussian" } else { "privacy_loss_distribution" },
        best_guess: loss.best_guess(),
    };
    let mut text = if json { serde_json::to_string_pretty(&answer)? } else { words(&answer) };
    text.push('\n');
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn words(answer: &Answer) -> String {
    let Answer { epsilon, delta, rounds, sampling, .. } = answer;
    let hidden = match answer.relation {
        "replace_one" => "whether one person's vectors are in the sums, or another's in their place",
        _ => "whether one person's vectors are in the sums, or nothing in their place",
    };
    let composition = match answer.composition {
        "exact_gaussian" => format!("{rounds} Gaussian sums with everyone in each, composed exactly: mu = sqrt(T)/z"),
        _ => format!(
            "{rounds} Gaussian sums, each person in each with probability {sampling}: the privacy loss distribution on a grid, an \
             upper bound"
        ),
    };
    // Rounded up: what is printed is never below what is true.
    let (epsilon, guess) = ((epsilon * 1.0e4).ceil() / 1.0e4, (answer.best_guess * 100.0).ceil());
    format!(
        "epsilon = {epsilon:.4} for delta = {delta}\n\n\
         hidden       {hidden}\n\
         composition  {composition}\n\
         delta        the probability with which more may be lost than epsilon says\n\n\
         Whoever knows everything else guesses right at most {guess:.0} times in 100 which of the two it is; a coin is right 50 times."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_one_of_two() {
        assert_eq!(relation("replace-one"), Ok(Relation::ReplaceOne));
        assert_eq!(relation("add_or_remove_one"), Ok(Relation::AddOrRemoveOne));
        assert!(relation("bounded").is_err());
    }
}
