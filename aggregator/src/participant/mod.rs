//! A native participant: the same rules, features and networks as in a tab, around a WebSocket of its own, clips from
//! disk or a made-up voice, and a thread that trains. It prints nothing; whoever runs it is told the [`News`].

mod address;
pub mod clips;
pub mod connection;
pub mod link;
pub mod sound_file;
mod trainer;
pub mod trust;
pub mod unused;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use federation::local_work::{TooSlow, too_slow};
use federation::{
    Connection, Input, MaskingMemory, MaskingSecrets, Millis, Notice, Output, Participant, ParticipantConfig,
    StopReason, View, Work,
};
use protocol::{ClientId, Evaluation, ModelVersion, Phase, RoomConfig, Round, RoundRecord};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub use address::{Address, origin};
use clips::Clips;
pub use clips::{Source, Speaker};
use link::{FromLink, Line};
use trainer::{Report, Trainer};

use crate::clock::Clock;

/// How long an aggregator may be unreachable before the participant was ever in the room.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
/// How long it may be unreachable later; it may have been restarted.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a participant is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to.
    pub address: Address,
    /// With which clips.
    pub source: Source,
    /// With how many of them at most.
    pub most_clips: Option<usize>,
    /// The name that others see.
    pub name: Option<String>,
    /// The group of the room's that it says to be in.
    pub group: Option<String>,
    /// After how many rounds to leave; `None`: when the room is finished.
    pub rounds: Option<u32>,
    /// The share of rounds, 0 to 1, in which it leaves in place of sending its update, and comes back as somebody new.
    pub drop_out: f64,
    /// Whether any TLS certificate will do.
    pub insecure: bool,
}

/// What happens to a participant, for people and programs.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum News<'a> {
    /// It is in the room.
    Joined {
        /// Its public number.
        client: ClientId,
        /// The room.
        room: &'a RoomConfig,
        /// Whether its last round was over before.
        finished: bool,
    },
    /// It has read its clips.
    Clips {
        /// Clips that it trains on.
        training: usize,
        /// Clips that it evaluates on.
        held_back: usize,
        /// Files it could not use, and why.
        #[serde(serialize_with = "unused::as_lines")]
        skipped: &'a [(PathBuf, String)],
    },
    /// Its steps do not fit into the room's deadline.
    TooSlow {
        /// By how much.
        #[serde(flatten)]
        slow: TooSlow,
        /// Whether it does fewer steps for it; else it does all of them, and comes too late.
        fewer: bool,
    },
    /// It has tried a model on the clips that are held back.
    Evaluated {
        /// The model.
        model_version: ModelVersion,
        /// The result.
        evaluation: &'a Evaluation,
    },
    /// Its update is in a round's mean.
    Accepted {
        /// The round.
        round: Round,
    },
    /// A round is over.
    RoundClosed {
        /// What happened in it.
        record: &'a RoundRecord,
    },
    /// Something went wrong that ends nothing, such as a refused update.
    Trouble {
        /// What it was.
        message: &'a str,
    },
    /// The connection was lost, and is tried again.
    Lost,
    /// It has left, or the room is finished.
    Done {
        /// Whether the room is finished.
        finished: bool,
        /// Bytes of models and updates sent.
        sent: u64,
        /// Bytes of models and updates received.
        received: u64,
    },
    /// What it is busy with; often.
    #[serde(skip)]
    Busy {
        /// With what.
        work: &'a Work,
        /// Which round is open, and how many there are.
        round: Option<(Round, u32)>,
    },
}

