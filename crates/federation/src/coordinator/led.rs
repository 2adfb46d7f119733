//! A room that an edge keeps for its own clients. Its rounds are the root's: it begins one when the root has, over the root's
//! model, gathers its clients' updates as any room does, and gives what they come to in place of making a model of it. So are its
//! statistics and evaluations. Its clients do not notice.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use masking::Purpose;
use protocol::limits::MAX_FRAMES;
use protocol::{
    ByGroup, ClientId, Difference, ErrorCode, Evaluation, ModelVersion, PartialSum, RoomConfig, Round, RoundRecord,
    ServerMessage, Standardisation,
};

use super::groups::EVALUATIONS_MS;
use super::host::went_back_text;
use super::phase::PhaseState;
use super::uploads::Uploads;
use super::{Action, Client, Contribution, Coordinator, CoordinatorError, Groups};
use crate::normalisation::Sums;
use crate::partial::Partial;
use crate::{MemorySpool, Millis, Model};

/// Of the time that the root waits, an edge waits for its own clients so many fifths: its sum still has to go up.
const FIFTHS: u64 = 4;
/// The root is told how many there are at most so often, milliseconds, but for what it needs to know before a sum.
const HOLDINGS_EVERY_MS: u64 = 2_000;

/// What the root wants of an edge's room.
#[derive(Clone, Debug)]
pub enum Lead {
    /// The sums of its clients' features.
    Statistics,
    /// Its clients' updates of this model.
    Round {
        /// The model's version.
        version: ModelVersion,
        /// Its parameters.
        parameters: Arc<Vec<f32>>,
        /// What the strategy sends along; empty where that is nothing.
        attachment: Arc<Vec<f32>>,
        /// The difference as which it came: it goes on as that to whoever has the version before.
        difference: Option<(Difference, Bytes)>,
        /// How features are standardised.
        standardisation: Standardisation,
        /// Rounds that are over.
        history: Vec<RoundRecord>,
        /// Rounds in all.
        rounds: u32,
        /// Time until the root closes the round, milliseconds.
        left_ms: u64,
    },
    /// A round is over; what was gathered for it and not given is of no use any more.
    Closed {
        /// What happened in it.
        record: RoundRecord,
    },
    /// The root gave the round up, and repeats it.
    Abandoned,
    /// The root's host changed its name, or how many rounds there are.
    Settings {
        /// Rounds in all.
        rounds: u32,
    },
    /// The last round is over.
    Finished {
        /// The model's version.
        version: ModelVersion,
        /// Its parameters.
        parameters: Arc<Vec<f32>>,
        /// What the strategy sends along; empty where that is nothing.
        attachment: Arc<Vec<f32>>,
        /// The difference as which it came: it goes on as that to whoever has the version before.
        difference: Option<(Difference, Bytes)>,
        /// How features are standardised.
        standardisation: Standardisation,
        /// All rounds.
        history: Vec<RoundRecord>,
    },
}

/// What an edge's room has for the root.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// So many take part, with so many examples in all; nobody does where `clients` is 0.
    Holdings {
        /// Clients.
        clients: u32,
        /// Examples that they train on.
        examples: u32,
        /// How many of each label; empty where that is not told.
        labels: Vec<u32>,
        /// Examples that they evaluate on.
        held_back: u32,
    },
    /// The sums of their features.
    Statistics {
        /// Frames counted.
        frames: u64,
        /// Sum of each feature.
        sum: Vec<f64>,
        /// Sum of each feature's square.
        sum_squares: Vec<f64>,
    },
    /// What their updates come to.
    Partial(Box<Partial>),
    /// Too few gave anything in time.
    Nothing,
    /// How the finished model does with all of them.
    Evaluation {
        /// Its version.
        version: ModelVersion,
        /// The result.
        evaluation: Evaluation,
        /// In a room with groups, what it is made of.
        by_group: Option<ByGroup>,
    },
}

/// What is wanted, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Statistics(Millis),
    Update(Millis),
    /// How the finished model does.
    Evaluation(Millis),
}

/// What the root wants of a room, and what the room has for it.
#[derive(Debug)]
pub(super) struct Led {
    wanted: Wanted,
    words: VecDeque<Word>,
    /// What the root was told last of who takes part, and when.
    told: Option<(Word, Millis)>,
    /// What was given to the round whose end is not heard yet.
    given: Vec<Contribution>,
    /// In a masked room with groups, what its clients' evaluations of the finished model come to by group, until the root is told.
    pub by_group: Option<ByGroup>,
}

