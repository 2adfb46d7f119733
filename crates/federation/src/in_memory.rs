//! A room and its clients in one process: the network between a [`Coordinator`](crate::Coordinator) and its
//! [`Participant`]s, made of queues, and what a shell keeps for a participant. Simulations and tests stand on it.
//!
//! Every message is written as it would travel and read on the other side, so that nothing passes that a socket would not; and
//! a connection ends as a socket does, for each side by itself. *When* something arrives, is lost or ends is its owner's
//! to say: a simulation lets it happen at once, or when a made-up clock is so far; tests at once, by chance, or never. It has
//! no clock, and decides nothing about rounds.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use protocol::{Chunk, ClientMessage, ServerMessage, Token, TransferId, parse_client, parse_server};

use crate::{Action, ConnectionId, Event, Input, MaskingMemory, Output, Participant, TrainRequest};

/// What travels, as it would over a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Text(String),
    /// A piece of a model or update.
    Binary(Bytes),
}

impl Frame {
    /// What a client says.
    pub fn of_client(message: &ClientMessage) -> Frame {
        Frame::Text(serde_json::to_string(message).unwrap_or_default())
    }

    /// What a server says.
    pub fn of_server(message: &ServerMessage) -> Frame {
        Frame::Text(serde_json::to_string(message).unwrap_or_default())
    }

    /// Its length, bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(frame) => frame.len(),
        }
    }

    /// As the server reads it.
    pub fn event(self, connection: ConnectionId) -> Event {
        let event = match self {
            Frame::Text(text) => parse_client(&text).map(|message| Event::Message { connection, message }),
            Frame::Binary(frame) => Chunk::parse(frame).map(|chunk| Event::Chunk { connection, chunk }),
        };
        event.unwrap_or_else(|error| Event::Malformed { connection, error })
    }

    /// As a client reads it.
    pub fn input(self) -> Input {
        let input = match self {
            Frame::Text(text) => parse_server(&text).map(Input::Message),
            Frame::Binary(frame) => Chunk::parse(frame).map(Input::Chunk),
        };
        input.unwrap_or_else(Input::Malformed)
    }
}

/// A connection: two queues in order, as TCP has it.
#[derive(Debug)]
pub struct Link {
    /// Whose, by index; `None`: nobody's of those that the owner keeps.
    pub client: Option<usize>,
    /// On the way to the server.
    pub up: VecDeque<Frame>,
    /// On the way to the client.
    pub down: VecDeque<Frame>,
    /// Of a model, what the server has not handed to the network.
    pub model: VecDeque<Bytes>,
    /// No more goes in.
    pub cut: bool,
    /// Whether the client still has it for open.
    pub client_holds: bool,
    /// Whether the server still has it for open.
    pub server_holds: bool,
}

/// All connections of a room.
#[derive(Debug, Default)]
pub struct Network {
    links: BTreeMap<ConnectionId, Link>,
    opened: u64,
}

impl Network {
    /// A client connects; the event is the server's to hear.
    pub fn open(&mut self, client: Option<usize>) -> (ConnectionId, Event) {
        self.opened += 1;
        let connection = ConnectionId(self.opened);
        let (up, down, model) = Default::default();
        let link = Link { client, up, down, model, cut: false, client_holds: true, server_holds: true };
        self.links.insert(connection, link);
        // Nobody guesses here.
        let fresh_token = Token::from_random(u128::from(connection.0) << 64 | 0xabcd);
        (connection, Event::Connected { connection, fresh_token })
    }

    /// Connections that one of both sides holds, in the order in which they were opened.
    pub fn links(&self) -> impl Iterator<Item = (ConnectionId, &Link)> {
        self.links.iter().map(|(&connection, link)| (connection, link))
    }

    /// One of them.
    pub fn link(&self, connection: ConnectionId) -> Option<&Link> {
        self.links.get(&connection)
    }

    /// A client hands a frame to the network.
    pub fn say(&mut self, connection: ConnectionId, frame: Frame) {
        if let Some(link) = self.links.get_mut(&connection).filter(|link| !link.cut) {
            link.up.push_back(frame);
        }
    }

