//! What clients report beside their updates, added up over a round: losses and accuracies weighted by examples,
//! confusion matrices summed.

use protocol::{ByGroup, Evaluation, GroupResult, TrainingResult};

use crate::influence::middle;

/// The sums of a round.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    clients: u32,
    examples: u64,
    loss: f64,
    accuracy: f64,
}

impl Metrics {
    pub(crate) fn none() -> Metrics {
        Metrics { clients: 0, examples: 0, loss: 0.0, accuracy: 0.0 }
    }

    /// The sums of so many clients, known together alone.
    pub(crate) fn of_all(clients: u32, examples: u64, training: TrainingResult) -> Metrics {
        let (loss, accuracy) = (training.loss * examples as f64, training.accuracy * examples as f64);
        Metrics { clients, examples, loss, accuracy }
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

    /// Adds what came with an edge's sum of so many clients.
    pub(crate) fn add_sum(&mut self, clients: u32, examples: u32, training: TrainingResult) {
        self.add(examples, training);
        self.clients += clients - 1;
    }

    /// Adds what came with an accepted update.
    pub(crate) fn add(&mut self, examples: u32, training: TrainingResult) {
        self.clients += 1;
        self.examples += u64::from(examples);
        self.loss += training.loss * f64::from(examples);
        self.accuracy += training.accuracy * f64::from(examples);
    }

    pub(crate) fn clients(&self) -> u32 {
        self.clients
    }

    pub(crate) fn examples(&self) -> u64 {
        self.examples
    }

    /// How the clients' own training went.
    pub(crate) fn training(&self) -> TrainingResult {
        let examples = self.examples.max(1) as f64;
        TrainingResult { loss: self.loss / examples, accuracy: (self.accuracy / examples).clamp(0.0, 1.0) }
    }
}

/// All clients' evaluations as one. No client counts with more than `weight_cap` examples, nor, where the room limits a
/// client's influence, with more than so many times the median of their counts.
pub(crate) fn combined(evaluations: &[&Evaluation], weight_cap: u32, influence: Option<f64>) -> Option<Evaluation> {
    let most = most_counted(evaluations.iter().copied(), weight_cap, influence);
    let mut all = None;
    for evaluation in evaluations {
        add_evaluation(&mut all, &held_at(evaluation, most));
    }
    all
}

/// All clients' evaluations by the group that each says to be in, added to those of nobody. No client counts with more than in
/// [`combined`].
pub(crate) fn by_group(
    told: &[(&Evaluation, Option<u32>)],
    nobody: ByGroup,
    weight_cap: u32,
    influence: Option<f64>,
) -> ByGroup {
    let most = most_counted(told.iter().map(|(evaluation, _)| *evaluation), weight_cap, influence);
    let mut all = nobody;
    for (evaluation, group) in told {
        let Evaluation { examples, confusion, .. } = held_at(evaluation, most);
        match group.and_then(|group| all.groups.get_mut(group as usize)) {
            Some(group) => add_group(group, &GroupResult { clients: 1, examples, confusion }),
            None => all.others += 1,
        }
    }
    all
}

/// The same of edges, each with what it says of all of its own. One that says nothing of them, or more than counts, is as one that
/// told no group.
pub(crate) fn by_group_of_edges<'a>(
    told: impl Iterator<Item = (&'a Evaluation, Option<&'a ByGroup>)>,
    nobody: ByGroup,
    cap: u32,
) -> ByGroup {
    let mut all = nobody;
    for (evaluation, sums) in told {
        let Some(sums) = sums.filter(|_| evaluation.examples <= cap) else {
            all.others += 1;
            continue;
        };
        all.others += sums.others;
        all.groups.iter_mut().zip(&sums.groups).for_each(|(group, more)| add_group(group, more));
    }
    all
}

/// Whether an evaluation can be what so many clients at most, of these groups and others, come to: as many labels, and no count larger
/// than there; what is left is of the others.
pub(crate) fn are_of(sums: &ByGroup, evaluation: &Evaluation, clients: u32) -> bool {
    let labels = evaluation.confusion.len();
    let mut all = GroupResult::of_nobody(labels);
    for group in &sums.groups {
        if group.confusion.len() != labels {
            return false;
        }
        add_group(&mut all, group);
    }
    let counts = all.confusion.iter().flatten().zip(evaluation.confusion.iter().flatten());
    let left = evaluation.examples.checked_sub(all.examples);
    all.clients.saturating_add(sums.others) <= clients
        && counts.into_iter().all(|(part, whole)| part <= whole)
        && left.is_some_and(|left| left >= sums.others && (left == 0) == (sums.others == 0))
}

