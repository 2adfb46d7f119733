//! The WebSocket itself, in little memory: tungstenite keeps the largest frame that it has had, in each direction, for as long as the
//! connection is open (`findings/tungstenite-keeps-the-largest-frame.sh`), and most connections wait most of the time. So what is
//! longer than a fragment goes out as several (RFC 6455, 5.4: the other side's library puts them together), of which only one is
//! copied at a time; and what came is still held when tungstenite goes on reading, so that it takes a new buffer, which is as
//! small as what comes next (`sparing.rs` sees to it that there is none left).

use std::future::poll_fn;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::Chunk;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::sparing::Sparing;
use super::traffic::MOST_READ;

/// Bytes that are read at a time, and that a connection keeps for reading until the first long message.
const READ: usize = 16 * 1024;
/// A message above this is long.
const LONG: usize = 4 * 1024;
/// Bytes of a frame that goes out, with its header of 4 bytes: what a connection keeps for writing.
const FRAGMENT: usize = 16 * 1024 - 4;

type Stream = WebSocketStream<Sparing<TokioIo<Upgraded>>>;

/// What comes in.
pub struct Receiver {
    stream: SplitStream<Stream>,
    /// The last long message.
    held: Option<Message>,
}

/// What goes out.
pub struct Sender(SplitSink<Stream, Message>);

/// Something to be sent.
pub enum Whole {
    /// A message of text.
    Text(Utf8Bytes),
    /// A piece of a model, whose bytes are shared.
    Piece(Chunk),
    /// A ping, and what its answer is to say.
    Ping([u8; 8]),
    /// The last that is sent.
    Close(CloseFrame),
}

/// Both ends of a connection that speaks WebSocket from now on.
pub async fn ends(upgraded: Upgraded) -> (Sender, Receiver) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MOST_READ))
        .max_frame_size(Some(MOST_READ))
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAGMENT);
    let stream = Sparing::new(TokioIo::new(upgraded));
    // Nothing was read, but a buffer that is made in this way forgets how large it was at first.
    let stream = WebSocketStream::from_partially_read(stream, Vec::new(), Role::Server, Some(config)).await;
    let (sink, stream) = stream.split();
    (Sender(sink), Receiver { stream, held: None })
}

/// The connection itself again, for whoever copies its bytes. All that was sent has left; and of what came nothing is lost if the last
/// message was longer than a header, since no read goes beyond the end of such a one.
#[cfg(feature = "cluster")]
pub fn whole(sender: Sender, receiver: Receiver) -> Option<TokioIo<Upgraded>> {
    Some(receiver.stream.reunite(sender.0).ok()?.into_inner().into_inner())
}

impl Receiver {
    /// The next message; `None` at the end. It may be given up and called again.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        let message = poll_fn(|context| {
            // Here it takes memory for what comes next: that of the last message, unless somebody holds it.
            let looked = self.stream.poll_next_unpin(context);
            self.held = None;
            looked
        });
        let message = message.await;
        self.held = message.as_ref().and_then(|message| message.as_ref().ok()).filter(is_long).cloned();
        message
    }
}

fn is_long(message: &&Message) -> bool {
    message.len() > LONG
}

impl Sender {
    /// Sends something: the system has all of it when this returns.
    pub async fn send(&mut self, whole: Whole) -> Result<(), Error> {
        for fragment in whole.fragments() {
            self.0.feed(fragment).await?;
        }
        self.0.flush().await
    }
}

impl Whole {
    /// Bytes that it carries.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Piece(chunk) => chunk.header().len() + chunk.payload.len(),
            Self::Ping(_) | Self::Close(_) => 0,
        }
    }

    /// What of it is sent at a time, in order.
    fn fragments(self) -> impl Iterator<Item = Message> + Send {
        let data = |kind, first, is_final| Message::Frame(Frame::message(first, OpCode::Data(kind), is_final));
        let (first, rest) = match self {
            Self::Ping(says) => (Message::Ping(Bytes::copy_from_slice(&says)), Bytes::new()),
            Self::Close(frame) => (Message::Close(Some(frame)), Bytes::new()),
            Self::Text(text) => {
                let mut first = Bytes::from(text);
                let rest = first.split_off(first.len().min(FRAGMENT));
                (data(Data::Text, first, rest.is_empty()), rest)
            }
            Self::Piece(chunk) => {
                let (header, mut rest) = (chunk.header(), chunk.payload);
                let beginning = rest.split_to(rest.len().min(FRAGMENT - header.len()));
                let mut first = BytesMut::with_capacity(header.len() + beginning.len());
                first.put_slice(&header);
                first.put_slice(&beginning);
                (data(Data::Binary, first.freeze(), rest.is_empty()), rest)
            }
        };
        let starts = (0..rest.len()).step_by(FRAGMENT);
        let more = starts.map(move |start| {
            let end = rest.len().min(start + FRAGMENT);
            data(Data::Continue, rest.slice(start..end), end == rest.len())
        });
        std::iter::once(first).chain(more)
    }
}

#[cfg(test)]
mod tests {
    use protocol::TransferId;

    use super::*;

    /// What another side's library makes of the fragments, by RFC 6455, 5.4.
    fn joined(whole: Whole) -> (OpCode, Vec<u8>, usize) {
        let fragments: Vec<Frame> = whole
            .fragments()
            .map(|fragment| match fragment {
                Message::Frame(frame) => frame,
                other => panic!("{other:?}"),
            })
            .collect();
        let kinds: Vec<OpCode> = fragments.iter().map(|frame| frame.header().opcode).collect();
        assert!(kinds[1..].iter().all(|kind| *kind == OpCode::Data(Data::Continue)), "{kinds:?}");
        let last = fragments.len() - 1;
        assert!(fragments.iter().enumerate().all(|(at, frame)| frame.header().is_final == (at == last)));
        assert!(fragments.iter().all(|frame| frame.payload().len() <= FRAGMENT));
        (kinds[0], fragments.iter().flat_map(|frame| frame.payload().to_vec()).collect(), fragments.len())
    }

    #[test]
    fn a_long_message_is_its_fragments_one_after_the_other() {
        for (bytes, fragments) in [(1, 1), (FRAGMENT - 8, 1), (FRAGMENT - 7, 2), (2 * FRAGMENT - 8, 2), (262_136, 17)] {
            let payload: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let chunk = Chunk { transfer: TransferId(7), offset: 262_136, payload: payload.into() };
            let (kind, joined, count) = joined(Whole::Piece(chunk.clone()));
            assert_eq!((kind, count), (OpCode::Data(Data::Binary), fragments), "{bytes} bytes");
            assert_eq!(Chunk::parse(joined.into()).unwrap(), chunk);
        }
        for bytes in [0, 1, FRAGMENT, FRAGMENT + 1, 5 * FRAGMENT] {
            let text = "ä".repeat(bytes / 2);
            let whole = Whole::Text(text.clone().into());
            assert_eq!(whole.len(), text.len());
            let (kind, joined, _) = joined(whole);
            assert_eq!((kind, String::from_utf8(joined).unwrap()), (OpCode::Data(Data::Text), text));
        }
    }
}
