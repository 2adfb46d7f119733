//! What goes over a connection that has said hello, in both directions.

use std::pin::pin;
use std::time::Duration;

use federation::{ConnectionId, Event};
use protocol::Chunk;
use protocol::limits::{CHUNK_HEADER_BYTES, MAX_CHUNK_PAYLOAD};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::ending::{Ending, TOO_BIG, broken, close};
use super::wire::{Receiver, Sender, Whole};
use crate::server::gate::Progress;
use crate::server::rooms::outbox::{Inbox, Outgoing};
use crate::server::rooms::{RoomHandle, Rooms};

/// Who has nothing more to receive, and is silent for so long, is gone.
const QUIET: Duration = Duration::from_secs(20);
/// Who has may need longer: a line of so many bytes a second has to bring it first, and the ping comes behind it.
const SLOWEST: u64 = 4_000;
/// Pause between pings: three within the shortest silence, and below the idle limits of common proxies (60 s).
const PING_EVERY: Duration = Duration::from_secs(6);
/// Whoever sends a frame that takes longer is told of to the room in such steps.
const RECEIVING_EVERY: Duration = Duration::from_secs(5);
/// Longest frame that either side sends, 256 KiB.
pub const MAX_FRAME: usize = CHUNK_HEADER_BYTES + MAX_CHUNK_PAYLOAD;
/// A frame up to this length is read to its end before it is refused, since a close frame reaches only a sender whose
/// bytes are read; a longer one just breaks the connection.
pub const MOST_READ: usize = 2 * MAX_FRAME;
/// Kinds of messages, as metrics call them.
const TEXT: &str = "text";
const BINARY: &str = "binary";

/// Takes frames to the room until the participant goes, breaks a rule, or falls silent.
pub async fn read(
    receiver: &mut Receiver,
    connection: ConnectionId,
    room: &RoomHandle,
    rooms: &Rooms,
    progress: &Progress,
) -> Ending {
    let (limits, metrics) = (rooms.limits(), rooms.metrics());
    let (mut messages, mut bytes) = (limits.messages(Instant::now()), limits.bytes(Instant::now()));
    loop {
        let waiting_since = Instant::now();
        let mut told = waiting_since;
        let frame = loop {
            match timeout(RECEIVING_EVERY.min(limits.idle_timeout()), receiver.next()).await {
                Err(_)
                    if silent_since(waiting_since, progress).elapsed() >= patience(limits.idle_timeout(), progress) =>
                {
                    break Err(());
                }
                Err(_) if progress.heard() > told => {
                    // A frame is on its way, however slowly.
                    told = Instant::now();
                    if room.tell(Event::Receiving { connection }).await.is_err() {
                        return Ending::room_ended();
                    }
                }
                Err(_) => {}
                Ok(frame) => break Ok(frame),
            }
        };
        let frame = match frame {
            Err(()) => return Ending::new(close::GOING_AWAY, "no sign of life for too long"),
            Ok(None | Some(Ok(Message::Close(_)))) => return Ending::new(close::NORMAL, ""),
            Ok(Some(Err(error))) => return broken(&error),
            Ok(Some(Ok(frame))) => frame,
        };
        let length = frame.len();
        match &frame {
            Message::Text(_) => metrics.received(TEXT, length),
            Message::Binary(_) => metrics.received(BINARY, length),
            Message::Pong(says) => progress.note_answered(says),
            _ => {}
        }
        if length > MAX_FRAME {
            return Ending::new(close::TOO_BIG, TOO_BIG);
        }
        // Chunks are bounded by the room's queue; everything else by a rate.
        if !matches!(frame, Message::Binary(_)) && !messages.take(Instant::now()) {
            metrics.refused("messages");
            return Ending::new(close::POLICY, "too many messages; send fewer a second");
        }
        // What is not read waits in the sender's own memory.
        tokio::time::sleep(bytes.spend(Instant::now(), length)).await;
        let event = match frame {
            Message::Text(text) => match protocol::parse_client(&text) {
                Ok(message) => Event::Message { connection, message },
                Err(error) => Event::Malformed { connection, error },
            },
            Message::Binary(bytes) => match Chunk::parse(bytes) {
                Ok(chunk) => Event::Chunk { connection, chunk },
                Err(error) => Event::Malformed { connection, error },
            },
            _ => continue,
        };
        if room.tell(event).await.is_err() {
            return Ending::room_ended();
        }
    }
}

/// Since when nothing came of one who is waited for, and nothing was taken either.
fn silent_since(waiting_since: Instant, progress: &Progress) -> Instant {
    waiting_since.max(progress.heard()).max(progress.taken())
}

/// For how long nothing may come: until whatever is on its way must have arrived, and `longest` at most.
fn patience(longest: Duration, progress: &Progress) -> Duration {
    (QUIET + Duration::from_secs(progress.on_its_way() / SLOWEST)).min(longest)
}

/// Sends what the room wants sent. Messages go before the next chunk of a model, so that a long download delays nothing;
/// a newer model takes the place of one that is still on its way.
pub async fn write(sender: &mut Sender, inbox: &mut Inbox, rooms: &Rooms, progress: &Progress) -> Ending {
    let (limits, metrics) = (rooms.limits(), rooms.metrics());
    let mut sending_model = false;
    let mut ping = interval(PING_EVERY.min(limits.idle_timeout() / 3));
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let whole = tokio::select! {
            biased;
            outgoing = inbox.next() => match outgoing {
                Some(Outgoing::Text(text)) => Whole::Text(text),
                Some(Outgoing::Model) => {
                    sending_model = true;
                    continue;
                }
                Some(Outgoing::Close { code }) => return Ending::new(code, ""),
                None => return Ending::new(close::TRY_AGAIN_LATER, "too slow to read"),
            },
            _ = ping.tick() => Whole::Ping(progress.ping()),
            () = std::future::ready(()), if sending_model => match inbox.next_piece() {
                Some(piece) => Whole::Piece(piece),
                None => {
                    sending_model = false;
                    continue;
                }
            },
        };
        match &whole {
            Whole::Text(_) => metrics.sent(TEXT, whole.len()),
            Whole::Piece(_) => metrics.sent(BINARY, whole.len()),
            Whole::Ping(_) | Whole::Close(_) => {}
        }
        progress.note_sent(whole.len());
        let began = Instant::now();
        let mut sending = pin!(sender.send(whole));
        loop {
            // As long as some of it is taken now and then, the line is slow and not dead.
            let until = began.max(progress.taken()) + limits.write_timeout();
            match timeout_at(until, &mut sending).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => return Ending::new(close::NORMAL, ""),
                Err(_) if began.max(progress.taken()) + limits.write_timeout() > until => {}
                Err(_) => {
                    metrics.slow_readers.inc();
                    return Ending::new(close::TRY_AGAIN_LATER, "nothing was read for too long");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_may_last_until_what_was_sent_can_have_arrived() {
        let progress = Progress::begin();
        let seconds = || patience(Duration::from_secs(65), &progress).as_secs();
        assert_eq!(seconds(), 20);
        progress.note_sent(40_000);
        assert_eq!(seconds(), 30);
        progress.note_sent(4_000_000);
        assert_eq!(seconds(), 65, "the longest");
        progress.note_answered(&progress.ping());
        assert_eq!(seconds(), 20);
        assert_eq!(patience(Duration::from_secs(2), &progress).as_secs(), 2);
    }
}
