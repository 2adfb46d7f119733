//! A session file: what a class did in a room, so that it can be played again with other voices and looked into without knowing
//! anybody. It has settings, who held how many clips of which label, who gave to which round and when, and what was published. It has
//! no sound, no text, no prompt, no name, no code, no secret, no address, no date, and nothing that a browser says of itself: places
//! have numbers.
//!
//! Labels and the names of groups are in it as the host typed them. Whatever is read here may come from anyone, and is bounded.

use std::collections::{BTreeMap, BTreeSet};

use federation::{Checkpoint, Contribution};
use protocol::limits::{MAX_CLIENTS, MAX_EXAMPLES, MAX_ROUNDS};
use protocol::{ClientId, Evaluation, GroupResult, ProtocolError, RoomCode, RoomConfig, RoundRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the file's own form is; another number is not read.
pub const VERSION: u32 = 1;
/// Longest file that is read, in bytes: a thousand rounds of a thousand clients have less.
pub const LONGEST: usize = 256 << 20;

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// [`VERSION`].
    pub chorus_session: u32,
    /// The program's version.
    pub program: String,
    /// The room's settings, without its code and name.
    pub room: Value,
    /// Clients that gave something, each of which has a number below this, in the order of their first results.
    pub places: u32,
    /// Every round that is over.
    pub rounds: Vec<SessionRound>,
    /// How the finished model does on what the clients hold back, as far as they said.
    pub final_evaluation: Option<Evaluation>,
    /// In a room with groups: how it does with each of them, as far as everyone may see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub final_groups: Vec<Option<GroupResult>>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRound {
    /// What was published of it.
    pub record: RoundRecord,
    /// Who gave to it, in the order in which the results came; empty where that is not known any more.
    pub gave: Vec<Gave>,
    /// Places that gave to a round before and not to this one: lost, late, or looking on.
    pub lacking: Vec<u32>,
}

