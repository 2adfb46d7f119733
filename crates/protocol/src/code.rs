//! Codes by which a server says what went wrong: `error`'s and `refused`'s. A code stays what it is, and a page has words of
//! its own for it; the words that travel beside it are English.

use serde::{Deserialize, Serialize};

/// Declares codes with their names on the wire, `ALL` and `name`; where clients may meet codes of a later version, with one that
/// stands for those.
macro_rules! codes {
    (
        $(#[$about:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }
        $(later: $(#[$later_doc:meta])* $later:ident = $later_name:literal)?
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $enum {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
            $($(#[$later_doc])* #[serde(rename = $later_name, other)] $later,)?
        }

        impl $enum {
            /// Every one that this version has.
            pub const ALL: [$enum; [$($name),+].len()] = [$($enum::$variant),+];

            /// As it is written on the wire.
            // Inlined, the table of names would be in the tab's program once for every caller.
            #[inline(never)]
            pub const fn name(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)+
                    $($enum::$later => $later_name,)?
                }
            }
        }
    };
}

codes! {
    /// Kinds of trouble that `error` tells of.
    ErrorCode {
        /// The client speaks another version of the protocol. Fatal.
        ProtocolMismatch = "protocol_mismatch",
        /// There is no room with this code. Fatal.
        RoomUnknown = "room_unknown",
        /// The room has as many clients as it may have; the connection is closed, and may be tried again after a while.
        RoomFull = "room_full",
        /// The host lets nobody new in. Fatal.
        Locked = "locked",
        /// The host put this client out. Fatal.
        Removed = "removed",
        /// The same identity connected from elsewhere. Fatal.
        Replaced = "replaced",
        /// The host went back to an earlier version of the model; the connection is closed, and tried again at once.
        Restarted = "restarted",
        /// A message or frame was not understood or not allowed.
        Malformed = "malformed",
        /// A message that makes no sense now, such as a second `hello`.
        OutOfOrder = "out_of_order",
        /// No `hello` came in time; the connection is closed, and may be tried again.
        HelloTimeout = "hello_timeout",
        /// Too many messages that were wrong; the connection is closed. Fatal.
        TooManyErrors = "too_many_errors",
        /// The server stops; come back later.
        ServerClosing = "server_closing",
        /// The server cannot store the room now; come back later.
        Held = "held",
    }
}

codes! {
    /// Why an update was not taken.
    RefusalReason {
        /// No round is open.
        NoRound = "no_round",
        /// The update is for an earlier round or another version of the model.
        Stale = "stale",
        /// The round closed before the update was in.
        RoundClosed = "round_closed",
        /// The update is for a round that has not begun.
        Future = "future",
        /// This client's update of this round is already in.
        Duplicate = "duplicate",
        /// The client does not take part.
        NotReady = "not_ready",
        /// The announced length is not that of the model.
        WrongSize = "wrong_size",
        /// The encoding is not the room's.
        WrongEncoding = "wrong_encoding",
        /// The count of examples is not what `ready` said.
        WrongExamples = "wrong_examples",
        /// More steps than the room's epochs over that many examples take.
        WrongSteps = "wrong_steps",
        /// The evaluation does not fit the room's labels.
        WrongEvaluation = "wrong_evaluation",
        /// A chunk belongs to no transfer that the server asked for.
        Unannounced = "unannounced",
        /// A chunk is not the next one.
        OutOfOrder = "out_of_order",
        /// A chunk other than the last carries less than the full payload.
        TooShort = "too_short",
        /// A chunk goes past the announced length.
        TooLong = "too_long",
        /// The bytes do not have the announced checksum.
        WrongChecksum = "wrong_checksum",
        /// A value is NaN or infinite.
        NotFinite = "not_finite",
        /// The update's L2 norm is above the room's limit.
        NormTooLarge = "norm_too_large",
        /// No chunk came for 30 s.
        Stalled = "stalled",
        /// It came so slowly that others' updates waited for it for too long: it is its turn again after theirs.
        TurnOver = "turn_over",
        /// Three updates of this client were refused in this round.
        TooManyAttempts = "too_many_attempts",
        /// The server could not keep the update until the round closes, for lack of space perhaps.
        NotKept = "not_kept",
    }
    later:
    /// One that this version of the protocol's types does not know.
    Unknown = "unknown"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The codes in the first column of docs/protocol.md's table below a head.
    fn documented(head: &str) -> BTreeSet<&'static str> {
        let page = include_str!("../../../docs/protocol.md");
        let (_, table) = page.split_once(head).unwrap();
        let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.split('|').next());
        rows.flat_map(|codes| codes.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn the_document_lists_every_code() {
        let errors: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(documented("| `code` | when | fatal |"), errors);
        let refusals: BTreeSet<&str> = RefusalReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(documented("| `reason` | what is wrong | what the client does |"), refusals);
    }

    #[test]
    fn a_code_is_read_as_it_is_named() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{}\"", code.name()));
        }
        for reason in RefusalReason::ALL {
            assert_eq!(serde_json::from_str::<RefusalReason>(&format!("\"{}\"", reason.name())).unwrap(), reason);
        }
        assert_eq!(serde_json::from_str::<RefusalReason>("\"too_blue\"").unwrap(), RefusalReason::Unknown);
    }
}
