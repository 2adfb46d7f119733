//! What goes wrong: a server that a client does not follow, a client that a server names, and too few who are left.

use protocol::ClientId;

/// Why a member does not go on: what the server sent would betray somebody, or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A message that does not come next, or came before.
    #[error("this message of the masked sum does not come now")]
    OutOfStep,
    /// A roster, or who is in the sum, is too short to hide anybody.
    #[error("{found} clients are too few for a masked sum, {least} are needed")]
    TooFew {
        /// Clients named.
        found: usize,
        /// Clients needed.
        least: usize,
    },
    /// More clients than the encoding has room for.
    #[error("{found} clients are too many for this masked sum, {most} may be in it")]
    TooMany {
        /// Clients named.
        found: usize,
        /// Most.
        most: usize,
    },
    /// Clients are not named one after the other, each once.
    #[error("the server names clients twice or out of order")]
    NotInOrder,
    /// This client is missing, or its keys are others.
    #[error("the server names this client wrongly or not at all")]
    NotMyself,
    /// Someone who was not named before.
    #[error("client {0} was not among those of whom this sum is")]
    Stranger(ClientId),
    /// A signature that is not that client's.
    #[error("the signature of client {0} is wrong")]
    BadSignature(ClientId),
    /// A point that would make a key that everyone knows.
    #[error("a key of client {0} is none")]
    BadKey(ClientId),
    /// Two clients with one key.
    #[error("client {0} has a key of another client")]
    KeyTwice(ClientId),
    /// Boxes of others than those who are named.
    #[error("the boxes are not those of the clients that are named")]
    WrongBoxes,
    /// A vector that is not as it was agreed, or has integers that are too large.
    #[error("the numbers do not fit the masked sum")]
    WrongVector,
    /// Someone could be worked out from this sum and one that was opened before.
    #[error("with a sum of this model that was opened before, this one would show what few have sent")]
    SinglesOut,
}

/// What a client did that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("client {client}: {what}")]
pub struct Fault {
    /// Which.
    pub client: ClientId,
    /// What.
    pub what: Wrong,
}

/// What can be wrong with what a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Not now, or not by this client.
    #[error("the message does not come now")]
    OutOfStep,
    /// It was sent before.
    #[error("it was sent before in this attempt")]
    Twice,
    /// A signature that is none.
    #[error("the signature is wrong")]
    Signature,
    /// A point that would make a key that everyone knows, or another client's.
    #[error("a key is none, or another client's")]
    Key,
    /// Shares for others than those who are there.
    #[error("shares are for others than the clients of the roster")]
    Recipients,
    /// Too many cannot open its boxes or find something else in them.
    #[error("its boxes do not hold what they should")]
    Boxes,
    /// A vector of another length.
    #[error("the vector has another length")]
    Length,
    /// Shares of others than asked for, or other secrets than asked for.
    #[error("what it reveals is not what was asked for")]
    Reveals,
    /// A share that is not the one that it was given.
    #[error("a share is not the one that it was given")]
    Share,
    /// Shares that lead to another secret than it said.
    #[error("its shares lead to another secret than its keys say")]
    Secret,
}

/// Too few are left for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} clients are left of a masked sum, {least} are needed")]
pub struct TooFew {
    /// Those who are left.
    pub found: usize,
    /// Those who are needed.
    pub least: usize,
}

impl TooFew {
    /// Of a step that is not open.
    pub(crate) const NOBODY: TooFew = TooFew { found: 0, least: protocol::limits::MIN_MASKED_CLIENTS };
}

/// Why a sum could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// Too little is revealed.
    #[error(transparent)]
    TooFew(TooFew),
    /// A client's doing.
    #[error(transparent)]
    Fault(Fault),
}