fn add_group(all: &mut GroupResult, more: &GroupResult) {
    all.clients = all.clients.saturating_add(more.clients);
    all.examples = all.examples.saturating_add(more.examples);
    add_counts(&mut all.confusion, &more.confusion);
}

/// With how many examples one evaluation counts at most.
fn most_counted<'a>(evaluations: impl Iterator<Item = &'a Evaluation>, weight_cap: u32, influence: Option<f64>) -> u32 {
    let median = middle(evaluations.map(|evaluation| f64::from(evaluation.examples)));
    let limit = influence.zip(median).map_or(f64::INFINITY, |(limit, median)| (limit * median).ceil());
    f64::from(weight_cap).min(limit) as u32
}

/// How well clients found a model to do, so that no quarter of them can say it alone: of three or more, the quarter that found it
/// best and the quarter that found it worst are left out, and the others' accuracies are weighted as in [`combined`]. 0 to 1.
pub(crate) fn standing(evaluations: &[&Evaluation], weight_cap: u32, influence: Option<f64>) -> Option<f64> {
    let mut sorted = evaluations.to_vec();
    sorted.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    let outer = if sorted.len() < 3 { 0 } else { sorted.len().div_ceil(4) };
    let inner = sorted.get(outer..sorted.len() - outer)?;
    combined(inner, weight_cap, influence).map(|evaluation| evaluation.accuracy)
}

/// An evaluation as of `most` examples, where it is of more: its counts in proportion, rounded so that they add up, the
/// largest remainders first.
fn held_at(evaluation: &Evaluation, most: u32) -> Evaluation {
    if evaluation.examples <= most {
        return evaluation.clone();
    }
    let (all, most_wide) = (u64::from(evaluation.examples), u64::from(most));
    let labels = evaluation.confusion.len();
    let counts = evaluation.confusion.iter().flatten().map(|&count| u64::from(count) * most_wide);
    let mut parts: Vec<(usize, u64, u64)> =
        counts.enumerate().map(|(place, count)| (place, count / all, count % all)).collect();
    let missing = most_wide.saturating_sub(parts.iter().map(|(_, whole, _)| whole).sum());
    parts.sort_by_key(|&(place, _, rest)| (std::cmp::Reverse(rest), place));
    parts.iter_mut().take(missing as usize).for_each(|(_, whole, _)| *whole += 1);
    parts.sort_by_key(|&(place, ..)| place);
    let counts: Vec<u32> = parts.into_iter().map(|(_, count, _)| count as u32).collect();
    let confusion: Vec<Vec<u32>> = counts.chunks(labels.max(1)).map(<[u32]>::to_vec).collect();
    let right: u32 = confusion.iter().enumerate().filter_map(|(label, row)| row.get(label)).sum();
    Evaluation { examples: most, loss: evaluation.loss, accuracy: f64::from(right) / f64::from(most.max(1)), confusion }
}

/// Adds one client's evaluation to the evaluation of all: means weighted by examples, counts summed.
fn add_evaluation(all: &mut Option<Evaluation>, one: &Evaluation) {
    let Some(all) = all else {
        *all = Some(one.clone());
        return;
    };
    let (before, more) = (f64::from(all.examples), f64::from(one.examples));
    let mean = |all: f64, one: f64| (all * before + one * more) / (before + more);
    all.loss = mean(all.loss, one.loss);
    all.accuracy = mean(all.accuracy, one.accuracy).clamp(0.0, 1.0);
    all.examples = all.examples.saturating_add(one.examples);
    add_counts(&mut all.confusion, &one.confusion);
}

