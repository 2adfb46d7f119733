//! The options of whoever puts plans into a queue or takes them out of it, and how runs come to be carried out. A program without the
//! feature `cluster` has the options, too, and says how to get one that can.

use std::path::PathBuf;

use anyhow::Result;

#[cfg(feature = "cluster")]
pub use crate::experiment::Queue;
use crate::experiment::{self, Done, Here, Listener, Repeated, Run, Store};
use crate::simulator::Dataset;

/// What is the same on the command line and in the file of options of `serve`.
const OPTION: &str = "--queue";

/// Which queue, and what opens it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Queue")]
pub struct QueueOptions {
    /// NATS with JetStream, where plans wait for workers: its address, or several, separated by commas, as in nats://10.0.0.5:4222.
    /// An address with a password is better off in the variable CHORUS_QUEUE
    #[arg(long = "queue", id = "queue", value_name = "URL", global = true, env = "CHORUS_QUEUE", hide_env = true)]
    nats: Option<String>,
    /// The queue's name, where one NATS has several
    #[arg(long, value_name = "NAME", global = true, default_value = "chorus-experiments")]
    queue_name: String,
    /// File with the credentials (.creds) that NATS asks for
    #[arg(long, value_name = "FILE", global = true)]
    queue_credentials: Option<PathBuf>,
    /// Certificates (PEM) that NATS' own is held against; the connection has to be encrypted then
    #[arg(long, value_name = "FILE", global = true)]
    queue_ca: Option<PathBuf>,
}

/// What was typed, without the options above: who carried runs out is nothing that decides what came of them, and an address may open
/// something.
pub fn without_queue(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        if name == OPTION || name.starts_with("--queue-") {
            if name == word {
                words.next();
            }
        } else {
            kept.push(word);
        }
    }
    kept
}

#[cfg(not(feature = "cluster"))]
mod without {
    use super::*;

    /// There is none.
    pub enum Queue {}

    impl QueueOptions {
        /// Nothing where it is not asked for.
        ///
        /// # Errors
        /// It is asked for: this program cannot.
        pub fn open(&self) -> Result<Option<Queue>> {
            anyhow::ensure!(
                self.nats.is_none(),
                "this program was built without {OPTION}; build one with it: cargo build --release --bin chorus --features cluster"
            );
            Ok(None)
        }
    }

    /// Has all runs carried out that are not stored yet, see [`experiment::execute`].
    pub fn execute<C: Repeated>(
        _: Option<&Queue>,
        runs: Vec<Run<C>>,
        dataset: &Dataset,
        store: &Store,
        listener: &mut (impl Listener + Sync),
    ) -> Result<Option<Vec<Done<C>>>> {
        experiment::execute(runs, dataset, store, listener, &mut Here)
    }
}

#[cfg(not(feature = "cluster"))]
pub use without::*;

#[cfg(feature = "cluster")]
mod with {
    use super::*;
    use crate::experiment::Collector;
    use crate::nats::{Access, without_secrets};

    impl QueueOptions {
        /// The queue, where it is asked for.
        ///
        /// # Errors
        /// NATS cannot be used.
        pub fn open(&self) -> Result<Option<Queue>> {
            let Some(servers) = &self.nats else { return Ok(None) };
            let access = Access { credentials: self.queue_credentials.clone(), authorities: self.queue_ca.clone() };
            Queue::open(servers, &access, &self.queue_name).map(Some)
        }

        /// Which, for people.
        pub fn shown(&self) -> String {
            format!("{} ({})", self.nats.as_deref().map(without_secrets).unwrap_or_default(), self.queue_name)
        }
    }

    /// Has all runs carried out that are not stored yet, here or by the workers of a queue, see [`experiment::execute`].
    pub fn execute<C: Repeated>(
        queue: Option<&Queue>,
        runs: Vec<Run<C>>,
        dataset: &Dataset,
        store: &Store,
        listener: &mut (impl Listener + Sync),
    ) -> Result<Option<Vec<Done<C>>>> {
        match queue {
            None => experiment::execute(runs, dataset, store, listener, &mut Here),
            Some(queue) => experiment::execute(runs, dataset, store, listener, &mut Collector::new(queue, dataset)),
        }
    }
}

#[cfg(feature = "cluster")]
pub use with::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_neither_queue_nor_password() {
        let typed = "experiment --queue nats://ada:secret@a:1 paper --queue-name=mine --data voices --queue-ca ca.pem --out report";
        let kept = without_queue(typed.split(' ').map(str::to_owned));
        assert_eq!(kept.join(" "), "experiment paper --data voices --out report");
    }
}
