//! One WebSocket to the aggregator. Knows frames, not what they mean.

use std::rc::Rc;

use client::FailureCode;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use crate::failure::Failure;

/// What a socket reports.
pub enum SocketEvent {
    /// It is open.
    Opened,
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// It is closed, by whichever side, or never opened.
    Closed,
}

/// An open or opening socket. Dropping it closes it, without a further event.
pub struct Socket {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Begins to open a socket to this page's own aggregator.
    ///
    /// # Errors
    /// Where the browser refuses the address.
    pub fn open(origin: &str, listener: Rc<dyn Fn(SocketEvent)>) -> Result<Self, Failure> {
        // https becomes wss and http becomes ws.
        let address = format!("{}/ws", origin.replacen("http", "ws", 1));
        let socket = WebSocket::new_with_str(&address, protocol::limits::SUBPROTOCOL)
            .map_err(|error| Failure::from_browser(FailureCode::Socket, &error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);

        let on_open = {
            let listener = listener.clone();
            Closure::new(move |_: Event| listener(SocketEvent::Opened))
        };
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        let on_message = {
            let listener = listener.clone();
            Closure::new(move |event: MessageEvent| {
                let data = event.data();
                if let Some(text) = data.as_string() {
                    listener(SocketEvent::Text(text));
                } else if let Ok(buffer) = data.dyn_into::<ArrayBuffer>() {
                    listener(SocketEvent::Binary(Uint8Array::new(&buffer).to_vec()));
                }
            })
        };
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // An error is always followed by a close, which is what matters.
        let on_close = Closure::new(move |_: CloseEvent| listener(SocketEvent::Closed));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    /// Sends a text frame. A socket that is just closing drops it, and its close is reported.
    pub fn send_text(&self, text: &str) {
        let _ = self.socket.send_with_str(text);
    }

    /// Sends a binary frame. A socket that is just closing drops it, and its close is reported.
    pub fn send_binary(&self, frame: &[u8]) {
        let _ = self.socket.send_with_u8_array(frame);
    }

    /// Bytes that were given to the socket and have not left yet.
    pub fn waiting_bytes(&self) -> u32 {
        self.socket.buffered_amount()
    }

    /// Whether frames can be sent.
    pub fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Closing a socket that is closed does nothing.
        let _ = self.socket.close();
    }
}