/// What one place gave to a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gave {
    /// Whose.
    pub place: u32,
    /// Clips that it trained on; 0 where that was masked.
    pub examples: u32,
    /// How many of each label; empty where that was masked.
    pub labels: Vec<u32>,
    /// When it was there, milliseconds after the round was opened.
    pub after_ms: u64,
    /// The L2 norm of its update, in the parameters' own unit; 0 where that was masked or noise was added.
    pub norm: f32,
    /// How far it pointed where the others' did, a cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f32>,
    /// How the model that the round began with did on what it holds back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// Why a file is no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// Longer than any session.
    #[error("it has {bytes} bytes, and a session file at most {LONGEST}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Cut off, or no JSON.
    #[error("it is no whole session file ({0}); download it again")]
    Unreadable(#[from] serde_json::Error),
    /// It is not called a session, or of another form.
    #[error("it is of form {found}, and this program reads form {VERSION}; use the version of Chorus that wrote it")]
    Version {
        /// Its number.
        found: u64,
    },
    /// JSON of something else.
    #[error("it is no session file: it has no number `chorus_session`")]
    Other,
    /// Its settings make no room.
    #[error("its settings make no room: {0}")]
    Room(#[from] ProtocolError),
    /// Counts that cannot be.
    #[error("{0}")]
    Impossible(String),
}

/// The settings of a room that say who it was.
const PERSONAL: [&str; 2] = ["code", "name"];
/// And those that only people see, in which a host may have written anything.
const SHOWN: [&str; 2] = ["signs", "prompts"];

impl Session {
    /// Of a room.
    ///
    /// # Errors
    /// Never, in practice: settings are plain data.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, serde_json::Error> {
        let mut room = serde_json::to_value(&checkpoint.config)?;
        if let Some(room) = room.as_object_mut() {
            PERSONAL.iter().chain(&SHOWN).for_each(|field| drop(room.remove(*field)));
        }
        let mut places = BTreeMap::<ClientId, u32>::new();
        let mut rounds = Vec::new();
        for (record, contributions) in checkpoint.history.iter().zip(&checkpoint.contributions) {
            let before: Vec<u32> = places.values().copied().collect();
            let gave: Vec<Gave> = contributions
                .iter()
                .map(
                    |Contribution {
                         client,
                         examples,
                         labels,
                         after_ms,
                         norm,
                         agreement,
                         evaluation,
                         name: _,
                         clipped: _,
                     }| {
                        let next = places.len() as u32;
                        Gave {
                            place: *places.entry(*client).or_insert(next),
                            examples: *examples,
                            labels: labels.clone(),
                            after_ms: *after_ms,
                            norm: *norm,
                            agreement: *agreement,
                            evaluation: evaluation.clone(),
                        }
                    },
                )
                .collect();
            let mut lacking: Vec<u32> = before
                .into_iter()
                .filter(|place| !gave.is_empty() && gave.iter().all(|gave| gave.place != *place))
                .collect();
            lacking.sort_unstable();
            rounds.push(SessionRound { record: record.clone(), gave, lacking });
        }
        Ok(Self {
            chorus_session: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            room,
            places: places.len() as u32,
            rounds,
            final_evaluation: checkpoint.final_evaluation(),
            final_groups: checkpoint.groups.shown().to_vec(),
        })
    }

    /// Reads a file that may come from anyone, with the room's settings under a made-up code.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn read(bytes: &[u8]) -> Result<(Self, RoomConfig), NoSession> {
        if bytes.len() > LONGEST {
            return Err(NoSession::TooLong { bytes: bytes.len() });
        }
        // The form first: of another one nothing else need be as it is here.
        let whole: Value = serde_json::from_slice(bytes)?;
        match whole.get("chorus_session").and_then(Value::as_u64) {
            Some(found) if found == u64::from(VERSION) => {}
            Some(found) => return Err(NoSession::Version { found }),
            None => return Err(NoSession::Other),
        }
        let session: Self = serde_json::from_value(whole)?;
        let code = RoomCode::from_random(1);
        let mut settings = session.room.clone();
        if let Some(settings) = settings.as_object_mut() {
            for field in PERSONAL {
                settings.insert(field.to_owned(), code.as_str().into());
            }
        }
        let room: RoomConfig = serde_json::from_value(settings)?;
        room.check()?;
        session.check(&room)?;
        Ok((session, room))
    }

    /// Refuses counts that no room can have.
    fn check(&self, room: &RoomConfig) -> Result<(), NoSession> {
        let wrong = |what: String| Err(NoSession::Impossible(what));
        // Who has left makes place for others, so that there may be more than fit at one time; not without end.
        if self.places > 16 * MAX_CLIENTS {
            return wrong(format!("it has {} places, more than any session", self.places));
        }
        if self.rounds.len() > MAX_ROUNDS as usize || self.rounds.len() > room.rounds as usize {
            return wrong(format!("it has {} rounds of a room of {}", self.rounds.len(), room.rounds));
        }
        for (number, SessionRound { record, gave, lacking }) in self.rounds.iter().enumerate() {
            let round = number + 1;
            if record.round.0 as usize != round || record.model_version.0 as usize != round {
                return wrong(format!("its round {round} is called round {}", record.round.0));
            }
            if !gave.is_empty() && gave.len() != record.clients as usize {
                return wrong(format!("round {round} has {} clients, and {} gave to it", record.clients, gave.len()));
            }
            let mut seen = BTreeSet::new();
            for one in gave {
                let of_labels: u64 = one.labels.iter().map(|&count| u64::from(count)).sum();
                let known = !one.labels.is_empty();
                if one.place >= self.places || !seen.insert(one.place) {
                    return wrong(format!("place {} gave twice to round {round}, or there is none", one.place));
                }
                if known && one.labels.len() != room.labels.len() {
                    return wrong(format!(
                        "place {} has {} labels of a room of {}",
                        one.place,
                        one.labels.len(),
                        room.labels.len()
                    ));
                }
                if of_labels > u64::from(MAX_EXAMPLES) || (known && of_labels != u64::from(one.examples)) {
                    return wrong(format!(
                        "place {} trained on {} clips in round {round}, and has {of_labels} by label",
                        one.place, one.examples
                    ));
                }
                if !one.norm.is_finite() || one.norm < 0.0 {
                    return wrong(format!("an update of place {} has no length", one.place));
                }
            }
            if let Some(place) = lacking.iter().find(|place| **place >= self.places || seen.contains(place)) {
                return wrong(format!("place {place} is lacking in round {round}, and gave to it, or there is none"));
            }
        }
        Ok(())
    }

    /// How many clips of each label each place held when it gave last; `None` where that is not known of all, as in masked rooms.
    pub fn holdings(&self) -> Option<Vec<Vec<u32>>> {
        let last = |place: u32| {
            let gave = self.rounds.iter().rev().flat_map(|round| &round.gave);
            gave.filter(|gave| gave.place == place).map(|gave| &gave.labels).find(|labels| !labels.is_empty()).cloned()
        };
        (0..self.places).map(last).collect()
    }

    /// Who gave to each round; empty for rounds of which that is not known.
    pub fn attendance(&self) -> Vec<Vec<usize>> {
        let of = |round: &SessionRound| round.gave.iter().map(|gave| gave.place as usize).collect();
        self.rounds.iter().map(of).collect()
    }

    /// How each version of the class' model did on what the class held back, from version 0: in how many of how many clips.
    pub fn accuracies(&self) -> Vec<Option<f64>> {
        let before = self.rounds.iter().map(|round| round.record.evaluation.as_ref());
        before.chain([self.final_evaluation.as_ref()]).map(|found| found.map(|found| found.accuracy)).collect()
    }
}

#[cfg(test)]
mod tests;
