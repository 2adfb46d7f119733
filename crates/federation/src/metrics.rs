//! What clients report beside their updates, added up over a round: losses and accuracies weighted by examples,
//! confusion matrices summed.

use protocol::{Evaluation, TrainingResult};

/// The sums of a round.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    clients: u32,
    examples: u64,
    loss: f64,
    accuracy: f64,
    evaluation: Option<Evaluation>,
}

impl Metrics {
    pub(crate) fn none() -> Metrics {
        Metrics { clients: 0, examples: 0, loss: 0.0, accuracy: 0.0, evaluation: None }
    }

    /// Whether an evaluation is of a model with this many labels and its counts agree with one another.
    pub(crate) fn fits(evaluation: &Evaluation, labels: usize) -> bool {
        let square = evaluation.confusion.len() == labels && evaluation.confusion.iter().all(|row| row.len() == labels);
        let right: u64 = evaluation
            .confusion
            .iter()
            .enumerate()
            .filter_map(|(label, row)| row.get(label))
            .map(|&count| u64::from(count))
            .sum();
        let found = right as f64 / f64::from(evaluation.examples.max(1));
        square && (found - evaluation.accuracy).abs() < 1.0e-3
    }

    /// Adds what came with an accepted update.
    pub(crate) fn add(&mut self, examples: u32, training: TrainingResult, evaluation: Option<&Evaluation>) {
        self.clients += 1;
        self.examples += u64::from(examples);
        self.loss += training.loss * f64::from(examples);
        self.accuracy += training.accuracy * f64::from(examples);
        if let Some(evaluation) = evaluation {
            add_evaluation(&mut self.evaluation, evaluation);
        }
    }

    pub(crate) fn clients(&self) -> u32 {
        self.clients
    }

    pub(crate) fn examples(&self) -> u64 {
        self.examples
    }

    /// How the model did that the round started from.
    pub(crate) fn evaluation(&self) -> Option<Evaluation> {
        self.evaluation.clone()
    }

    /// How the clients' own training went.
    pub(crate) fn training(&self) -> TrainingResult {
        let examples = self.examples.max(1) as f64;
        TrainingResult { loss: self.loss / examples, accuracy: (self.accuracy / examples).clamp(0.0, 1.0) }
    }
}

/// Adds one client's evaluation to the evaluation of all: means weighted by examples, counts summed.
pub(crate) fn add_evaluation(all: &mut Option<Evaluation>, one: &Evaluation) {
    let Some(all) = all else {
        *all = Some(one.clone());
        return;
    };
    let (before, more) = (f64::from(all.examples), f64::from(one.examples));
    let mean = |all: f64, one: f64| (all * before + one * more) / (before + more);
    all.loss = mean(all.loss, one.loss);
    all.accuracy = mean(all.accuracy, one.accuracy).clamp(0.0, 1.0);
    all.examples = all.examples.saturating_add(one.examples);
    for (row, more) in all.confusion.iter_mut().zip(&one.confusion) {
        for (count, more) in row.iter_mut().zip(more) {
            *count = count.saturating_add(*more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_are_weighted_by_examples() {
        let one = Evaluation { examples: 1, loss: 4.0, accuracy: 0.0, confusion: vec![vec![0, 1], vec![0, 0]] };
        let three = Evaluation { examples: 3, loss: 0.0, accuracy: 1.0, confusion: vec![vec![1, 0], vec![0, 2]] };
        let mut all = None;
        add_evaluation(&mut all, &one);
        add_evaluation(&mut all, &three);
        let expected = Evaluation { examples: 4, loss: 1.0, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] };
        assert_eq!(all, Some(expected));
    }

    #[test]
    fn an_accuracy_that_the_confusion_belies_does_not_fit() {
        let honest = Evaluation { examples: 4, loss: 1.0, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] };
        assert!(Metrics::fits(&honest, 2));
        assert!(!Metrics::fits(&honest, 3));
        assert!(!Metrics::fits(&Evaluation { accuracy: 0.9, ..honest }, 2));
    }
}