    fn tell(&mut self, connection: ConnectionId, frame: Frame) {
        if let Some(link) = self.links.get_mut(&connection).filter(|link| !link.cut) {
            link.down.push_back(frame);
        }
    }

    /// Carries out what a coordinator wants of a server's sockets; returns whom it reaches. Of a connection that is closed,
    /// the coordinator still has to be told.
    pub fn carry(&mut self, action: Action) -> Vec<ConnectionId> {
        match action {
            Action::Send { connection, message } => {
                self.tell(connection, Frame::of_server(&message));
                vec![connection]
            }
            Action::Broadcast { connections, message } => {
                let frame = Frame::of_server(&message);
                for &connection in &connections {
                    self.tell(connection, frame.clone());
                }
                connections
            }
            Action::SendModel { connection, transfer, bytes } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.model = protocol::chunks(transfer, bytes).collect();
                }
                vec![connection]
            }
            Action::Close { connection, .. } => {
                // What was sent before still arrives.
                if let Some(link) = self.links.get_mut(&connection) {
                    (link.cut, link.server_holds) = (true, false);
                    link.up.clear();
                    link.model.clear();
                }
                self.forget_closed(connection);
                vec![connection]
            }
            Action::Checkpoint { model } => {
                if model {
                    // What is left of the model before is of no use.
                    self.links.values_mut().for_each(|link| link.model.clear());
                }
                Vec::new()
            }
        }
    }

    /// The server hands one frame of a model to the network. False: there is none.
    pub fn hand_model(&mut self, connection: ConnectionId) -> bool {
        let frame = self.links.get_mut(&connection).and_then(|link| link.model.pop_front());
        let any = frame.is_some();
        if let Some(frame) = frame {
            self.tell(connection, Frame::Binary(frame));
        }
        any
    }

    /// The next frame arrives at the server.
    pub fn arrives_up(&mut self, connection: ConnectionId) -> Option<Frame> {
        self.links.get_mut(&connection)?.up.pop_front()
    }

    /// The next frame arrives at the client.
    pub fn arrives_down(&mut self, connection: ConnectionId) -> Option<Frame> {
        self.links.get_mut(&connection)?.down.pop_front()
    }

    /// Nothing more goes into a connection; of what is on its way so many frames still arrive. Both sides notice in their time.
    pub fn cut(&mut self, connection: ConnectionId, up: usize, down: usize) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.cut = true;
            link.model.clear();
            link.up.truncate(up);
            link.down.truncate(down);
        }
    }

    /// The client closes its end, or its program ends: it hears no more, and what it said before still arrives.
    pub fn client_closes(&mut self, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            (link.cut, link.client_holds) = (true, false);
            link.down.clear();
        }
        self.forget_closed(connection);
    }

    /// The server finds the connection gone, which its coordinator has to be told; or the server itself is gone.
    pub fn server_loses(&mut self, connection: ConnectionId) -> Event {
        if let Some(link) = self.links.get_mut(&connection) {
            (link.cut, link.server_holds) = (true, false);
            link.up.clear();
            link.model.clear();
        }
        self.forget_closed(connection);
        Event::Disconnected { connection }
    }

    fn forget_closed(&mut self, connection: ConnectionId) {
        if self.links.get(&connection).is_some_and(|link| !link.client_holds && !link.server_holds) {
            self.links.remove(&connection);
        }
    }
}

/// A participant, and what its shell keeps.
#[derive(Debug)]
pub struct Client {
    /// The state machine.
    pub participant: Participant,
    /// Its open connection.
    pub connection: Option<ConnectionId>,
    /// The secret by which it comes back.
    pub token: Option<Token>,
    /// What it remembers of a masked room.
    pub masking: MaskingMemory,
    /// What it was asked to train and has not finished.
    pub training: Option<TrainRequest>,
    /// Frames of an upload that it has not handed to the network.
    pub frames: VecDeque<Bytes>,
    upload: TransferId,
    handed: u32,
}

