//! What both ends of a masked round have to agree on: what the sum is of, how an update becomes numbers that are added up, and
//! what the sums of all clients' numbers mean. Of masks it knows nothing; those are `masking`'s.

use masking::{Layout, Purpose, SharedNoise, Task, Words};
use protocol::{
    Augmentation, ByGroup, Evaluation, GroupResult, Hides, Masking, Noise, Optimiser, RoomConfig, Round, RoundTraining,
    Standardisation, TrainingResult, TrainingSettings,
};

/// Losses and accuracies are added as multiples of 2⁻¹⁶: those of 200 clients, however large, stay below 2⁶⁴.
const UNIT: f64 = 65_536.0;
/// Words of the tail of an update before those of the evaluation.
const BEFORE_EVALUATION: usize = 5;
/// Words of an evaluation before the counts of the confusion matrix.
const BEFORE_CONFUSION: usize = 2;

/// Whose numbers are masked together, as all of them can compare it aloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedTogether {
    /// Four words for the keys of all seats.
    pub words: Words,
    /// How many seats.
    pub seats: usize,
}

/// What a round asks of every client alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub parameters: &'a [f32],
    pub training: &'a RoundTraining,
    pub standardisation: &'a Standardisation,
}

impl Asked<'_> {
    /// The hash of all of it but the parameters. Integers are little-endian, numbers their IEEE 754 bits.
    fn digest(&self, room: &RoomConfig) -> [u8; 32] {
        let RoundTraining { settings, seed } = self.training;
        let TrainingSettings { epochs, batch_size, optimiser, learning_rate, augmentation } = settings;
        let Standardisation { mean, deviation } = self.standardisation;
        let optimiser = match optimiser {
            Optimiser::Adam => 0_u8,
            Optimiser::Sgd => 1,
        };
        let augmentation = match augmentation {
            Augmentation::None => 0_u8,
            Augmentation::Speed => 1,
        };
        let noise = room.noise.map(|noise| {
            let Noise { hides, clip, multiplier, clients, .. } = noise;
            let hides = u8::from(!hides.is_person());
            [&[hides][..], &clip.to_bits().to_le_bytes(), &multiplier.to_bits().to_le_bytes(), &clients.to_le_bytes()]
                .concat()
        });
        masking::hash(
            "chorus masked round",
            &[
                &(mean.len() as u32).to_le_bytes(),
                bytemuck::cast_slice(mean),
                bytemuck::cast_slice(deviation),
                &epochs.to_le_bytes(),
                &batch_size.to_le_bytes(),
                &[optimiser],
                &learning_rate.to_bits().to_le_bytes(),
                &[augmentation],
                &seed.to_le_bytes(),
                &room.strategy.proximal().to_bits().to_le_bytes(),
                &[u8::from(room.strategy.counts_steps())],
                &room.weight_cap.to_le_bytes(),
                &noise.unwrap_or_default(),
            ],
        )
    }
}

/// The noise that clients add inside the masks of their updates.
pub(crate) fn shared_noise(room: &RoomConfig) -> Option<SharedNoise> {
    let Noise { multiplier, hides, .. } = room.noise?;
    let vectors = match hides {
        Hides::Person => 1,
        Hides::Clip => room.weight_cap,
    };
    Some(SharedNoise { multiplier, vectors })
}

/// What a round's sum is of.
pub(crate) fn task(room: &RoomConfig, masking: &Masking, round: Round, attempt: u32, asked: Asked<'_>) -> Task {
    let labels = room.labels.len();
    Task {
        room: room.code.clone(),
        round,
        attempt,
        purpose: Purpose::Update,
        model: masking::fingerprint(asked.parameters),
        asked: asked.digest(room),
        adversary: masking.server,
        layout: Layout {
            encoding: masking.encoding,
            values: room.parameters,
            // Beside a noisy sum, counts without noise would make it vain.
            tail: if room.noise.is_some() {
                0
            } else {
                (BEFORE_EVALUATION + BEFORE_CONFUSION + labels * labels) as u32
            },
        },
        clip: masking.clip,
        noise: shared_noise(room),
    }
}

