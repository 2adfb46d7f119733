//! What goes on, by names that the page has words for in every language. It says what is so, not how it is shown.

use std::collections::BTreeMap;

use protocol::Evaluation;
use serde::Serialize;

use crate::named::named;

named! {
    /// How the line to the aggregator is.
    ConnectionState {
        /// Being opened.
        Connecting = "connecting",
        /// In the room.
        Open = "open",
        /// Lost, and tried again.
        Lost = "lost",
        /// Over for good.
        Closed = "closed",
    }
}

named! {
    /// What a participant is busy with.
    WorkKind {
        /// Adds up its features.
        Statistics = "statistics",
        /// Receives a model.
        Downloading = "downloading",
        /// Tries the received model on what it holds back.
        Evaluating = "evaluating",
        /// Trains.
        Training = "training",
        /// Has an update that waits for its turn, or for the connection.
        Waiting = "waiting",
        /// Sends its update.
        Uploading = "uploading",
    }
}

named! {
    /// How the trainer stands.
    TrainerState {
        /// Nobody has asked for it.
        Absent = "absent",
        /// Its program is on the way.
        Loading = "loading",
        /// It runs.
        Ready = "ready",
        /// It is gone, or never came.
        Failed = "failed",
    }
}

named! {
    /// Why training runs on another processor than one might expect.
    BackendReason {
        /// The browser offers no graphics processor that would be quicker.
        NoGpu = "no_gpu",
        /// There is one, and the server does not have the program for it, which is built last.
        NoGpuProgram = "no_gpu_program",
        /// The graphics processor failed.
        GpuFailed = "gpu_failed",
        /// The room's network reads as well as hears, and no graphics processor trains such a one.
        GpuNoText = "gpu_no_text",
        /// The browser lets workers share no memory, so one core trains.
        NoSharedMemory = "no_shared_memory",
        /// The browser lacks something else of what the program for several cores is made of, so one trains.
        NoThreads = "no_threads",
        /// The server does not have the program for several cores, so one trains.
        NoThreadsProgram = "no_threads_program",
        /// Training on several cores failed, so one trains.
        ThreadsFailed = "threads_failed",
    }
}

/// What a participant is busy with, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Work {
    /// Which work.
    pub what: WorkKind,
    /// How much of it is done, 0 to 1.
    pub fraction: f64,
    /// The epoch, while training.
    pub epoch: Option<u32>,
    /// All epochs, while training.
    pub epochs: Option<u32>,
    /// The step in the epoch, while training.
    pub step: Option<u32>,
    /// Steps an epoch, while training.
    pub steps: Option<u32>,
}

impl Work {
    /// None where there is nothing to do.
    pub fn of(work: &federation::Work) -> Option<Self> {
        use federation::Work as Busy;
        let plain = |what, fraction: f32| {
            Some(Self { what, fraction: f64::from(fraction), epoch: None, epochs: None, step: None, steps: None })
        };
        match work {
            Busy::Idle | Busy::Failed { .. } => None,
            Busy::Statistics => plain(WorkKind::Statistics, 0.0),
            Busy::Downloading { fraction } => plain(WorkKind::Downloading, *fraction),
            // Before its first step, the received model is tried on the clips that are held back.
            Busy::Training { epoch: 0, .. } => plain(WorkKind::Evaluating, 0.0),
            Busy::Training { epoch, epochs, step, steps, fraction, .. } => Some(Self {
                what: WorkKind::Training,
                fraction: f64::from(*fraction),
                epoch: Some(*epoch),
                epochs: Some(*epochs),
                step: Some(*step),
                steps: Some(*steps),
            }),
            Busy::Waiting { .. } => plain(WorkKind::Waiting, 1.0),
            Busy::Uploading { fraction, .. } => plain(WorkKind::Uploading, *fraction),
        }
    }
}