impl Led {
    fn until(&self) -> Option<Millis> {
        match self.wanted {
            Wanted::Nothing => None,
            Wanted::Statistics(until) | Wanted::Update(until) | Wanted::Evaluation(until) => Some(until),
        }
    }

    pub fn next_timeout(&self, phase: &PhaseState) -> Option<Millis> {
        // An open phase has its own deadline.
        self.until().filter(|_| matches!(phase, PhaseState::Lobby | PhaseState::Finished(_)))
    }
}

impl Coordinator {
    /// The room that an edge keeps, with these settings ([`RoomConfig::of_edge`]); it waits for its first [`Lead`].
    ///
    /// # Errors
    /// The settings can't work.
    pub fn led(config: RoomConfig) -> Result<Coordinator, CoordinatorError> {
        let nothing = vec![0.0; config.parameters as usize];
        let mut room = Coordinator::new(config, nothing, Box::<MemorySpool>::default())?;
        let (words, told, given, by_group) = Default::default();
        room.led = Some(Led { wanted: Wanted::Nothing, words, told, given, by_group });
        Ok(room)
    }

    /// Whether it is an edge's room: a round that it has closed is over once the root says so.
    pub fn is_led(&self) -> bool {
        self.led.is_some()
    }

    /// Does what the root wants.
    pub fn lead(&mut self, now: Millis, lead: Lead) {
        self.now = self.now.max(now);
        let until = self.now + self.config.deadline_ms * FIFTHS / 5;
        match lead {
            Lead::Statistics => {
                if matches!(self.phase, PhaseState::Finished(_)) {
                    self.go_back();
                }
                self.want(Wanted::Statistics(until));
            }
            Lead::Round { version, parameters, attachment, difference, standardisation, history, rounds, left_ms } => {
                if matches!(self.phase, PhaseState::Finished(_)) || history.len() < self.history.len() {
                    self.go_back();
                }
                self.config.rounds = rounds;
                self.drop_open("the round is over, and another one begins");
                let model = Model::new(version, parameters.to_vec(), &attachment, self.config.encoding);
                self.take_over(model.came_as(difference), standardisation, history);
                self.want(Wanted::Update(self.now + left_ms * FIFTHS / 5));
            }
            Lead::Closed { record } => {
                self.drop_open("the round closed before the update was in; go on with the next one");
                self.want(Wanted::Nothing);
                // One that comes after others were missed is in the history that the next round brings.
                if record.round.0 as usize == self.history.len() + 1 {
                    self.history.push(record.clone());
                    let given = self.led.as_mut().map(|led| std::mem::take(&mut led.given)).unwrap_or_default();
                    self.remember(given);
                    self.broadcast(ServerMessage::RoundClosed { record });
                }
            }
            Lead::Abandoned => {
                if let PhaseState::Lobby = self.phase {
                    let (round, least) = (Some(self.present_round()), self.least());
                    self.broadcast(ServerMessage::RoundAbandoned { round, received: 0, least });
                }
            }
            Lead::Settings { rounds } => {
                self.config.rounds = rounds.max(self.history.len() as u32);
                self.broadcast(ServerMessage::Settings { room: self.config.clone() });
            }
            Lead::Finished { version, parameters, attachment, difference, standardisation, history } => {
                self.drop_open("all rounds are over");
                let model = Model::new(version, parameters.to_vec(), &attachment, self.config.encoding);
                self.take_over(model.came_as(difference), standardisation, history);
                self.config.rounds = version.0;
                self.phase = PhaseState::finished();
                self.want(Wanted::Evaluation(self.now + EVALUATIONS_MS));
                self.broadcast(ServerMessage::Settings { room: self.config.clone() });
                self.tell_of_the_end();
            }
        }
        self.status_changed = true;
        self.advance();
        self.send_status();
    }

    /// The next thing that the root has to hear.
    pub fn poll_word(&mut self) -> Option<Word> {
        self.led.as_mut()?.words.pop_front()
    }

    /// When whatever begins now is over: as long as the room gives it, or until the root wants it.
    pub(super) fn deadline(&self) -> Millis {
        self.led.as_ref().and_then(Led::until).unwrap_or(self.now + self.config.deadline_ms)
    }