/// What the sum of statistics is of, in a room whose features are taken in this scale.
pub(crate) fn statistics_task(
    room: &RoomConfig,
    masking: &Masking,
    round: Round,
    attempt: u32,
    scale: &Standardisation,
) -> Task {
    let Standardisation { mean, deviation } = scale;
    let features = mean.len() as u32;
    let asked = [
        &features.to_le_bytes()[..],
        bytemuck::cast_slice(mean),
        bytemuck::cast_slice(deviation),
        &room.weight_cap.to_le_bytes(),
    ];
    Task {
        room: room.code.clone(),
        round,
        attempt,
        purpose: Purpose::Statistics,
        model: [0; 32],
        asked: masking::hash("chorus masked statistics", &asked),
        adversary: masking.server,
        layout: Layout { encoding: masking.encoding, values: 0, tail: 1 + 2 * features },
        clip: masking.clip,
        noise: None,
    }
}

/// What the sum of evaluations of the finished model is of.
pub(crate) fn evaluation_task(
    room: &RoomConfig,
    masking: &Masking,
    round: Round,
    attempt: u32,
    parameters: &[f32],
    standardisation: &Standardisation,
) -> Task {
    let Standardisation { mean, deviation } = standardisation;
    let labels = room.labels.len() as u32;
    let asked = [
        &(mean.len() as u32).to_le_bytes()[..],
        bytemuck::cast_slice(mean),
        bytemuck::cast_slice(deviation),
        &labels.to_le_bytes(),
    ];
    Task {
        room: room.code.clone(),
        round,
        attempt,
        purpose: Purpose::Evaluation,
        model: masking::fingerprint(parameters),
        asked: masking::hash("chorus masked evaluation", &asked),
        adversary: masking.server,
        layout: Layout {
            encoding: masking.encoding,
            values: 0,
            tail: BEFORE_CONFUSION as u32 + labels * labels + group_words(room) as u32,
        },
        clip: masking.clip,
        noise: None,
    }
}

/// The words of an evaluation that are added up: examples, the sum of their losses, and the counts of the confusion matrix, row by
/// row; zeros where there is none, or one that does not fit the room.
pub(crate) fn evaluation_words(room: &RoomConfig, evaluation: Option<&Evaluation>) -> Vec<u64> {
    let labels = room.labels.len();
    let fits = |evaluation: &&Evaluation| {
        evaluation.confusion.len() == labels && evaluation.confusion.iter().all(|row| row.len() == labels)
    };
    let Some(evaluation) = evaluation.filter(fits) else { return vec![0; BEFORE_CONFUSION + labels * labels] };
    let examples = u64::from(evaluation.examples);
    let counts = evaluation.confusion.iter().flatten().map(|&count| u64::from(count));
    [examples, total(evaluation.loss, evaluation.examples)].into_iter().chain(counts).collect()
}

/// What all clients' [`evaluation_words`] add up to; `None` where nobody evaluated anything, or no honest clients' words add up to it.
pub(crate) fn evaluation_of(room: &RoomConfig, words: &[u64]) -> Option<Evaluation> {
    let labels = room.labels.len();
    let (&[examples, loss], confusion) = words.split_first_chunk()?;
    if confusion.len() != labels * labels || examples == 0 {
        return None;
    }
    let counts: Option<Vec<u32>> = confusion.iter().map(|&count| u32::try_from(count).ok()).collect();
    let counts = counts.filter(|counts| counts.iter().map(|&count| u64::from(count)).sum::<u64>() == examples)?;
    let confusion: Vec<Vec<u32>> = counts.chunks(labels).map(<[u32]>::to_vec).collect();
    let right: u64 = (0..labels).map(|label| u64::from(confusion[label][label])).sum();
    Some(Evaluation {
        examples: u32::try_from(examples).ok()?,
        loss: loss as f64 / examples as f64 / UNIT,
        accuracy: right as f64 / examples as f64,
        confusion,
    })
}

/// How many words say how the finished model does by group: for each the clients in it and the counts of its confusion matrix, and how
/// many clients told none.
fn group_words(room: &RoomConfig) -> usize {
    if room.groups.is_empty() { 0 } else { room.groups.len() * (1 + room.labels.len().pow(2)) + 1 }
}

