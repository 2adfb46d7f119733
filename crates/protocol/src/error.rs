//! The ways in which what comes from outside can be wrong.

use crate::limits::{CHUNK_HEADER_BYTES, MAX_CHUNK_PAYLOAD};

/// Why a text or a binary frame was not understood. The texts are meant for the person who writes the other end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The text frame exceeds its limit; it was not parsed.
    #[error("the message has {bytes} bytes, and {limit} are allowed")]
    TextTooLong {
        /// Length of the text, bytes.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// The text is not a JSON object with a `type`.
    #[error("the message is no JSON object with a \"type\": {detail}")]
    NotAMessage {
        /// What the parser found.
        detail: String,
    },
    /// The `type` is none of this protocol's.
    #[error("there is no message of type {kind:?} in this direction")]
    UnknownType {
        /// The type that was named, shortened.
        kind: String,
    },
    /// A field is missing or has the wrong type.
    #[error("the message {kind:?} has a wrong or missing field: {detail}")]
    Malformed {
        /// The message's type.
        kind: String,
        /// What the parser found.
        detail: String,
    },
    /// A field's value is outside of what is allowed.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field's name, as in the JSON.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A binary frame without a whole header and at least one byte of payload.
    #[error("a binary frame of {bytes} bytes has no payload after its {CHUNK_HEADER_BYTES}-byte header")]
    FrameTooShort {
        /// Length of the frame, bytes.
        bytes: usize,
    },
    /// A binary frame with too much payload.
    #[error("a binary frame carries {payload} bytes, and {MAX_CHUNK_PAYLOAD} are allowed")]
    FrameTooLong {
        /// Length of the payload, bytes.
        payload: usize,
    },
}

impl ProtocolError {
    /// A field whose value is not allowed.
    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> ProtocolError {
        ProtocolError::Invalid { field, problem: problem.into() }
    }
}