fn add_counts(all: &mut [Vec<u32>], more: &[Vec<u32>]) {
    for (row, more) in all.iter_mut().zip(more) {
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
    fn nobodys_evaluation_counts_more_than_the_limit_times_the_median() {
        let honest = Evaluation { examples: 10, loss: 0.5, accuracy: 0.9, confusion: vec![vec![5, 0], vec![1, 4]] };
        let lie = Evaluation {
            examples: 90_000,
            loss: 9.0,
            accuracy: 0.0,
            confusion: vec![vec![0, 60_000], vec![30_000, 0]],
        };
        let all = combined(&[&honest, &lie, &honest, &honest], 1_000, Some(1.5)).unwrap();
        assert_eq!((all.examples, &all.confusion), (45, &vec![vec![15, 10], vec![8, 12]]));
        assert!((all.accuracy - 27.0 / 45.0).abs() < 1e-12);
        let unlimited = combined(&[&honest, &lie], 1_000, None).unwrap();
        assert_eq!((unlimited.examples, unlimited.confusion[0][1]), (1_010, 667));
        assert_eq!(combined(&[&honest], 1_000, Some(1.5)), Some(honest));
        assert_eq!(combined(&[], 1_000, Some(1.5)), None);
    }

    #[test]
    fn groups_add_up_to_what_all_come_to() {
        let of = |right: u32, wrong: u32| Evaluation {
            examples: right + wrong,
            loss: 1.0,
            accuracy: f64::from(right) / f64::from(right + wrong),
            confusion: vec![vec![right, wrong], vec![0, 0]],
        };
        let nobody = ByGroup { groups: vec![GroupResult::of_nobody(2); 2], others: 0 };
        let evaluations = [of(3, 1), of(1, 1), of(2, 2), of(90, 9_910)];
        let told: Vec<(&Evaluation, Option<u32>)> = evaluations.iter().zip([Some(1), None, Some(1), Some(0)]).collect();
        let all = by_group(&told, nobody.clone(), 1_000, Some(1.5));
        // The middle is 4, and nobody counts more than 6: 90 of 10,000 are none of 6, rounded.
        let group = |clients, right, wrong| GroupResult {
            clients,
            examples: right + wrong,
            confusion: vec![vec![right, wrong], vec![0, 0]],
        };
        assert_eq!(all, ByGroup { groups: vec![group(1, 0, 6), group(2, 5, 3)], others: 1 });
        let whole = combined(&evaluations.iter().collect::<Vec<_>>(), 1_000, Some(1.5)).unwrap();
        assert_eq!(whole.confusion, [[6, 10], [0, 0]]);
        assert!(are_of(&all, &whole, 4));
        assert!(!are_of(&all, &whole, 3), "more than there may be");
        assert!(!are_of(&ByGroup { others: 0, ..all.clone() }, &whole, 4), "two clips of nobody");
        assert!(!are_of(&ByGroup { others: 3, ..all.clone() }, &whole, 9), "two clips of three");
        assert!(!are_of(&all, &of(4, 12), 4), "more right than there are");
        let edges = [(&whole, Some(&all)), (&whole, Some(&all)), (&evaluations[0], None)];
        let twice = by_group_of_edges(edges.into_iter(), nobody.clone(), 1_000);
        assert_eq!(twice, ByGroup { groups: vec![group(2, 0, 12), group(4, 10, 6)], others: 3 });
        let none = by_group_of_edges([(&whole, Some(&all))].into_iter(), nobody, 15);
        assert_eq!((none.others, none.groups[1].clients), (1, 0), "it says more than counts");
    }

    #[test]
    fn a_quarter_of_the_clients_cannot_say_how_good_a_model_is() {
        let of = |right: u32, examples: u32| Evaluation {
            examples,
            loss: 1.0,
            accuracy: f64::from(right) / f64::from(examples),
            confusion: vec![vec![right, examples - right], vec![0, 0]],
        };
        let found = |evaluations: &[Evaluation]| {
            let evaluations: Vec<&Evaluation> = evaluations.iter().collect();
            standing(&evaluations, 1_000, Some(1.5)).unwrap()
        };
        // 18 of 20, whatever the fourth says and however many examples it claims.
        for lie in [of(0, 90_000), of(90_000, 90_000)] {
            assert_eq!(found(&[of(9, 10), lie, of(9, 10), of(9, 10)]), 0.9);
        }
        // Of five, two on each side are a quarter and more.
        assert_eq!(found(&[of(1, 10), of(2, 10), of(5, 10), of(9, 10), of(8, 10)]), 0.5);
        // Two are too few to be left out.
        assert_eq!(found(&[of(1, 10), of(3, 10)]), 0.2);
        assert_eq!(standing(&[], 1_000, None), None);
    }

    #[test]
    fn an_accuracy_that_the_confusion_belies_does_not_fit() {
        let honest = Evaluation { examples: 4, loss: 1.0, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] };
        assert!(Metrics::fits(&honest, 2));
        assert!(!Metrics::fits(&honest, 3));
        assert!(!Metrics::fits(&Evaluation { accuracy: 0.9, ..honest }, 2));
    }
}