/// The words of an evaluation of the finished model: [`evaluation_words`], and in a room with groups the same counts at the place of one's
/// own group, zeros at those of the others.
pub(crate) fn final_evaluation_words(
    room: &RoomConfig,
    evaluation: Option<&Evaluation>,
    group: Option<u32>,
) -> Vec<u64> {
    let mut words = evaluation_words(room, evaluation);
    let own = words[BEFORE_CONFUSION..].to_vec();
    let says = words.first().is_some_and(|&examples| examples > 0);
    words.resize(words.len() + group_words(room), 0);
    let (block, groups) = (1 + own.len(), room.groups.len());
    match group.map(|group| group as usize).filter(|&group| says && group < groups) {
        Some(group) => {
            let at = BEFORE_CONFUSION + own.len() + group * block;
            words[at] = 1;
            words[at + 1..at + block].copy_from_slice(&own);
        }
        None if groups > 0 && says => words.last_mut().into_iter().for_each(|told_none| *told_none = 1),
        None => {}
    }
    words
}

/// What all clients' [`final_evaluation_words`] add up to, and in a room with groups what they come to by group, as far as that can be.
pub(crate) fn final_evaluation_of(room: &RoomConfig, words: &[u64]) -> Option<(Evaluation, Option<ByGroup>)> {
    let labels = room.labels.len();
    let (all, of_groups) = words.split_at_checked(BEFORE_CONFUSION + labels * labels)?;
    let evaluation = evaluation_of(room, all)?;
    let Some((others, blocks)) = of_groups.split_last() else { return Some((evaluation, None)) };
    let group = |block: &[u64]| {
        let counts = block.iter().map(|&count| u32::try_from(count).ok()).collect::<Option<Vec<u32>>>()?;
        let (&clients, counts) = counts.split_first()?;
        let examples = counts.iter().try_fold(0_u32, |sum, &count| sum.checked_add(count))?;
        let confusion = counts.chunks(labels).map(<[u32]>::to_vec).collect();
        let is_of_somebody = clients <= examples && (clients == 0) == (examples == 0);
        is_of_somebody.then_some(GroupResult { clients, examples, confusion })
    };
    let groups = blocks.chunks(1 + labels * labels).map(group).collect::<Option<Vec<_>>>();
    let by_group = groups.zip(u32::try_from(*others).ok()).map(|(groups, others)| ByGroup { groups, others });
    Some((evaluation, by_group))
}

/// A sum over examples of what has this mean, in [`UNIT`]s.
fn total(mean: f64, examples: u32) -> u64 {
    (mean * f64::from(examples) * UNIT).round() as u64
}

/// What a client reports beside its update.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    pub examples: u32,
    pub steps: u32,
    pub training: TrainingResult,
    pub evaluation: Option<&'a Evaluation>,
}

impl Report<'_> {
    /// Its weight in the mean: its examples, capped as the room says.
    fn weight(&self, room: &RoomConfig) -> u64 {
        u64::from(self.examples.min(room.weight_cap))
    }

    /// An update as it is added up: times its weight, as a part of the largest one, and in a FedNova room divided by its steps. In a
    /// room with noise all weigh the same.
    pub fn weigh(&self, room: &RoomConfig, update: &mut [f32]) {
        if room.noise.is_some() {
            return;
        }
        let steps = if room.strategy.counts_steps() { f64::from(self.steps.max(1)) } else { 1.0 };
        let scale = self.weight(room) as f64 / f64::from(room.weight_cap) / steps;
        update.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
    }

    /// The words that are added up behind it; none in a room with noise.
    pub fn tail(&self, room: &RoomConfig) -> Vec<u64> {
        if room.noise.is_some() {
            return Vec::new();
        }
        let mut tail = vec![
            self.weight(room),
            u64::from(self.examples),
            self.weight(room) * u64::from(self.steps),
            total(self.training.loss, self.examples),
            total(self.training.accuracy, self.examples),
        ];
        tail.extend(evaluation_words(room, self.evaluation));
        tail
    }
}

/// What all clients' tails add up to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Totals {
    /// The sum of weights, as parts of the largest one: what the sum of updates is divided by.
    pub weight: f64,
    /// The weighted mean of counts of local steps.
    pub steps: f64,
    pub examples: u64,
    pub training: TrainingResult,
    pub evaluation: Option<Evaluation>,
}

