//! What a coordinator is told, and what it wants done.

use bytes::Bytes;
use protocol::{Chunk, ClientMessage, ErrorCode, ProtocolError, ServerMessage, Token, TransferId};

/// Names one connection. The shell numbers a room's connections in the order in which they were opened, and uses no number
/// twice: of two that claim one identity, the one with the higher number is the living one, in whichever order their words come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client opened a connection; its `hello` is yet to come.
    Connected {
        /// The new connection.
        connection: ConnectionId,
        /// A token that nobody has and nobody can guess, in case that the client turns out to be new.
        fresh_token: Token,
    },
    /// A text frame came, and was read by `protocol::parse_client`.
    Message {
        /// Where from.
        connection: ConnectionId,
        /// What it says.
        message: ClientMessage,
    },
    /// A frame came that `protocol` refused.
    Malformed {
        /// Where from.
        connection: ConnectionId,
        /// Why it was refused.
        error: ProtocolError,
    },
    /// A binary frame came, and was read by `protocol::Chunk::parse`.
    Chunk {
        /// Where from.
        connection: ConnectionId,
        /// The piece.
        chunk: Chunk,
    },
    /// Bytes of a frame came, and it is not whole yet: its sender is slow, and not gone.
    Receiving {
        /// Where from.
        connection: ConnectionId,
    },
    /// The connection is gone, for whatever reason. Also said after an `Action::Close`, and may be said twice.
    Disconnected {
        /// The connection that was.
        connection: ConnectionId,
    },
}

/// What the shell has to do, in this order, except that it stores first: see [`Action::Checkpoint`].
#[derive(Clone, Debug)]
pub enum Action {
    /// Send a text frame.
    Send {
        /// Where to.
        connection: ConnectionId,
        /// What.
        message: ServerMessage,
    },
    /// Send the same text frame to many; write it as JSON once.
    Broadcast {
        /// Where to.
        connections: Vec<ConnectionId>,
        /// What.
        message: ServerMessage,
    },
    /// Send the model in chunks (`protocol::chunks`), as fast as the connection takes them. Text frames may go
    /// between chunks. What is left of an earlier `SendModel` to the same connection is dropped.
    SendModel {
        /// Where to.
        connection: ConnectionId,
        /// The announced transfer.
        transfer: TransferId,
        /// Its bytes, shared by all who are sent them.
        bytes: Bytes,
    },
    /// Close the connection once what was to be sent before is sent.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// Store `Coordinator::checkpoint` before any other of the actions is carried out that wait to be polled with this one,
    /// and before the coordinator is told of anything more: nobody hears of what a restart would not know. Where it cannot
    /// be stored, all of them wait until it can. (When it makes a room, the shell stores it together with the initial model
    /// by itself.)
    Checkpoint {
        /// Whether the model changed as well and `Coordinator::model` has to be stored with it.
        model: bool,
    },
}

impl Action {
    /// Whether any of the actions that wait together is a [`Action::Checkpoint`], and then whether any of them has a model: the
    /// one checkpoint that is stored before all of them are carried out.
    pub fn checkpoint_of(actions: &[Action]) -> Option<bool> {
        let model = |action: &Action| match action {
            Action::Checkpoint { model } => Some(*model),
            _ => None,
        };
        actions.iter().filter_map(model).reduce(|one, other| one || other)
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said `leave`.
    Left,
    /// The client was told of an error that ends the connection.
    Error(ErrorCode),
}

impl CloseReason {
    /// The status code for WebSocket's close frame (RFC 6455, 7.4.1).
    pub fn code(self) -> u16 {
        match self {
            CloseReason::Left => 1000,
            CloseReason::Error(ErrorCode::ServerClosing) => 1001,
            CloseReason::Error(_) => 1008,
        }
    }
}
