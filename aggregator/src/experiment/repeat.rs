//! The command that repeats a run alone, as a person types it in a shell.

use protocol::{Choice as _, Strategy};

use crate::simulator::{Device, Normalisation, Plan, TestSpeakers};

/// `chorus simulate …` for a plan. All settings are named, so that the command stays right when defaults change.
pub fn command(plan: &Plan) -> String {
    let mut words = vec!["chorus".to_owned(), "simulate".to_owned()];
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    for folder in &plan.data {
        option("data", folder.display().to_string());
    }
    for folder in &plan.eval_data {
        option("eval-data", folder.display().to_string());
    }
    option("model", plan.model.to_string());
    option("partition", plan.partition.to_string());
    if !plan.is_centralised() {
        option("clients", plan.clients.to_string());
    }
    option("rounds", plan.rounds.to_string());
    option("epochs", plan.training.epochs.to_string());
    option("batch-size", plan.training.batch_size.to_string());
    option("optimiser", plan.training.optimiser.to_string());
    option("learning-rate", plan.training.learning_rate.to_string());
    option("augmentation", plan.training.augmentation.to_string());
    if !plan.is_centralised() {
        option("strategy", strategy(&plan.strategy));
    }
    match &plan.test {
        TestSpeakers::Usual => {}
        TestSpeakers::Named(names) => option("test-speakers", names.join(",")),
        TestSpeakers::Fold { index, of } => option("fold", format!("{}/{of}", index + 1)),
    }
    option("labels", plan.labels.join(","));
    option("seed", plan.seed.to_string());
    if plan.normalisation == Normalisation::Speaker {
        option("normalisation", "speaker".to_owned());
    }
    if plan.device == Device::Wgpu {
        option("device", "wgpu".to_owned());
    }
    shell_line(words.iter().map(String::as_str))
}

/// A strategy's name where it has its usual settings, else all of them as JSON.
fn strategy(strategy: &Strategy) -> String {
    let usual = strategy.name().parse().is_ok_and(|usual: Strategy| usual == *strategy);
    let whole = serde_json::to_string(strategy).ok().filter(|_| !usual);
    whole.unwrap_or_else(|| strategy.name().to_owned())
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
    use super::*;

    #[test]
    fn a_strategy_with_settings_of_its_own_is_written_out() {
        assert_eq!(strategy(&Strategy::DEFAULT), "fedavg");
        let own = Strategy::FedProx { mu: 0.5 };
        assert_eq!(strategy(&own), r#"{"name":"fedprox","mu":0.5}"#);
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
