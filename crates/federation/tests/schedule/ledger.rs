//! What has to hold after every step, kept apart from the state machines that it judges.

use std::collections::{BTreeMap, BTreeSet};

use federation::{Checkpoint, Coordinator};
use protocol::{Checksum, ErrorCode, Pace, Phase, RefusalReason, RoomConfig, RoundRecord, Selection, ServerMessage};

use super::oracle::{Accepted, Oracle};

/// What the server has on disk, as the shell stores it.
#[derive(Clone)]
pub struct Disk {
    pub checkpoint: Checkpoint,
    pub parameters: Vec<f32>,
    pub memory: BTreeMap<String, Vec<f32>>,
    checksum: Checksum,
}

/// An update that was told to be in.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// The token of whoever gave it.
    pub identity: u128,
    pub examples: u32,
    /// The version that it is a difference to.
    pub base: u32,
    /// Every number of it.
    pub value: f32,
}

/// The disk, and the updates of the open round.
pub struct Ledger {
    pub disk: Disk,
    pub accepted: Vec<Given>,
    /// Whose updates, from which version, are in a published model.
    published: BTreeSet<(u128, u32)>,
    oracle: Oracle,
    /// Rounds that were closed, by any of the servers that there were.
    pub closed: u32,
    /// Each version as it was stored.
    versions: BTreeMap<u32, Disk>,
    /// The version that the host goes back to, until that is stored.
    going_back: Option<u32>,
}

impl Disk {
    fn with_model(room: &Coordinator) -> Disk {
        let owned = |(name, values): (&str, &[f32])| (name.to_owned(), values.to_vec());
        Disk {
            checkpoint: room.checkpoint(),
            parameters: room.model().parameters().to_vec(),
            memory: room.memory().into_iter().map(owned).collect(),
            checksum: room.model().transfer().checksum,
        }
    }
}

impl Ledger {
    /// The room was made, and stored.
    pub fn new(room: &Coordinator) -> Ledger {
        let disk = Disk::with_model(room);
        let versions = BTreeMap::from([(0, disk.clone())]);
        let (accepted, published) = (Vec::new(), BTreeSet::new());
        Ledger { disk, accepted, published, oracle: Oracle::default(), closed: 0, versions, going_back: None }
    }

    /// The host goes back to this version; what was stored of it.
    pub fn goes_back(&mut self, version: u32) -> (Vec<f32>, BTreeMap<String, Vec<f32>>) {
        self.going_back = Some(version);
        let kept = &self.versions[&version];
        (kept.parameters.clone(), kept.memory.clone())
    }

    /// The shell stores the room.
    pub fn stores(&mut self, room: &Coordinator, model: bool) {
        if let Some(version) = self.going_back.take() {
            self.disk = self.versions[&version].clone();
            self.versions.split_off(&(version + 1));
            if version == 0 {
                self.disk.checkpoint.standardisation = None;
            }
            // What comes after this version has not been published any more, and may be once.
            self.published.retain(|(_, base)| *base < version);
            self.accepted.clear();
            self.oracle.recall(&self.disk.memory);
        }
        let (before, now) = (&self.disk.checkpoint, room.checkpoint());
        let grown = now.history.len() - before.history.len();
        assert!(now.history.starts_with(&before.history), "records of closed rounds change");
        assert_eq!(now.history.len() as u32, now.model_version.0, "a version without a record");
        assert!(grown <= 1, "{grown} versions at once");
        assert_eq!(grown == 1, model, "a model is stored exactly when it is new");
        assert!(before.standardisation.is_none() || before.standardisation == now.standardisation);
        if model {
            self.check_published(&room.config().clone(), now.history.last().unwrap(), room.model().parameters());
            self.disk = Disk::with_model(room);
            self.versions.insert(now.model_version.0, self.disk.clone());
            self.closed += 1;
        } else {
            self.disk.checkpoint = now;
        }
    }

    /// The model is what the strategy makes of exactly the updates that were accepted.
    fn check_published(&mut self, room: &RoomConfig, record: &RoundRecord, published: &[f32]) {
        let accepted = std::mem::take(&mut self.accepted);
        assert_eq!(record.clients as usize, accepted.len(), "updates in the mean");
        let examples: u64 = accepted.iter().map(|given| u64::from(given.examples)).sum();
        assert_eq!(record.examples, examples, "examples behind the mean");
        if let Selection::Number { clients, .. } = room.selection {
            assert!(record.clients <= clients, "{} updates where {clients} were wanted", record.clients);
        }
        for given in &accepted {
            assert!(self.published.insert((given.identity, given.base)), "an update is published twice: {given:?}");
        }
        let weight = |given: &Given| {
            let behind = f64::from(self.disk.checkpoint.model_version.0 - given.base);
            let discount = match room.pace {
                Pace::Synchronous => 1.0,
                Pace::Asynchronous { staleness_exponent, most_stale, .. } => {
                    assert!(behind <= f64::from(most_stale), "too old: {given:?}");
                    1.0 / (1.0 + behind).powf(staleness_exponent)
                }
            };
            f64::from(given.examples.min(room.weight_cap)) * discount
        };
        let updates: Vec<Accepted> = accepted
            .iter()
            .map(|given| Accepted {
                weight: weight(given),
                steps: 1.0,
                whole: 1.0,
                values: vec![given.value; published.len()],
            })
            .collect();
        let expected = self.oracle.publish(room.strategy, room.aggregation, &self.disk.parameters, &updates);
        let expected = expected.expect("the oracle has the formulas that schedules draw");
        let expected = self.oracle.ends(room, record.round.0, expected);
        for (expected, found) in expected.into_iter().zip(published) {
            let found = f64::from(*found);
            assert!(
                (found - expected).abs() <= 2.0e-5 * (1.0 + expected.abs()),
                "the model became {found}, and is {expected} with {accepted:?}"
            );
        }
    }

