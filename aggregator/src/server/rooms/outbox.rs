//! What a room has for one participant: the way from the room's thread to the socket's task. It holds no rule and no
//! socket.
//!
//! Messages wait in a queue. A model does not: its bytes are shared by everyone who is sent them, and the room can take
//! them back at any moment, so that a participant who reads slowly does not keep an old model in memory.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::{Chunk, ServerMessage, TransferId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Messages that may wait for one participant, status mostly (at most about 4 a second); one that is further behind is
/// dropped.
const QUEUE: usize = 256;

/// What the socket has to do next.
pub enum Outgoing {
    /// Send a message, as JSON.
    Text(Utf8Bytes),
    /// Send the pieces of a model that [`Inbox::next_piece`] gives.
    Model,
    /// Close the connection.
    Close {
        /// The close frame's status code.
        code: u16,
    },
}

type ModelOnItsWay = Arc<Mutex<Option<Box<dyn Iterator<Item = Chunk> + Send>>>>;

/// The room's end.
pub struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    model: ModelOnItsWay,
}

/// The socket's end.
pub struct Inbox {
    queue: mpsc::Receiver<Outgoing>,
    model: ModelOnItsWay,
}

/// Why nothing more can be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The participant has not read for long.
    Slow,
    /// Its socket is gone.
    Gone,
}

/// Both ends, for a new connection.
pub fn channel() -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let model = ModelOnItsWay::default();
    (Outbox { queue: sender, model: model.clone() }, Inbox { queue: receiver, model })
}

impl Outbox {
    /// Queues a message or the close; never waits.
    pub fn put(&self, outgoing: Outgoing) -> Result<(), Behind> {
        self.queue.try_send(outgoing).map_err(|error| match error {
            TrySendError::Full(_) => Behind::Slow,
            TrySendError::Closed(_) => Behind::Gone,
        })
    }

    /// Begins to send a model, in place of what is left of an earlier one.
    pub fn put_model(&self, transfer: TransferId, bytes: Bytes) -> Result<(), Behind> {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(protocol::pieces(transfer, bytes)));
        self.put(Outgoing::Model)
    }

    /// Sends no more of a model that is on its way.
    pub fn take_model_back(&self) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Inbox {
    /// What to do next; `None` once the room has dropped its end.
    pub async fn next(&mut self) -> Option<Outgoing> {
        self.queue.recv().await
    }

    /// The next piece of the model on its way, whose bytes it shares; `None` when there is no more.
    pub fn next_piece(&self) -> Option<Chunk> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Iterator::next)
    }
}

/// A message as it travels.
pub fn json(message: &ServerMessage) -> Utf8Bytes {
    // Serialising our own message types cannot fail: they hold no map with keys that are no text.
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Bytes {
        vec![7; 300_000].into()
    }

    #[test]
    fn a_newer_model_takes_the_place_of_one_on_its_way() {
        let (outbox, inbox) = channel();
        assert!(outbox.put_model(TransferId(1), model()).is_ok());
        assert!(inbox.next_piece().is_some());
        assert!(outbox.put_model(TransferId(2), model()).is_ok());
        let next = inbox.next_piece().unwrap();
        assert_eq!((next.transfer, next.offset), (TransferId(2), 0));
    }

    #[test]
    fn a_model_taken_back_is_not_kept_in_memory() {
        let (outbox, inbox) = channel();
        let bytes = model();
        assert!(outbox.put_model(TransferId(1), bytes.clone()).is_ok());
        assert!(!bytes.is_unique());
        outbox.take_model_back();
        assert!(bytes.is_unique());
        assert!(inbox.next_piece().is_none());
    }

    #[test]
    fn a_participant_that_never_reads_is_behind_in_the_end() {
        let (outbox, _inbox) = channel();
        let taken = (0..1000).take_while(|_| outbox.put(Outgoing::Text("{}".into())).is_ok()).count();
        assert_eq!(taken, QUEUE);
    }
}