impl Totals {
    /// Reads a sum of tails; `None` where no honest clients' tails add up to it.
    pub fn read(room: &RoomConfig, tail: &[u64]) -> Option<Totals> {
        let (&[weight, examples, steps, loss, right], evaluated) = tail.split_first_chunk()?;
        if weight == 0 || weight > examples || evaluated.len() != BEFORE_CONFUSION + room.labels.len().pow(2) {
            return None;
        }
        let mean = |sum: u64, of: u64| sum as f64 / of as f64;
        let training =
            TrainingResult { loss: mean(loss, examples) / UNIT, accuracy: (mean(right, examples) / UNIT).min(1.0) };
        let evaluation = evaluation_of(room, evaluated);
        let weights = weight as f64 / f64::from(room.weight_cap);
        Some(Totals { weight: weights, steps: mean(steps, weight), examples, training, evaluation })
    }
}

#[cfg(test)]
mod tests {
    use protocol::RoomCode;

    use super::*;

    #[test]
    fn words_by_group_add_up_to_each_group() {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let mut room = RoomConfig::new(RoomCode::from_random(3), "tiny", 2, labels);
        let evaluation = Evaluation { examples: 4, loss: 0.5, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] };
        let plain = evaluation_words(&room, Some(&evaluation));
        assert_eq!(final_evaluation_words(&room, Some(&evaluation), Some(0)), plain, "a room without groups");
        assert_eq!(final_evaluation_of(&room, &plain), Some((evaluation.clone(), None)));
        room.groups = vec!["headset".to_owned(), "laptop".to_owned()];
        let second = final_evaluation_words(&room, Some(&evaluation), Some(1));
        assert_eq!(second[6..], [0, 0, 0, 0, 0, 1, 1, 1, 0, 2, 0]);
        let none = final_evaluation_words(&room, Some(&evaluation), None);
        assert_eq!(none[6..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        // Nobody's group is there that is none, and who holds nothing back is not counted.
        assert_eq!(final_evaluation_words(&room, Some(&evaluation), Some(2)), none);
        assert_eq!(final_evaluation_words(&room, None, Some(1)), [0; 17]);
        let sum: Vec<u64> = second.iter().zip(&none).map(|(one, other)| 2 * one + other).collect();
        let (all, by_group) = final_evaluation_of(&room, &sum).unwrap();
        assert_eq!((all.examples, all.accuracy), (12, 0.75));
        let laptops = GroupResult { clients: 2, examples: 8, confusion: vec![vec![2, 2], vec![0, 4]] };
        assert_eq!(by_group, Some(ByGroup { groups: vec![GroupResult::of_nobody(2), laptops], others: 1 }));
        // No honest words add up to a group that nobody is in and has been tried on.
        let wrong = [&sum[..6], &[0, 1, 0, 0, 0], &sum[11..]].concat();
        assert_eq!(final_evaluation_of(&room, &wrong).unwrap().1, None);
        assert_eq!(final_evaluation_of(&room, &sum[..3]), None);
    }

    #[test]
    fn totals_are_those_of_all_reports() {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let mut room = RoomConfig::new(RoomCode::from_random(3), "tiny", 2, labels);
        room.weight_cap = 20;
        let evaluation = Evaluation { examples: 4, loss: 0.5, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] };
        let report = |examples, steps, loss, evaluation| Report {
            examples,
            steps,
            training: TrainingResult { loss, accuracy: 0.5 },
            evaluation,
        };
        let reports = [report(30, 3, 1.0, Some(&evaluation)), report(10, 6, 2.0, None)];
        let mut sum = vec![0; 11];
        for one in &reports {
            sum.iter_mut().zip(one.tail(&room)).for_each(|(sum, word)| *sum += word);
        }
        let totals = Totals::read(&room, &sum).unwrap();
        // Weights 20 of 20 and 10 of 20; (20 · 3 + 10 · 6) / 30 steps.
        assert_eq!((totals.weight, totals.steps, totals.examples), (1.5, 4.0, 40));
        assert_eq!(totals.training, TrainingResult { loss: 1.25, accuracy: 0.5 });
        assert_eq!(totals.evaluation.as_ref(), Some(&evaluation));
        let mut update = [4.0, -2.0];
        reports[1].weigh(&room, &mut update);
        assert_eq!(update, [2.0, -1.0]);
        // Noise, which comes of clients who were told different things.
        assert_eq!(Totals::read(&room, &[0; 11]), None);
        assert_eq!(Totals::read(&room, &[7; 10]), None);
        sum[7] += 1;
        assert_eq!(Totals::read(&room, &sum).unwrap().evaluation, None);
    }
}
