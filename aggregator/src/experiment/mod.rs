//! The experiments of Chau & Garces, "Federated Learning for Emotion Recognition", repeated on a corpus on disk with
//! speakers whom no model has heard: which runs there are, running them so that nothing is done twice, and a report with
//! the paper's own numbers beside the new ones. And four of our own: `robustness`, hostile clients against each
//! aggregation, `privacy`, what noise costs, `multimodal`, what text adds to a voice, and `personal`, a model of one's own.
//!
//! A run is one simulation. Runs that differ only in seed and fold are repetitions of one `Condition`, and everything that
//! is reported is reported for conditions. Runs are carried out one after the other, or put into a `queue` for workers on other
//! machines. Nothing here knows how a simulation works.

mod condition;
mod exposure;
mod grouped;
mod multimodal;
mod paper;
mod personal;
mod privacy;
#[cfg(feature = "cluster")]
mod queue;
mod recipe;
mod reference;
mod repeat;
mod report;
mod results;
mod robustness;
mod runs;
mod spreadsheet;
mod statistics;

pub use exposure::{attack_table, attacked};
pub use grouped::grouped;
pub use multimodal::{Multimodal, multimodal_runs, multimodal_section};
pub use paper::{Experiment, Options, check, runs};
pub use personal::{Mine, personal_cells, personal_report, personal_runs};
pub use privacy::{Privacy, privacy_runs, privacy_table};
#[cfg(feature = "cluster")]
pub use queue::{Collector, Ended, Hearing, Queue, View, Worker};
pub use repeat::shell_line;
#[cfg(test)]
pub use repeat::words;
pub use report::page;
pub use results::Results;
pub use robustness::{Robustness, Room, labels, robustness_runs, robustness_table};
pub use runs::{Done, Here, Listener, Repeated, Run, Store, execute, write};
pub use spreadsheet::spreadsheet;