    /// A server was started from the disk.
    pub fn restored(&mut self, room: &Coordinator) {
        self.accepted.clear();
        assert_eq!(room.model().parameters(), self.disk.parameters, "another model than was stored");
        assert_eq!(room.model().transfer().checksum, self.disk.checksum);
        assert_eq!(room.checkpoint(), self.disk.checkpoint);
        let memory: Vec<&[f32]> = room.memory().into_values().collect();
        assert!(memory.into_iter().eq(self.disk.memory.values().map(Vec::as_slice)));
        self.oracle.recall(&self.disk.memory);
        self.going_back = None;
    }

    /// A message leaves the server: all that it says has to be on the disk.
    pub fn told(&self, message: &ServerMessage) {
        let stored = &self.disk.checkpoint;
        match message {
            ServerMessage::RoundClosed { record } => {
                let known = stored.history.get(record.round.0 as usize - 1);
                assert_eq!(known, Some(record), "told of a round that is not stored");
            }
            ServerMessage::Round { model_version, standardisation, model, .. } => {
                // One that closes in the moment in which somebody is asked may be stored already.
                assert!(*model_version <= stored.model_version, "a round with a model that is not stored");
                assert_eq!(Some(standardisation), stored.standardisation.as_ref(), "statistics that are not stored");
                assert!(*model_version < stored.model_version || model.checksum == self.disk.checksum);
            }
            ServerMessage::Finished { model_version, model, .. } => {
                assert_eq!(*model_version, stored.model_version);
                assert_eq!(stored.config.rounds, stored.model_version.0, "finished, and not stored so");
                assert_eq!(model.checksum, self.disk.checksum);
            }
            ServerMessage::Settings { room } => assert_eq!(*room, stored.config, "settings that are not stored"),
            ServerMessage::Status(status) | ServerMessage::StatusChanges { status, .. } => {
                assert!(status.model_version <= stored.model_version, "a version that is not stored")
            }
            ServerMessage::Refused { reason, message, .. } => {
                use RefusalReason::*;
                let fair = matches!(
                    reason,
                    NoRound
                        | Stale
                        | RoundClosed
                        | Future
                        | Duplicate
                        | NotReady
                        | Unannounced
                        | Stalled
                        | TooManyAttempts
                );
                assert!(fair, "an honest update is refused: {message}");
            }
            ServerMessage::Error { code, message, .. } => {
                let fair = matches!(
                    code,
                    ErrorCode::Replaced | ErrorCode::HelloTimeout | ErrorCode::ServerClosing | ErrorCode::Restarted
                );
                assert!(fair, "an honest client is told off: {message}");
            }
            _ => {}
        }
    }

    /// An update is in, which is told unless the server is killed before.
    pub fn accepts(&mut self, given: Given) {
        let twice = self.accepted.iter().any(|other| (other.identity, other.base) == (given.identity, given.base));
        assert!(!twice, "{given:?} counts twice in a round: {:?}", self.accepted);
        self.accepted.push(given);
    }

    /// Holds after every step of a living server.
    pub fn check(&mut self, room: &Coordinator, slots: usize) {
        let config = room.config();
        let status = room.status(federation::Millis(0));
        if status.phase != Phase::Collecting || status.received == 0 {
            self.accepted.clear(); // A round was abandoned, and nobody was there to hear it.
        } else {
            assert_eq!(status.received as usize, self.accepted.len(), "updates that count, and those that are told");
        }
        assert_eq!(room.history().len() as u32, status.model_version.0);
        assert_eq!(status.phase == Phase::Finished, status.model_version.0 == config.rounds);
        assert!(status.ready <= status.connected && status.connected <= config.max_clients);
        let numbers: BTreeSet<_> = status.clients.iter().map(|client| client.client).collect();
        assert_eq!(numbers.len(), status.clients.len());
        let (load, most) = (room.load(), config.max_clients as usize);
        assert!(load.connections <= 2 * most && load.identities <= 4 * most, "{load:?}");
        // A masked update has a tail of sums behind it.
        let tail = config.masking.map_or(0, |_| 8 * (7 + config.labels.len().pow(2)));
        let bytes = config.update_bytes() as usize + tail;
        assert!(load.uploads <= slots && load.upload_bytes <= slots * bytes, "{load:?}");
        assert!(load.waiting + load.uploads <= most, "{load:?}");
    }
}
