//! The participant and its line to the aggregator: carries out what the participant wants, and tells it what happened. It
//! decides nothing about the rounds; what a round asks of this laptop is in `rounds.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use federation::{Input, Millis, Output, Participant, View};
use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use protocol::{Chunk, TransferId};
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::page::{Level, now, origin, tell};
use crate::socket::{Socket, SocketEvent};
use crate::view::BytesView;

/// Bytes that may wait in the browser's socket before more are given to it.
const MOST_WAITING: u32 = 1 << 20;
/// How long to wait before looking again whether they have left, ms.
const LOOK_AGAIN_MS: u32 = 15;

/// The participant, once a room is opened, and its socket.
#[derive(Default)]
pub(crate) struct Connection {
    participant: RefCell<Option<Participant>>,
    socket: RefCell<Option<Rc<Socket>>>,
    /// Counts sockets, so that a late word of an old one is known as such.
    socket_number: Cell<u32>,
    /// Wakes the participant when it next wants something.
    timer: RefCell<Option<Timeout>>,
    /// Counts transfers: each ends what was being sent before.
    sending: Cell<u32>,
    /// What has to be stored before anything more is said is on its way there.
    storing: Cell<bool>,
    sent: Cell<u64>,
    received: Cell<u64>,
}

/// The time as the participant takes it.
pub(crate) fn millis() -> Millis {
    Millis(now() as u64)
}

impl Connection {
    /// Begins with this participant.
    pub(crate) fn open(&self, participant: Participant) {
        self.participant.replace(Some(participant));
    }

    /// Looks at what the participant shows, if there is one. Nothing that is asked meanwhile may change it.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        self.participant.borrow().as_ref().map(|participant| look(&participant.view()))
    }

    /// Goes on from what was sent and received before a reload, in bytes.
    pub(crate) fn go_on(&self, sent: u64, received: u64) {
        self.sent.set(sent);
        self.received.set(received);
    }

    /// Bytes over the socket since this seat was taken.
    pub(crate) fn bytes(&self) -> BytesView {
        BytesView { sent: self.sent.get(), received: self.received.get() }
    }

    /// The round that is trained for just now.
    pub(crate) fn training_round(&self) -> Option<protocol::Round> {
        self.read(|view| match view.work {
            federation::Work::Training { round, .. } => Some(round),
            _ => None,
        })?
    }

    fn sending_ends(&self) -> u32 {
        self.sending.set(self.sending.get() + 1);
        self.sending.get()
    }

    fn socket_ends(&self) -> u32 {
        self.socket_number.set(self.socket_number.get() + 1);
        self.socket_number.get()
    }

    fn was_sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }
}

impl App {
    /// Tells the participant what happened and does what follows from it.
    pub(crate) fn input(self: &Rc<Self>, input: Input) {
        if let Some(participant) = self.connection.participant.borrow_mut().as_mut() {
            participant.handle(millis(), input);
        }
        self.pump();
    }

    /// Does all that the participant wants, and sees to being woken when it next wants something.
    pub(crate) fn pump(self: &Rc<Self>) {
        let Connection { participant, timer, .. } = &self.connection;
        while !self.connection.storing.get() {
            let output = participant.borrow_mut().as_mut().and_then(Participant::poll_output);
            let Some(output) = output else { break };
            self.carry_out(output);
        }
        let wake = participant.borrow().as_ref().and_then(Participant::next_timeout);
        let woken = wake.map(|at| {
            let app = Rc::clone(self);
            let wait = at.since(millis()).min(60_000) as u32;
            Timeout::new(wait, move || {
                if let Some(participant) = app.connection.participant.borrow_mut().as_mut() {
                    participant.handle_timeout(millis());
                }
                app.pump();
            })
        });
        // The timer that has just fired is dropped here too, which does nothing.
        timer.replace(woken);
        self.show();
    }

