//! What the person who hosts a room may ask of it while it runs. It comes over HTTP, with the host's secret.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_CLIENTS, MAX_ROUNDS};
use crate::parse::{check_name, check_range};
use crate::{ClientId, ModelVersion, ProtocolError};

/// A wish of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostCommand {
    /// Lets nobody new in; who is in may leave and come back.
    Lock,
    /// Lets everyone in again.
    Unlock,
    /// Begins no further round; an open one ends as usual.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Closes the open round with the updates that are in, one at least; or begins with those who are ready, however few, and
    /// needs no more of them from then on.
    NextRound,
    /// Changes how many clients begin the rounds.
    Least {
        /// The number, 1 to the room's `max_clients`.
        least: u32,
    },
    /// Has the statistics of features computed anew, by those who are there now. The model stays.
    Renormalise,
    /// Counts a client's evaluations no more: in the open round, in those that the room still has by client, and at the end.
    LeaveOut {
        /// Which.
        client: ClientId,
    },
    /// Puts a client out for good, and goes back to the last stored version from before its updates: the rounds from there are
    /// repeated without it.
    Undo {
        /// Which.
        client: ClientId,
        /// Of how many of the latest rounds; left out: of all that are known by client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rounds: Option<u32>,
    },
    /// Makes the present model the final one. An open round is dropped.
    End,
    /// Goes back to a stored version of the model, and on from there until there were so many rounds in all.
    Restart {
        /// The version; 0 is the initial model.
        version: ModelVersion,
        /// Rounds in all, more than `version`; left out: as many as the room had, or one more than `version`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rounds: Option<u32>,
    },
    /// Puts a client out for good: its identity is refused from now on.
    Remove {
        /// Which.
        client: ClientId,
    },
    /// Gives a client another name, which it cannot change.
    RenameClient {
        /// Which.
        client: ClientId,
        /// The name, 1 to 40 characters without control characters.
        name: String,
    },
    /// Gives the room another name.
    Rename {
        /// The name, 1 to 40 characters without control characters.
        name: String,
    },
}

impl HostCommand {
    /// Checks every field against the limits; whether it makes sense now, the coordinator says.
    ///
    /// # Errors
    /// A name that may not be shown, or a count out of bounds.
    pub fn check(&self) -> Result<(), ProtocolError> {
        match self {
            HostCommand::RenameClient { name, .. } | HostCommand::Rename { name } => check_name("name", name),
            HostCommand::Restart { version, rounds } => {
                check_range("version", version.0, 0..=MAX_ROUNDS)?;
                rounds.map_or(Ok(()), |rounds| check_range("rounds", rounds, 1..=MAX_ROUNDS))
            }
            HostCommand::Least { least } => check_range("least", *least, 1..=MAX_CLIENTS),
            HostCommand::Undo { rounds, .. } => {
                rounds.map_or(Ok(()), |rounds| check_range("rounds", rounds, 1..=MAX_ROUNDS))
            }
            HostCommand::Lock
            | HostCommand::Unlock
            | HostCommand::Pause
            | HostCommand::Resume
            | HostCommand::NextRound
            | HostCommand::End
            | HostCommand::Renormalise
            | HostCommand::LeaveOut { .. }
            | HostCommand::Remove { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_it_is_documented() {
        let read = |text: &str| serde_json::from_str::<HostCommand>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"command": "next_round"}"#), Ok(HostCommand::NextRound));
        let restart = HostCommand::Restart { version: ModelVersion(5), rounds: Some(20) };
        assert_eq!(read(r#"{"command": "restart", "version": 5, "rounds": 20}"#), Ok(restart));
        assert!(read(r#"{"command": "explode"}"#).unwrap_err().contains("unknown variant"));
        assert!(read(r#"{"command": "remove"}"#).unwrap_err().contains("client"));
    }

    #[test]
    fn a_name_that_could_not_be_shown_is_refused() {
        let named = |name: &str| HostCommand::Rename { name: name.to_owned() }.check();
        assert!(named("Class 7b").is_ok());
        assert!(named("").is_err());
        assert!(named("two\nlines").is_err());
        assert!(named(&"x".repeat(41)).is_err());
    }
}