    fn want(&mut self, wanted: Wanted) {
        if let Some(led) = &mut self.led {
            led.wanted = wanted;
        }
    }

    fn tell(&mut self, word: Word) {
        if let Some(led) = &mut self.led {
            led.words.push_back(word);
        }
    }

    /// Whatever is being gathered is of no use any more.
    fn drop_open(&mut self, why: &str) {
        let round = self.present_round();
        self.end_uploads(round, why);
        self.back_to_lobby();
    }

    /// The root's host went back to an earlier version, or on from the last: everyone has to connect again, so that no message of
    /// the time before is taken for one of now.
    fn go_back(&mut self) {
        let connections: Vec<_> = self.clients.sessions.keys().copied().collect();
        for connection in connections {
            self.end(connection, ErrorCode::Restarted, went_back_text(), false);
        }
        self.back_to_lobby();
        self.final_evaluations.clear();
        self.masked_evaluation = None;
        self.groups = Groups::default();
        for client in self.clients.all.values_mut() {
            client.taking_part = false;
        }
        if let Some(led) = &mut self.led {
            (led.told, led.given, led.by_group) = (None, Vec::new(), None);
        }
    }

    /// The root's model and history are this room's.
    fn take_over(&mut self, model: Model, standardisation: Standardisation, history: Vec<RoundRecord>) {
        self.model = model;
        self.standardisation = Some(standardisation);
        self.contributions.resize(history.len(), Vec::new());
        self.history = history;
        self.identities_changed = false;
        self.actions.push_back(Action::Checkpoint { model: true });
    }

    /// Begins what the root wants, if enough clients are ready, or gives up in time.
    pub(super) fn leave_led_lobby(&mut self) -> bool {
        let Some(led) = &self.led else { return false };
        if led.wanted == Wanted::Nothing {
            return false;
        }
        if led.until().is_some_and(|until| until <= self.now) {
            self.want(Wanted::Nothing);
            self.tell(Word::Nothing);
            return false;
        }
        if self.paused || (self.clients.ready().count() as u32) < self.least() {
            return false;
        }
        let (wanted, statistics) = (led.wanted, matches!(led.wanted, Wanted::Statistics(_)));
        if !self.chooses_openers(if statistics { Purpose::Statistics } else { Purpose::Update }) {
            return false;
        }
        (self.begun, self.back_by) = (true, None);
        match wanted {
            Wanted::Statistics(_) if self.config.masking.is_some() => self.open_statistics(),
            Wanted::Statistics(_) => self.begin_normalising(),
            Wanted::Update(_) => self.open_round(Uploads::default()),
            Wanted::Nothing | Wanted::Evaluation(_) => return false,
        }
        true
    }

    /// Tells the root how many there are where that has changed, and what there is of evaluations once all have said.
    pub(super) fn follow(&mut self) {
        let (least, now) = (self.least(), self.now);
        let Some(led) = &self.led else { return };
        let ready = self.clients.ready().count() as u32;
        let enough = ready >= least;
        let nobody = matches!(led.told, None | Some((Word::Holdings { clients: 0, .. }, _)));
        let due = led.told.as_ref().is_none_or(|(_, at)| now.since(*at) >= HOLDINGS_EVERY_MS);
        // Whoever waits for an update of somebody who is here need not know that others come and go.
        let idle = led.wanted == Wanted::Nothing;
        if enough && (nobody || due) {
            self.tell_holdings(&[]);
        } else if !enough && !nobody && idle {
            self.tell_nobody();
        }
        self.settle_evaluations();
    }

    /// Too few take part to give anything.
    fn tell_nobody(&mut self) {
        let now = self.now;
        let Some(led) = &mut self.led else { return };
        let nobody = Word::Holdings { clients: 0, examples: 0, labels: Vec::new(), held_back: 0 };
        led.told = Some((nobody.clone(), now));
        led.words.push_back(nobody);
    }