/// Takes part until the room is finished, or as many rounds as are planned. Fails where the room cannot be reached or
/// will not have it, where its clips are of no use, and where `interrupted` comes first.
pub async fn take_part(plan: Plan, tell: impl Fn(&News<'_>), mut interrupted: oneshot::Receiver<()>) -> Result<()> {
    while visit(plan.clone(), &tell, &mut interrupted).await? == Visit::DroppedOut {}
    Ok(())
}

/// How a visit to the room ended.
#[derive(PartialEq)]
enum Visit {
    /// As planned.
    Over,
    /// In the middle of a round, by chance.
    DroppedOut,
}

/// Takes part under one identity.
async fn visit(plan: Plan, tell: impl Fn(&News<'_>), interrupted: &mut oneshot::Receiver<()>) -> Result<Visit> {
    let config = ParticipantConfig {
        room: plan.address.room.clone(),
        name: plan.name.clone(),
        token: None,
        software: concat!("chorus join ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: rand::random(),
        // As its identity, they last as long as this process.
        masking: Some(MaskingSecrets {
            seat: rand::random(),
            random: rand::random(),
            memory: MaskingMemory::default(),
        }),
    };
    let (reports, reported) = mpsc::unbounded_channel();
    let shell = Shell {
        participant: Participant::new(config, Millis(0)),
        clock: Clock::start(),
        line: Line::new(plan.address.socket.clone(), plan.insecure),
        plan,
        tell,
        clips: Preparation::Waiting,
        holdings: None,
        trainer: None,
        reports,
        joined: false,
        accepted: 0,
        known: Known::default(),
        finished: None,
        is_done: false,
        dropped_out: false,
    };
    shell.run(reported, interrupted).await
}

/// The clips, which can be read once the room's labels are known.
enum Preparation {
    Waiting,
    Reading(oneshot::Receiver<Result<Clips>>),
    Done,
}

/// What was told already.
#[derive(Default)]
struct Known {
    accepted: Option<Round>,
    rounds: usize,
    lost: bool,
    trouble: Option<Notice>,
}

struct Shell<T> {
    participant: Participant,
    clock: Clock,
    plan: Plan,
    tell: T,
    line: Line,
    clips: Preparation,
    /// Clips to train on, how many of each label, and clips held back, until the room is told of them.
    holdings: Option<(u32, Vec<u32>, u32)>,
    trainer: Option<Trainer>,
    reports: mpsc::UnboundedSender<Report>,
    joined: bool,
    accepted: u32,
    known: Known,
    /// The version of the finished model, while it is being evaluated.
    finished: Option<ModelVersion>,
    /// Whether it has been evaluated.
    is_done: bool,
    dropped_out: bool,
}

enum Happened {
    FromLink(FromLink),
    Reported(Report),
    ClipsRead(Result<Clips>),
    Timeout,
    Interrupted,
}

impl<T: Fn(&News<'_>)> Shell<T> {
    async fn run(
        mut self,
        mut reported: mpsc::UnboundedReceiver<Report>,
        interrupted: &mut oneshot::Receiver<()>,
    ) -> Result<Visit> {
        loop {
            self.carry_out().await?;
            if self.may_leave() {
                self.handle(Input::Leave);
                self.carry_out().await?;
            }
            if let Some(result) = self.over() {
                return result.map(|()| if self.dropped_out { Visit::DroppedOut } else { Visit::Over });
            }
            let due = self.participant.next_timeout();
            let happened = tokio::select! {
                from_link = self.line.next() => Happened::FromLink(from_link),
                Some(report) = reported.recv() => Happened::Reported(report),
                clips = read(&mut self.clips) => Happened::ClipsRead(clips),
                () = self.clock.until(due) => Happened::Timeout,
                Ok(()) = &mut *interrupted => Happened::Interrupted,
            };
            match happened {
                Happened::FromLink(FromLink::Input(input)) => self.handle(input),
                Happened::FromLink(FromLink::Down(reason)) => self.link_down(reason)?,
                Happened::Reported(Report::Input(Input::Trained { .. })) if self.drops_out() => {
                    self.handle(Input::Leave)
                }
                Happened::Reported(Report::Input(input)) => self.handle(input),
                Happened::Reported(Report::Measured(step_ms)) => self.measured(step_ms),
                Happened::Reported(Report::Evaluated { model_version, evaluation }) => {
                    self.evaluated(model_version, evaluation);
                }
                Happened::ClipsRead(clips) => self.take_clips(clips?)?,
                Happened::Timeout => self.participant.handle_timeout(self.clock.now()),
                Happened::Interrupted => {
                    self.handle(Input::Leave);
                    self.carry_out().await?;
                    bail!("left before the room was finished");
                }
            }
        }
    }

    fn handle(&mut self, input: Input) {
        self.participant.handle(self.clock.now(), input);
    }

    fn drops_out(&mut self) -> bool {
        self.dropped_out = rand::random_bool(self.plan.drop_out);
        self.dropped_out
    }

    async fn carry_out(&mut self) -> Result<()> {
        while let Some(output) = self.participant.poll_output() {
            let Some(output) = self.line.carry_out(output).await else { continue };
            match output {
                // Its next visit, in another process, is a new one: it holds nothing that an old identity is needed for.
                Output::RememberToken(_) | Output::RememberMasking(_) => {}
                Output::ComputeStatistics => self.on_trainer(Trainer::statistics),
                Output::Train(request) => self.on_trainer(|trainer| trainer.train(request)),
                Output::StopTraining => self.on_trainer(Trainer::stop),
                Output::Finished { model_version, model, standardisation } => {
                    self.finished = Some(model_version);
                    match self.trainer {
                        Some(_) => self.on_trainer(|trainer| trainer.evaluate(model_version, model, standardisation)),
                        // It came too late to take part.
                        None => self.is_done = true,
                    }
                }
                Output::Changed => self.changed()?,
                // Done by the line.
                Output::Connect
                | Output::Disconnect
                | Output::Send(_)
                | Output::SendBytes { .. }
                | Output::StopSending { .. } => {}
            }
        }
        Ok(())
    }

    fn on_trainer(&mut self, order: impl FnOnce(&mut Trainer)) {
        if let Some(trainer) = &mut self.trainer {
            order(trainer);
        }
    }

    /// Tells what is new, and begins to read clips when the room is known.
    fn changed(&mut self) -> Result<()> {
        let view = self.participant.view();
        let mut group = None;
        if let (Some(client), Some(room), Connection::Open) = (view.client, view.room, view.connection) {
            self.line.reached();
            self.known.lost = false;
            if !self.joined {
                self.joined = true;
                let finished = view.status.is_some_and(|status| status.phase == Phase::Finished);
                (self.tell)(&News::Joined { client, room, finished });
                self.clips = Preparation::Reading(begin_reading(&self.plan, room));
                group = self.plan.group.as_ref().map(|name| group_of(room, name)).transpose()?;
            }
        }
        if let Connection::Lost { .. } = view.connection
            && self.joined
            && !self.known.lost
        {
            self.known.lost = true;
            (self.tell)(&News::Lost);
        }
        if view.notice != self.known.trouble.as_ref() {
            self.known.trouble = view.notice.cloned();
            if let Some(Notice { message, .. }) = view.notice {
                (self.tell)(&News::Trouble { message });
            }
        }
        for record in view.history.iter().skip(self.known.rounds) {
            (self.tell)(&News::RoundClosed { record });
        }
        self.known.rounds = view.history.len();
        let round = view.status.map(|status| (status.round, status.rounds));
        (self.tell)(&News::Busy { work: &view.work, round });
        if let Work::Failed { reason } = &view.work {
            bail!("cannot train: {reason}");
        }
        if let Some(round) = view.accepted
            && self.known.accepted != Some(round)
        {
            self.known.accepted = Some(round);
            self.accepted += 1;
            (self.tell)(&News::Accepted { round });
            if self.plan.rounds.is_some_and(|rounds| self.accepted >= rounds) {
                self.handle(Input::Leave);
            }
        }
        if group.is_some() {
            self.handle(Input::Group(group));
        }
        Ok(())
    }

    fn take_clips(&mut self, clips: Clips) -> Result<()> {
        let room = self.participant.view().room.context("the room is not known")?;
        let labels = client::per_label(clips.training.iter().map(|example| example.label), room.labels.len());
        (self.tell)(&News::Clips {
            training: clips.training.len(),
            held_back: clips.held_back.len(),
            skipped: &clips.skipped,
        });
        self.holdings = Some((clips.training.len() as u32, labels, clips.held_back.len() as u32));
        self.trainer = Some(Trainer::start(room, Arc::new(clips), self.reports.clone())?);
        self.clips = Preparation::Done;
        Ok(())
    }

    /// How long a step takes is known, and with it all that the room is told.
    fn measured(&mut self, step_ms: f64) {
        let Some((examples, labels, held_back)) = self.holdings.take() else { return };
        self.handle(Input::Holdings { examples, labels, held_back, step_ms: Some(step_ms) });
        let room = self.participant.view().room;
        if let Some(slow) = room.and_then(|room| too_slow(room, examples, step_ms)) {
            let fewer = room.is_some_and(|room| !room.stragglers.is_whole());
            (self.tell)(&News::TooSlow { slow, fewer });
        }
        self.handle(Input::TakePart(true));
    }

    fn evaluated(&mut self, model_version: ModelVersion, evaluation: Option<Evaluation>) {
        if let Some(evaluation) = &evaluation {
            (self.tell)(&News::Evaluated { model_version, evaluation });
        }
        if self.finished == Some(model_version) {
            self.is_done = true;
        }
    }

    /// Whether there is nothing more to do: nor do the others still need this one for their sum.
    fn may_leave(&self) -> bool {
        self.is_done && !self.participant.is_in_last_sum()
    }

    fn link_down(&mut self, reason: Option<anyhow::Error>) -> Result<()> {
        self.line.down(reason)?;
        let patience = if self.joined { PATIENCE } else { FIRST_PATIENCE };
        if let Some(reason) = self.line.failing_for(patience) {
            return Err(reason).with_context(|| {
                format!(
                    "{} could not be reached for {} seconds; is it running?",
                    self.plan.address.socket,
                    patience.as_secs()
                )
            });
        }
        self.handle(Input::Closed);
        Ok(())
    }

    /// The result, once there is one.
    fn over(&self) -> Option<Result<()>> {
        let View { connection, sent, received, .. } = self.participant.view();
        match connection {
            Connection::Stopped(StopReason::Left) => {
                (self.tell)(&News::Done { finished: self.finished.is_some(), sent, received });
                Some(Ok(()))
            }
            Connection::Stopped(StopReason::MaskedOtherwise) => Some(Err(anyhow::anyhow!(
                "the server says that this room is masked otherwise than before; nothing more is sent to it"
            ))),
            Connection::Stopped(StopReason::Error { message, .. }) => Some(Err(anyhow::anyhow!("{message}"))),
            Connection::Connecting | Connection::Open | Connection::Lost { .. } => None,
        }
    }
}

/// The place of the group of this name in a room.
fn group_of(room: &RoomConfig, name: &str) -> Result<u32> {
    match room.groups.iter().position(|group| group == name) {
        Some(at) => Ok(at as u32),
        None if room.groups.is_empty() => bail!("room {} has no groups; leave --group out", room.code),
        None => bail!("room {} has no group {name:?}; it has {}", room.code, room.groups.join(", ")),
    }
}

/// Reads the clips on a thread of its own: features of many of them take a while.
fn begin_reading(plan: &Plan, room: &RoomConfig) -> oneshot::Receiver<Result<Clips>> {
    let (done, read) = oneshot::channel();
    let (source, room, most) = (plan.source.clone(), room.clone(), plan.most_clips);
    tokio::task::spawn_blocking(move || {
        // Nobody waits for them where the participant is over already.
        let _ = done.send(Clips::load(&source, &room, most));
    });
    read
}

async fn read(clips: &mut Preparation) -> Result<Clips> {
    match clips {
        Preparation::Reading(reading) => reading.await.context("the clips could not be read")?,
        Preparation::Waiting | Preparation::Done => std::future::pending().await,
    }
}
