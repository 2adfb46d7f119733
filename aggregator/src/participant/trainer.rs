//! The thread on which one participant's network lives, so that its socket goes on answering while it trains. It knows
//! clips and models, and no connection.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Result;
use client::{Hearing, RoundWork, translate};
use federation::{Input, TrainRequest};
use models::{Architecture, Backend, Learner, ModelError, Step};
use protocol::{Evaluation, ModelVersion, Normalisation, RoomConfig, Standardisation, TrainingSettings};
use tokio::sync::mpsc::UnboundedSender;

use super::clips::Clips;

/// Steps are told at most this often: nobody reads faster.
const TELL_EVERY: Duration = Duration::from_millis(250);

enum Job {
    Measure(TrainingSettings),
    Statistics,
    Train(TrainRequest),
    Evaluate { model_version: ModelVersion, model: Arc<Vec<f32>>, standardisation: Standardisation },
}

/// What the thread has to say.
#[allow(clippy::large_enum_variant, reason = "a handful exist at a time, and nearly all are the large one")]
pub enum Report {
    /// How long a step of the room's training takes here, milliseconds.
    Measured(f64),
    /// For the participant's rules.
    Input(Input),
    /// How a model did on the clips that are held back.
    Evaluated {
        /// Which model.
        model_version: ModelVersion,
        /// How it did; `None` where nothing is held back.
        evaluation: Option<Evaluation>,
    },
}

/// The door to the thread.
pub struct Trainer {
    jobs: mpsc::Sender<(u64, Job)>,
    /// Jobs numbered below this are of no use any more.
    wanted_from: Arc<AtomicU64>,
    next: u64,
}

impl Trainer {
    /// Starts the thread for a room's network, which first measures how long a step takes; what it finds out goes to `reports`.
    pub fn start(room: &RoomConfig, clips: Arc<Clips>, reports: UnboundedSender<Report>) -> Result<Self> {
        let architecture: Architecture = room.architecture.parse()?;
        let (labels, normalisation) = (room.labels.len(), room.normalisation);
        let (jobs, queue) = mpsc::channel();
        let wanted_from = Arc::new(AtomicU64::new(0));
        let wanted = wanted_from.clone();
        std::thread::Builder::new().name("trainer".to_owned()).spawn(move || {
            let bench = Bench { clips, reports, wanted, architecture, labels, normalisation, step_ms: None };
            pollster::block_on(bench.run(queue));
        })?;
        let mut trainer = Self { jobs, wanted_from, next: 0 };
        trainer.give(Job::Measure(room.training));
        Ok(trainer)
    }

    /// Adds up the training clips' features.
    pub fn statistics(&mut self) {
        self.give(Job::Statistics);
    }

    /// Evaluates the received model on what is held back, then trains it.
    pub fn train(&mut self, request: TrainRequest) {
        self.give(Job::Train(request));
    }

    /// Evaluates the finished model.
    pub fn evaluate(&mut self, model_version: ModelVersion, model: Arc<Vec<f32>>, standardisation: Standardisation) {
        self.give(Job::Evaluate { model_version, model, standardisation });
    }

    /// Makes everything given so far useless.
    pub fn stop(&mut self) {
        self.wanted_from.store(self.next, Ordering::Relaxed);
    }

    fn give(&mut self, job: Job) {
        // The thread ends only when this sender is dropped, or with a report that says why.
        let _ = self.jobs.send((self.next, job));
        self.next += 1;
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Bench {
    clips: Arc<Clips>,
    reports: UnboundedSender<Report>,
    wanted: Arc<AtomicU64>,
    architecture: Architecture,
    labels: usize,
    normalisation: Normalisation,
    /// How long a step takes, milliseconds, as measured before the first round.
    step_ms: Option<f64>,
}

impl Bench {
    async fn run(mut self, queue: mpsc::Receiver<(u64, Job)>) {
        let mut learner = match Learner::new(self.architecture, self.labels, Backend::Cpu).await {
            Ok(learner) => learner,
            Err(error) => return self.fail(&error.into()),
        };
        while let Ok((number, job)) = queue.recv() {
            if number < self.wanted.load(Ordering::Relaxed) {
                continue;
            }
            if let Err(error) = self.work(number, job, &mut learner).await {
                self.fail(&error);
            }
        }
    }

    fn say(&self, report: Report) {
        // Nobody listens once the participant is over.
        let _ = self.reports.send(report);
    }

    fn fail(&self, error: &anyhow::Error) {
        let diverged = matches!(error.downcast_ref(), Some(ModelError::Diverged { .. }));
        self.say(Report::Input(Input::TrainingFailed { reason: format!("{error:#}"), diverged }));
    }

    async fn work(&mut self, number: u64, job: Job, learner: &mut Learner) -> Result<()> {
        match job {
            Job::Measure(settings) => {
                let (began, plan) = (Instant::now(), translate::training_plan(settings, 0));
                let clock = || began.elapsed().as_secs_f64() * 1_000.0;
                let step_ms = client::step_ms(learner, &plan, false, clock).await?;
                self.step_ms = Some(step_ms);
                self.say(Report::Measured(step_ms));
            }
            Job::Statistics => {
                self.say(Report::Input(client::statistics(&self.clips.training)));
            }
            Job::Train(request) => self.train(number, request, learner).await?,
            Job::Evaluate { model_version, model, standardisation } => {
                let (hearing, held_back) = (self.hearing(&standardisation), &self.clips.held_back);
                let evaluation = client::evaluate(learner, Cow::Borrowed(&model), hearing.scale(), held_back).await?;
                if let Some(evaluation) = evaluation.clone() {
                    self.say(Report::Input(Input::Evaluated { model_version, evaluation }));
                }
                self.say(Report::Evaluated { model_version, evaluation });
            }
        }
        Ok(())
    }

    /// By which scale it hears in a group with this one.
    fn hearing(&self, group: &Standardisation) -> Hearing {
        Hearing::of(self.normalisation, translate::standardisation(group), &self.clips.training, self.labels)
    }

    async fn train(&self, number: u64, request: TrainRequest, learner: &mut Learner) -> Result<()> {
        let TrainRequest { round, model_version, .. } = request;
        let mut told: Option<Instant> = None;
        let on_step = async |step: Step| {
            if number < self.wanted.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            let last = step.step == step.steps;
            if last || told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                self.say(Report::Input(client::progress(round, &step)));
            }
            ControlFlow::Continue(())
        };
        let Clips { training, held_back, .. } = &*self.clips;
        let hearing = self.hearing(&request.standardisation);
        let mut work = RoundWork::of(&request, training.len(), self.step_ms);
        work.standardisation.clone_from(hearing.scale());
        let training = hearing.trained_on(training);
        if let Some(done) = client::local_round(learner, work, &training, held_back, on_step).await? {
            self.say(Report::Evaluated { model_version, evaluation: done.evaluation.clone() });
            for input in done.into_inputs(&request) {
                self.say(Report::Input(input));
            }
        }
        Ok(())
    }
}
