//! The command that repeats a run alone, as a person types it in a shell.

use std::fmt::Display;

use corpus::Reading;
use protocol::{Choice, Masking, Noise, Pace, Selection, TrainingSettings};
use serde::Serialize;

use crate::simulator::{Attack, Circumstances, Plan, Replay, TestSpeakers};

/// `chorus simulate …` for a plan, as a line for a shell.
pub fn command(plan: &Plan) -> String {
    shell_line(words(plan).iter().map(String::as_str))
}

/// The words of that line. Everything that decides the outcome is named, so that they stay right when defaults change.
pub fn words(plan: &Plan) -> Vec<String> {
    // Taken apart without `..` here and below, so that whoever adds to a plan is led here.
    let Plan {
        data,
        eval_data,
        reading,
        labels,
        test,
        model,
        modalities,
        scripts_apart,
        partition,
        clients,
        rounds,
        training,
        strategy,
        final_model,
        aggregation,
        influence_limit,
        noise,
        masking,
        encoding,
        edges,
        attack,
        seed,
        normalisation,
        device,
        circumstances,
        replay,
        // What is made of the model afterwards is `chorus experiment personal`'s alone.
        personal: _,
    } = plan;
    let TrainingSettings { epochs, batch_size, optimiser, learning_rate, augmentation } = training;
    let mut words = Words(vec!["chorus".to_owned(), "simulate".to_owned()]);
    for folder in data {
        words.option("data", folder.display());
    }
    for folder in eval_data {
        words.option("eval-data", folder.display());
    }
    let Reading { speaker_pattern, label_pattern, map, skip_unreadable } = reading;
    if let Some(pattern) = speaker_pattern {
        words.option("speaker-pattern", pattern);
    }
    if let Some(pattern) = label_pattern {
        words.option("label-pattern", pattern);
    }
    for mapping in map {
        words.option("map", mapping);
    }
    if *skip_unreadable {
        words.0.push("--skip-unreadable".to_owned());
    }
    words.option("model", model);
    if !modalities.is_both() {
        words.option("modalities", modalities);
    }
    if *scripts_apart {
        words.0.push("--scripts-apart".to_owned());
    }
    let in_places = replay.as_ref().is_some_and(|replay| replay.holdings.is_some());
    if let Some(Replay { session, holdings: _, attendance }) = replay {
        words.option("session", session.display());
        if attendance.is_empty() {
            words.0.push("--nobody-lost".to_owned());
        }
    }
    if !in_places {
        words.option("partition", partition);
        words.option("clients", clients);
    }
    words.option("rounds", rounds);
    words.option("epochs", epochs);
    words.option("batch-size", batch_size);
    words.option("optimiser", optimiser);
    words.option("learning-rate", learning_rate);
    words.option("augmentation", augmentation);
    words.option("strategy", whole(strategy));
    if !final_model.is_last() {
        words.option("final-model", final_model);
    }
    words.option("aggregation", whole(aggregation));
    if let Some(limit) = influence_limit {
        words.option("influence-limit", limit);
    }
    if let Some(Noise { hides, clip, multiplier, clients, epsilon, delta }) = noise {
        if !hides.is_person() {
            words.option("noise-hides", "clip");
        }
        words.option("noise-multiplier", multiplier);
        words.option("clip", clip);
        words.option("noise-clients", clients);
        words.option("epsilon", epsilon);
        words.option("delta", delta);
    }
    if let Some(Masking { server, encoding, clip }) = masking {
        words.option("masking", name(server));
        words.option("masking-encoding", name(encoding));
        words.option("masking-clip", clip);
    }
    words.option("encoding", encoding);
    if let Some(edges) = edges {
        words.option("edges", edges);
    }
    if let Some(Attack { behaviour, share }) = attack {
        words.option("attack", behaviour);
        words.option("attackers", share);
    }
    if let Some(circumstances) = circumstances {
        words.circumstances(circumstances);
    }
    match test {
        TestSpeakers::Usual => {}
        TestSpeakers::Named(names) => words.option("test-speakers", names.join(",")),
        TestSpeakers::OwnSplit => words.0.push("--own-split".to_owned()),
        TestSpeakers::Fold { index, of } => words.option("fold", format!("{}/{of}", index + 1)),
    }
    words.option("labels", labels.join(","));
    words.option("seed", seed);
    words.option("normalisation", normalisation);
    words.option("device", device);
    words.0
}

/// Words of a command.
struct Words(Vec<String>);

impl Words {
    fn option(&mut self, name: &str, value: impl Display) {
        self.0.extend([format!("--{name}"), value.to_string()]);
    }

    fn circumstances(&mut self, circumstances: &Circumstances) {
        let Circumstances { drop_out, slow, megabits, deadline_ms, selection, pace, stragglers } = circumstances;
        self.option("drop-out", drop_out);
        self.option("slow", slow);
        self.option("bandwidth", megabits);
        self.option("deadline", deadline_ms / 1_000);
        let over_selection = match selection {
            Selection::All => None,
            Selection::Number { clients, over_selection } => {
                self.option("selection", clients);
                Some(over_selection)
            }
            Selection::Share { share, over_selection } => {
                self.option("selection", format!("{}%", share * 100.0));
                Some(over_selection)
            }
        };
        if let Some(over_selection) = over_selection {
            self.option("over-selection", over_selection);
        }
        if !stragglers.is_whole() {
            self.option("stragglers", stragglers);
        }
        if let Pace::Asynchronous { buffer, staleness_exponent, most_stale } = pace {
            self.option("asynchronous", buffer);
            self.option("staleness-exponent", staleness_exponent);
            self.option("most-stale", most_stale);
        }
    }
}

/// The name of a choice that has its usual settings, else all of it as JSON.
fn whole<T: Choice + Serialize>(choice: &T) -> String {
    let json = || serde_json::to_string(choice).ok();
    let own = if T::ALL.contains(choice) { None } else { json() };
    own.unwrap_or_else(|| choice.name().to_owned())
}

/// A choice without settings, as JSON names it.
fn name(choice: &impl Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

/// Words as a POSIX shell reads them back: those with other than plain letters in quotes.
pub fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |word: &str| {
        let plain = |letter: char| letter.is_alphanumeric() || "-_./,:=+@%".contains(letter);
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use protocol::Strategy;

    use super::*;

    #[test]
    fn a_strategy_with_settings_of_its_own_is_written_out() {
        assert_eq!(whole(&Strategy::DEFAULT), "fedavg");
        let own = Strategy::FedProx { mu: 0.5 };
        assert_eq!(whole(&own), r#"{"name":"fedprox","mu":0.5}"#);
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_break_them() {
        assert_eq!(
            shell_line(["chorus", "--data", "my voices", "it's", ""]),
            r"chorus --data 'my voices' 'it'\''s' ''"
        );
        assert_eq!(shell_line(["--labels", "wütend,sad", "$HOME"]), "--labels wütend,sad '$HOME'");
    }
}