impl Client {
    /// Nothing is connected yet.
    pub fn new(participant: Participant, token: Option<Token>) -> Client {
        Client {
            participant,
            connection: None,
            token,
            masking: MaskingMemory::default(),
            training: None,
            frames: VecDeque::new(),
            upload: TransferId(0),
            handed: 0,
        }
    }

    /// What the participant wants next. What its shell has to keep of it is kept; the rest is its owner's to do.
    pub fn next_wish(&mut self) -> Option<Output> {
        let wish = self.participant.poll_output()?;
        match &wish {
            Output::RememberToken(token) => self.token = Some(token.clone()),
            Output::RememberMasking(memory) => self.masking = memory.clone(),
            Output::Train(request) => self.training = Some(request.clone()),
            Output::StopTraining => self.training = None,
            Output::SendBytes { transfer, bytes } => self.uploads(*transfer, bytes.clone()),
            Output::StopSending { .. } => self.frames.clear(),
            _ => {}
        }
        Some(wish)
    }

    /// These are the bytes to hand to the network.
    pub fn uploads(&mut self, transfer: TransferId, bytes: Bytes) {
        self.frames = protocol::chunks(transfer, bytes).collect();
        (self.upload, self.handed) = (transfer, 0);
    }

    /// The next frame of its upload, and what its participant hears of that.
    pub fn next_frame(&mut self) -> Option<(Frame, Input)> {
        let frame = self.frames.pop_front()?;
        self.handed += frame.len().saturating_sub(protocol::limits::CHUNK_HEADER_BYTES) as u32;
        Some((Frame::Binary(frame), Input::Sent { transfer: self.upload, bytes: self.handed }))
    }

    /// Its socket is gone.
    pub fn disconnected(&mut self) {
        self.connection = None;
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Chunk, ErrorCode, TransferId};

    use super::*;
    use crate::CloseReason;

    fn pause() -> Frame {
        Frame::of_client(&ClientMessage::Pause { diverged: false })
    }

    #[test]
    fn frames_arrive_in_order_and_as_they_were() {
        let mut network = Network::default();
        let (connection, _) = network.open(Some(3));
        let chunk = Chunk { transfer: TransferId(1), offset: 0, payload: Bytes::from_static(b"abcd") };
        network.say(connection, pause());
        network.say(connection, Frame::Binary(chunk.frame()));
        network.say(connection, Frame::Text("sing".to_owned()));
        let mut next = || network.arrives_up(connection).map(|frame| frame.event(connection));
        assert!(matches!(next(), Some(Event::Message { message: ClientMessage::Pause { .. }, .. })));
        assert!(matches!(next(), Some(Event::Chunk { chunk: read, .. }) if read == chunk));
        assert!(matches!(next(), Some(Event::Malformed { .. })));
        assert!(next().is_none());
    }

    #[test]
    fn what_was_sent_before_a_close_arrives_and_nothing_more_goes_in() {
        let mut network = Network::default();
        let (connection, _) = network.open(None);
        network.say(connection, pause());
        let message = ServerMessage::StatisticsRequest { masked: None };
        assert_eq!(network.carry(Action::Send { connection, message: message.clone() }), [connection]);
        network.carry(Action::Close { connection, reason: CloseReason::Error(ErrorCode::Removed) });
        network.carry(Action::Send { connection, message: message.clone() });
        network.say(connection, pause());
        assert_eq!(network.arrives_up(connection), None);
        let arrived = network.arrives_down(connection).map(Frame::input);
        assert!(matches!(arrived, Some(Input::Message(read)) if read == message));
        assert_eq!(network.arrives_down(connection), None);
        network.client_closes(connection);
        assert!(network.link(connection).is_none(), "both sides are gone");
    }

    #[test]
    fn a_cut_loses_what_is_on_its_way() {
        let mut network = Network::default();
        let (connection, _) = network.open(None);
        (0..3).for_each(|_| network.say(connection, pause()));
        network.carry(Action::SendModel { connection, transfer: TransferId(0), bytes: Bytes::from_static(b"1234") });
        network.cut(connection, 1, 0);
        assert!(network.arrives_up(connection).is_some() && network.arrives_up(connection).is_none());
        assert!(!network.hand_model(connection));
    }
}
