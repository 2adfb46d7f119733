//! An edge: a server for its own clients, and one client of the room above it, the root. Its own room is a [`Coordinator`]
//! that is led ([`Coordinator::led`]); this is what leads it: a [`Participant`] of the root's room, whose training is what the
//! room's clients give. It knows no socket, no clock and no file, as both of its ends.
//!
//! The shell carries [`Output`]s out as it does a participant's, hands each [`Lead`] to the room, and each [`Word`] of the room
//! back.

use std::collections::VecDeque;

use protocol::{RoomConfig, ServerMessage, Token};

use crate::{Input, Lead, Millis, Output, Participant, ParticipantConfig, View, Word};

/// The way up of an edge.
#[derive(Debug)]
pub struct Edge {
    root: Participant,
    key: Token,
    leads: VecDeque<Lead>,
    /// Its clients gave nothing in time: until the root goes on, nothing is given.
    sits_out: bool,
    /// When the round that is wanted ends above.
    deadline: Millis,
    now: Millis,
}

impl Edge {
    /// An edge that connects to its root at once. `key` is the edges' key of that room.
    pub fn new(config: ParticipantConfig, key: Token, now: Millis) -> Edge {
        let mut root = Participant::new(config, now);
        root.handle(now, Input::TakePart(true));
        Edge { root, key, leads: VecDeque::new(), sits_out: false, deadline: now, now }
    }

    /// What the root, or the connection to it, brings.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.now = self.now.max(now);
        let mut goes_on = false;
        if let Input::Message(message) = &input {
            match message {
                ServerMessage::Round { deadline_ms, .. } => self.deadline = self.now + *deadline_ms,
                ServerMessage::RoundClosed { record } => {
                    self.leads.push_back(Lead::Closed { record: record.clone() });
                    goes_on = true;
                }
                ServerMessage::RoundAbandoned { round, .. } => {
                    if round.is_some() {
                        self.leads.push_back(Lead::Abandoned);
                    }
                    goes_on = true;
                }
                ServerMessage::Settings { room } => self.leads.push_back(Lead::Settings { rounds: room.rounds }),
                _ => {}
            }
        }
        self.root.handle(now, input);
        if goes_on && std::mem::take(&mut self.sits_out) {
            self.root.handle(now, Input::TakePart(true));
        }
    }

    /// What its own room has for the root.
    pub fn take(&mut self, now: Millis, word: Word) {
        self.now = self.now.max(now);
        let input = match word {
            Word::Holdings { clients, examples, labels, held_back } => {
                let key = self.key.clone();
                Input::Edge { key, clients, examples, labels, held_back }
            }
            Word::Statistics { frames, sum, sum_squares } => Input::Statistics { frames, sum, sum_squares },
            Word::Partial(partial) => Input::Gathered(partial),
            Word::Nothing => {
                self.sits_out = true;
                Input::TakePart(false)
            }
            Word::Evaluation { version, evaluation, by_group } => {
                self.root.handle(now, Input::ByGroup(by_group));
                Input::Evaluated { model_version: version, evaluation }
            }
        };
        self.root.handle(now, input);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Millis) {
        self.now = self.now.max(now);
        self.root.handle_timeout(now);
    }

    /// When `handle_timeout` should be called next, if nothing happens before.
    pub fn next_timeout(&self) -> Option<Millis> {
        self.root.next_timeout()
    }

    /// What is to be seen of it from above.
    pub fn view(&self) -> View<'_> {
        self.root.view()
    }

    /// The settings of its own room, once the root's are known.
    ///
    /// # Errors
    /// The root's room takes no edges; in words.
    pub fn room(&self) -> Option<Result<RoomConfig, String>> {
        let root = self.root.view().room?;
        Some(root.of_edge().ok_or_else(|| format!("room {} takes no edges; make one with --edges", root.code)))
    }

    /// The next thing to do towards the root; what is its own room's to do is [`Edge::poll_lead`]'s. Ask both until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        while let Some(output) = self.root.poll_output() {
            match output {
                Output::ComputeStatistics => self.leads.push_back(Lead::Statistics),
                Output::Train(request) => {
                    self.leads.push_back(Lead::Round {
                        version: request.model_version,
                        parameters: request.model,
                        attachment: self.root.attachment(),
                        difference: self.root.difference(),
                        standardisation: request.standardisation,
                        history: self.root.view().history.to_vec(),
                        rounds: self.root.view().room.map_or(0, |room| room.rounds),
                        left_ms: self.deadline.since(self.now),
                    });
                }
                Output::Finished { model_version, model, standardisation } => self.leads.push_back(Lead::Finished {
                    version: model_version,
                    parameters: model,
                    attachment: self.root.attachment(),
                    difference: self.root.difference(),
                    standardisation,
                    history: self.root.view().history.to_vec(),
                }),
                // The round that is over says so itself.
                Output::StopTraining => {}
                output => return Some(output),
            }
        }
        None
    }

    /// The next thing that its own room is to do.
    pub fn poll_lead(&mut self) -> Option<Lead> {
        self.leads.pop_front()
    }
}