    /// Says who takes part, and no fewer than have given something, if it is not what was said last.
    fn tell_holdings(&mut self, given: &[ClientId]) {
        let counts = |client: &&Client| client.taking_part || given.contains(&client.id);
        let clients: Vec<&Client> = self.clients.all.values().filter(counts).collect();
        let sum = |of: fn(&Client) -> u32| clients.iter().map(|client| of(client)).fold(0, u32::saturating_add);
        let labels = if self.config.tells_nothing_of_clients() { 0 } else { self.config.labels.len() };
        let label = |index: usize| clients.iter().filter_map(|client| client.labels.get(index)).sum();
        let word = Word::Holdings {
            clients: sum(Client::stands_for),
            examples: sum(|client| client.most_examples),
            labels: (0..labels).map(label).collect(),
            held_back: sum(Client::most_evaluated),
        };
        let now = self.now;
        let Some(led) = &mut self.led else { return };
        if led.told.as_ref().is_some_and(|(told, _)| *told == word) {
            return;
        }
        led.told = Some((word.clone(), now));
        led.words.push_back(word);
    }

    /// The sums of all clients' features are there.
    pub(super) fn give_statistics(&mut self, all: &Sums) {
        self.tell_holdings(&[]);
        self.want(Wanted::Nothing);
        let (frames, sum, sum_squares) = all.clone().held_at(MAX_FRAMES).into_parts();
        self.tell(Word::Statistics { frames, sum, sum_squares });
        self.back_to_lobby();
    }

    /// The round's updates are there: what they come to is the root's.
    pub(super) fn give_partial(&mut self) {
        let PhaseState::Collecting(state) = std::mem::replace(&mut self.phase, PhaseState::Lobby) else { return };
        self.back_to_lobby();
        let mut state = *state;
        let evaluations = state.given.iter().filter_map(|(given, _)| Some((&given.client, given.evaluation.as_ref()?)));
        let evaluation = state.masked_evaluation.take().or_else(|| self.combined(evaluations));
        let metrics = state.metrics;
        let (mut weight, mut steps, mut means) = (0.0, 0.0, Vec::new());
        for mean in state.gathered.means() {
            (weight, steps) = (mean.weight(), mean.mean_steps());
            means.extend(mean.into_mean().unwrap_or_default());
        }
        let given: Vec<ClientId> = state.given.iter().map(|(given, _)| given.client).collect();
        let given_before = self.with_agreements(state.given);
        for id in &given {
            if let Some(client) = self.clients.get_mut(*id) {
                client.contributed = true;
            }
        }
        self.tell_holdings(&given);
        self.want(Wanted::Nothing);
        if let Some(led) = &mut self.led {
            led.given = given_before;
        }
        let sum = PartialSum {
            clients: metrics.clients(),
            examples: u32::try_from(metrics.examples()).unwrap_or(u32::MAX),
            weight,
            steps,
            done: state.work.done,
            planned: state.work.planned,
        };
        let (round, model_version) = (Round(self.model.version().0 + 1), self.model.version());
        let training = metrics.training();
        self.tell(Word::Partial(Box::new(Partial { round, model_version, sum, means, evaluation, training })));
    }

    /// Evaluations of the finished model become one once all who took part have said, or in time.
    pub(super) fn settle_evaluations(&mut self) {
        let Some(Wanted::Evaluation(until)) = self.led.as_ref().map(|led| led.wanted) else { return };
        let here = self.clients.connected().filter(|(client, _)| client.contributed);
        let here: Vec<ClientId> = here.map(|(client, _)| client.id).collect();
        let missing = match self.config.masking {
            Some(_) => self.masked_evaluation.is_none(),
            None => here.iter().any(|id| !self.final_evaluations.contains_key(id)),
        };
        let nobody = here.is_empty() && self.final_evaluations.is_empty() && self.masked_evaluation.is_none();
        if self.now < until && (missing || nobody) {
            return;
        }
        self.want(Wanted::Nothing);
        let by_group = self.give_groups();
        if let Some(evaluation) = self.final_evaluation() {
            let version = self.model.version();
            self.tell(Word::Evaluation { version, evaluation, by_group });
        }
    }

    /// What the root is told by group. It alone shows anything of them: beside its sums, this room's would show those of other edges.
    fn give_groups(&mut self) -> Option<ByGroup> {
        if self.config.groups.is_empty() {
            return None;
        }
        let masked = self.led.as_mut().and_then(|led| led.by_group.take());
        let by_group = if self.config.masking.is_some() { masked } else { Some(self.sums_by_group()) };
        self.show_groups(None);
        by_group
    }
}