    fn carry_out(self: &Rc<Self>, output: Output) {
        match output {
            Output::Connect => self.connect(),
            Output::Disconnect => {
                // Nothing that this socket still says is meant for the participant.
                self.connection.socket_ends();
                self.connection.sending_ends();
                self.connection.socket.replace(None);
            }
            Output::Send(message) => {
                let socket = self.connection.socket.borrow();
                // Our own messages are plain data: writing them as JSON cannot fail.
                if let (Some(socket), Ok(text)) = (socket.as_ref(), serde_json::to_string(&message)) {
                    self.connection.was_sent(text.len());
                    self.sent.message(&message, &text);
                    self.store_receipts();
                    socket.send_text(&text);
                }
            }
            Output::SendBytes { transfer, bytes } => self.send_bytes(transfer, bytes),
            Output::StopSending { .. } => drop(self.connection.sending_ends()),
            Output::RememberToken(token) => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    let remembered = app.seat.change(|seat| {
                        // A room that gives another identity has not seen this seat's rounds.
                        if seat.token.as_deref().is_some_and(|known| known != token.secret()) {
                            seat.own.clear();
                        }
                        seat.token = Some(token.secret().to_owned());
                    });
                    if let Err(failure) = remembered.await {
                        tell(Level::Warning, &failure);
                    }
                });
            }
            Output::RememberMasking(memory) => {
                // What follows waits: a tab that is closed in between must not forget what it has helped to open.
                self.connection.storing.set(true);
                let app = Rc::clone(self);
                spawn_local(async move {
                    if let Err(failure) = app.seat.change(|seat| seat.masking = memory).await {
                        tell(Level::Warning, &failure);
                    }
                    app.connection.storing.set(false);
                    app.pump();
                });
            }
            Output::ComputeStatistics => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    app.input(client::statistics(&app.training_clips()));
                });
            }
            Output::Train(request) => self.train(request),
            Output::StopTraining => self.stop_training(),
            Output::Finished { model_version, model, standardisation } => {
                self.keep_model(model_version, model, &standardisation);
                self.evaluate_finished();
                self.tune_finished();
            }
            Output::Changed => {}
        }
    }

    fn connect(self: &Rc<Self>) {
        let number = self.connection.socket_ends();
        let app = Rc::clone(self);
        let opened = origin().and_then(|origin| {
            Socket::open(
                &origin,
                Rc::new(move |event| {
                    // A late word of a socket that was replaced.
                    if app.connection.socket_number.get() == number {
                        app.hear(event);
                    }
                }),
            )
        });
        match opened {
            Ok(socket) => drop(self.connection.socket.replace(Some(Rc::new(socket)))),
            Err(failure) => {
                tell(Level::Error, &failure);
                let app = Rc::clone(self);
                spawn_local(async move { app.input(Input::Closed) });
            }
        }
    }

    fn hear(self: &Rc<Self>, event: SocketEvent) {
        let received = match &event {
            SocketEvent::Text(text) => text.len(),
            SocketEvent::Binary(frame) => frame.len(),
            SocketEvent::Opened | SocketEvent::Closed => 0,
        };
        self.connection.received.set(self.connection.received.get() + received as u64);
        let input = match event {
            SocketEvent::Opened => Input::Opened,
            SocketEvent::Closed => {
                self.connection.sending_ends();
                Input::Closed
            }
            SocketEvent::Text(text) => match protocol::parse_server(&text) {
                Ok(message) => Input::Message(message),
                Err(error) => Input::Malformed(error),
            },
            SocketEvent::Binary(frame) => match Chunk::parse(Bytes::from(frame)) {
                Ok(chunk) => Input::Chunk(chunk),
                Err(error) => Input::Malformed(error),
            },
        };
        self.input(input);
    }

    /// Sends chunks as fast as the network takes them.
    fn send_bytes(self: &Rc<Self>, transfer: TransferId, bytes: Bytes) {
        let number = self.connection.sending_ends();
        let app = Rc::clone(self);
        let Some(socket) = self.connection.socket.borrow().clone() else { return };
        spawn_local(async move {
            let goes_on = || app.connection.sending.get() == number && socket.is_open();
            let mut sent = 0;
            for frame in protocol::chunks(transfer, bytes) {
                while socket.waiting_bytes() > MOST_WAITING && goes_on() {
                    TimeoutFuture::new(LOOK_AGAIN_MS).await;
                }
                if !goes_on() {
                    return;
                }
                app.sent.frame(&frame, app.encoding());
                app.store_receipts();
                socket.send_binary(&frame);
                app.connection.was_sent(frame.len());
                sent += (frame.len() - protocol::limits::CHUNK_HEADER_BYTES) as u32;
                app.input(Input::Sent { transfer, bytes: sent });
            }
        });
    }
}
