//! Why a connection ends, and how that is said: by a close frame, and before it by a message that a page can show.

use protocol::limits::MAX_TEXT_CHARS;
use protocol::{ErrorCode, ServerMessage};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes};

/// The reason where a frame was too long.
pub const TOO_BIG: &str = "a frame is at most 256 KiB";

/// WebSocket close codes (RFC 6455, 7.4.1).
pub mod close {
    pub const NORMAL: u16 = 1000;
    pub const GOING_AWAY: u16 = 1001;
    pub const PROTOCOL_ERROR: u16 = 1002;
    pub const POLICY: u16 = 1008;
    /// The reason where a frame was too long.
    pub const TOO_BIG: u16 = 1009;
    pub const TRY_AGAIN_LATER: u16 = 1013;
}

/// Why a connection ends.
#[derive(Debug)]
pub struct Ending {
    /// The close frame's status code.
    pub code: u16,
    /// The close frame's reason.
    pub reason: Utf8Bytes,
    /// What is said before.
    pub message: Option<ServerMessage>,
}

impl Ending {
    /// Without a message.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Utf8Bytes::from_static(reason), message: None }
    }

    /// With a message. `fatal`: coming back in the same way is of no use.
    pub fn told(code: u16, error: ErrorCode, words: &str, fatal: bool) -> Self {
        Self {
            message: Some(error_message(error, words, fatal)),
            ..Self::new(code, "the message before this frame says why")
        }
    }

    /// Says when to come back, milliseconds from now.
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        if let Some(ServerMessage::Error { retry_after_ms, .. }) = &mut self.message {
            *retry_after_ms = Some(milliseconds);
        }
        self
    }

    /// The room is gone.
    pub const fn room_ended() -> Self {
        Self::new(close::GOING_AWAY, "the room has ended")
    }
}

fn error_message(code: ErrorCode, words: &str, fatal: bool) -> ServerMessage {
    let message = words.chars().take(MAX_TEXT_CHARS).collect();
    ServerMessage::Error { code, message, fatal, retry_after_ms: None }
}

/// What an error of the socket itself means.
pub fn broken(error: &Error) -> Ending {
    if matches!(error, Error::Capacity(_)) {
        Ending::new(close::TOO_BIG, TOO_BIG)
    } else {
        Ending::new(close::PROTOCOL_ERROR, "the connection broke, or that is no WebSocket frame")
    }
}