impl ConnectionState {
    /// Without when it is tried again, or why it is over.
    pub fn of(connection: &federation::Connection) -> Self {
        match connection {
            federation::Connection::Connecting => Self::Connecting,
            federation::Connection::Open => Self::Open,
            federation::Connection::Lost { .. } => Self::Lost,
            federation::Connection::Stopped(_) => Self::Closed,
        }
    }
}

/// The shared model's results by version: a round's record tells how the version did that the round *began* with.
pub fn shared_results<'a>(view: &federation::View<'a>) -> BTreeMap<u32, &'a Evaluation> {
    let mut results: BTreeMap<u32, &Evaluation> = view
        .history
        .iter()
        .filter_map(|record| Some((record.model_version.0.checked_sub(1)?, record.evaluation.as_ref()?)))
        .collect();
    if let Some(status) = view.status
        && let Some(evaluation) = &status.final_evaluation
    {
        results.insert(status.model_version.0, evaluation);
    }
    results
}

#[cfg(test)]
mod tests {
    use federation::Work as Busy;
    use protocol::{ModelVersion, Phase, Round, RoundRecord, Status, TrainingResult};

    use super::*;

    #[test]
    fn work_is_told_with_its_steps() {
        let training = |epoch| Busy::Training { round: Round(2), epoch, epochs: 3, step: 4, steps: 5, fraction: 0.5 };
        let work = Work::of(&training(2)).unwrap();
        assert_eq!((work.what, work.fraction), (WorkKind::Training, 0.5));
        assert_eq!((work.epoch, work.epochs, work.step, work.steps), (Some(2), Some(3), Some(4), Some(5)));
        let plain = |work: &Busy| Work::of(work).map(|work| (work.what.name(), work.fraction, work.epoch));
        assert_eq!(plain(&training(0)), Some(("evaluating", 0.0, None)), "before its first step");
        assert_eq!(plain(&Busy::Statistics), Some(("statistics", 0.0, None)));
        assert_eq!(plain(&Busy::Downloading { fraction: 0.25 }), Some(("downloading", 0.25, None)));
        assert_eq!(plain(&Busy::Waiting { round: Round(2) }), Some(("waiting", 1.0, None)));
        assert_eq!(plain(&Busy::Uploading { round: Round(2), fraction: 0.75 }), Some(("uploading", 0.75, None)));
        assert_eq!(plain(&Busy::Idle), None);
    }

    #[test]
    fn a_record_tells_of_the_model_that_its_round_began_with() {
        let evaluation =
            |accuracy| Evaluation { examples: 4, loss: 1.0, accuracy, confusion: vec![vec![2, 0], vec![1, 1]] };
        let record = |round, evaluation| RoundRecord {
            round: Round(round),
            model_version: ModelVersion(round),
            clients: 2,
            examples: 8,
            refused: 0,
            duration_ms: 1,
            evaluation,
            training: TrainingResult { loss: 1.0, accuracy: 0.5 },
        };
        let history = [record(1, None), record(2, Some(evaluation(0.5)))];
        let status = Status {
            phase: Phase::Finished,
            round: Round(2),
            rounds: 2,
            model_version: ModelVersion(2),
            connected: 0,
            ready: 0,
            goal: 1,
            least: 1,
            received: 0,
            deadline_ms: None,
            paused: false,
            locked: false,
            held: false,
            singles_out: false,
            bytes_up: 0,
            bytes_down: 0,
            clients: Vec::new(),
            final_evaluation: Some(evaluation(0.75)),
            final_groups: Vec::new(),
            budget: None,
        };
        let view = federation::View {
            connection: &federation::Connection::Open,
            room: None,
            status: Some(&status),
            client: None,
            name: None,
            taking_part: true,
            work: Busy::Idle,
            accepted: None,
            notice: None,
            masked_together: None,
            sent: 0,
            received: 0,
            history: &history,
        };
        let accuracies: Vec<(u32, f64)> =
            shared_results(&view).into_iter().map(|(version, result)| (version, result.accuracy)).collect();
        assert_eq!(accuracies, [(1, 0.5), (2, 0.75)], "the second round began with version 1");
    }
}
