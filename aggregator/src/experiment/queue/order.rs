//! What lies in a queue: a plan and the recordings that it is for, how far a worker is with it, and what came of it. Whoever may write
//! there may have written any of it, so that all of it is bounded and read here.

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::super::runs::hash;
use super::recordings::Recordings;
use crate::simulator::{Outcome, Plan};

/// Most bytes of an order.
const MOST_ORDER: usize = 256 * 1024;
/// Most bytes of a report.
const MOST_REPORT: usize = 16 * 1024;
/// Most bytes of an outcome.
pub const MOST_OUTCOME: usize = 64 * 1024 * 1024;
/// Most characters of others' words that are shown.
const MOST_WORDS: usize = 1_000;
/// Most clients of a plan, rounds, and passes in a round, as on the command line.
const MOST_CLIENTS: usize = 1_024;
const MOST_ROUNDS: u32 = 1_000;
const MOST_EPOCHS: u32 = 100;
/// Digits of the recordings' hash that stand in an order's name.
const DIGITS: usize = 16;

/// A plan that waits for a worker.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The [`program`] that queued it.
    program: String,
    /// The run's name, for people.
    pub key: String,
    /// The recordings that it is for.
    pub recordings: Recordings,
    /// What is to be done.
    pub plan: Plan,
}

/// What programs have in common whose outcomes are the same to the last byte: the version, and the kind of system and processor,
/// whose arithmetic it is.
fn program() -> String {
    format!("{} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

impl Order {
    /// For this program's like.
    pub fn new(key: &str, plan: &Plan, recordings: &Recordings) -> Self {
        Self { program: program(), key: key.to_owned(), recordings: recordings.clone(), plan: plan.clone() }
    }

    /// Its name in the queue, see [`id`].
    pub fn id(&self) -> String {
        id(&self.plan, &self.recordings)
    }

    /// As it travels.
    ///
    /// # Errors
    /// It is too long.
    pub fn write(&self) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self)?;
        ensure!(bytes.len() <= MOST_ORDER, "the plan of {} is too long for a queue: {} bytes", self.key, bytes.len());
        Ok(bytes)
    }

    /// Reads what lies in the queue under a name.
    ///
    /// # Errors
    /// Another kind of program queued it, or it is no plan.
    pub fn read(bytes: &[u8], id: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct From {
            program: String,
        }
        ensure!(bytes.len() <= MOST_ORDER, "it is too long for a plan");
        let From { program: other } = serde_json::from_slice(bytes).context("it is no plan")?;
        let own = program();
        if other != own {
            bail!("chorus {} queued it, and this is chorus {own}, whose outcomes may be others", shown(&other));
        }
        let order: Self = serde_json::from_slice(bytes).context("it is no plan")?;
        let plan = &order.plan;
        ensure!(order.id() == id, "it is not the plan that its name says");
        ensure!(plan.eval_data.is_empty() && plan.replay.is_none(), "it is no plan of an experiment");
        ensure!(
            plan.clients <= MOST_CLIENTS && plan.rounds <= MOST_ROUNDS && plan.training.epochs <= MOST_EPOCHS,
            "its clients, rounds or epochs are more than chorus takes"
        );
        Ok(Self { key: shown(&order.key), ..order })
    }
}

/// The name of a plan in the queue, and of its outcome: the plan's SHA-256, and the beginning of that of the recordings, as a plan knows
/// these by their folder alone.
pub fn id(plan: &Plan, recordings: &Recordings) -> String {
    format!("{}-{}", hash(plan), recordings.sha256.get(..DIGITS).unwrap_or_default())
}

/// How far a worker is with a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who.
    pub worker: String,
    /// How many workers began the plan, this one included, and did not hand it back.
    pub tries: u32,
    /// Training steps so far.
    pub steps: u64,
    /// The last round, and its UAR.
    pub round: Option<(u32, f64)>,
    /// Why this worker left it to others.
    pub cannot: Option<String>,
}

impl Report {
    /// Reads one; what is none is as good as nothing.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let report: Self = (bytes.len() <= MOST_REPORT).then(|| serde_json::from_slice(bytes).ok())??;
        Some(Self { worker: shown(&report.worker), cannot: report.cannot.as_deref().map(shown), ..report })
    }
}

/// In place of an outcome: why there will be none.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    failed: String,
}

/// What came of a plan, as it is stored: an outcome as in an experiment's folder.
///
/// # Errors
/// None in practice.
pub fn written(outcome: &Result<Outcome, String>) -> Result<Vec<u8>> {
    Ok(match outcome {
        Ok(outcome) => serde_json::to_vec(outcome)?,
        Err(reason) => serde_json::to_vec(&Failed { failed: shown(reason) })?,
    })
}

/// Reads what came of a plan.
///
/// # Errors
/// Why it could not be done, or that this is no outcome.
pub fn outcome(bytes: &[u8]) -> Result<Outcome, String> {
    if let Ok(Failed { failed }) = serde_json::from_slice(bytes) {
        return Err(shown(&failed));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("what NATS has as its outcome is none ({error})"))
}

/// Others' words as they may come to a terminal.
pub fn shown(words: &str) -> String {
    words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::paper;
    use super::*;

    fn order() -> Order {
        let dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        Order::new(&run.key(), &run.plan, &Recordings::of(&dataset))
    }

    #[test]
    fn an_order_comes_back_as_it_was_and_under_its_own_name_alone() {
        let order = order();
        let bytes = order.write().unwrap();
        assert_eq!(Order::read(&bytes, &order.id()).unwrap(), order);
        assert!(order.id().starts_with(&hash(&order.plan)));
        let another = Order { plan: Plan { seed: 7, ..order.plan.clone() }, ..order };
        assert!(Order::read(&bytes, &another.id()).is_err());
    }

    #[test]
    fn what_is_no_order_is_refused() {
        let order = order();
        let id = order.id();
        let refused = |bytes: &[u8]| format!("{:#}", Order::read(bytes, &id).unwrap_err());
        assert!(refused(b"{\"program\":").contains("no plan"));
        assert!(refused(&vec![b' '; MOST_ORDER + 1]).contains("too long"));
        let older = serde_json::json!({"program": "0.0.1 on a\u{1b}[2J b", "layout": "of another time"}).to_string();
        let words = refused(older.as_bytes());
        assert!(words.contains("chorus 0.0.1 on a") && !words.contains('\u{1b}'), "{words}");
        let endless = Order { plan: Plan { rounds: MOST_ROUNDS + 1, ..order.plan.clone() }, ..order };
        let refused = Order::read(&endless.write().unwrap(), &endless.id());
        assert!(refused.unwrap_err().to_string().contains("more than chorus takes"));
    }

    #[test]
    fn a_failure_is_told_from_an_outcome_and_from_rubbish() {
        let failure = written(&Err("too few\u{7} speakers".to_owned())).unwrap();
        assert_eq!(outcome(&failure), Err("too few  speakers".to_owned()));
        assert!(outcome(b"{}").unwrap_err().contains("is none"));
        assert!(outcome(b"").unwrap_err().contains("is none"));
    }
}
