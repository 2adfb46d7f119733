//! One WebSocket of a participant at work: a task that sends what it is given and passes on what comes. It knows frames
//! and no rules.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use federation::{Input, Output};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::limits::CHUNK_HEADER_BYTES;
use protocol::{Chunk, ClientMessage, TransferId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{self, Message};

use super::connection::{self, Socket};
use super::trust;

/// How long the last messages and the close frame may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// Frames that may wait to be read by the participant; the network waits then.
const QUEUE: usize = 16;

/// What comes from a link.
#[allow(clippy::large_enum_variant, reason = "a handful exist at a time, and nearly all are the large one")]
pub enum FromLink {
    /// For the participant's rules.
    Input(Input),
    /// The socket could not be opened, or it is gone; no more will come. The reason is there where there is one.
    Down(Option<anyhow::Error>),
}

enum Command {
    Send(ClientMessage),
    SendBytes { transfer: TransferId, bytes: Bytes },
    StopSending { transfer: TransferId },
}

/// A link that is being opened, or open.
struct Link {
    commands: mpsc::UnboundedSender<Command>,
    incoming: mpsc::Receiver<FromLink>,
    task: JoinHandle<()>,
}

impl Link {
    /// Opens a socket to `address` in the background.
    pub fn open(address: String, insecure: bool) -> Self {
        let (commands, queue) = mpsc::unbounded_channel();
        let (events, incoming) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            let reason = run(&address, insecure, queue, &events).await.err();
            // Nobody listens where the participant closed the link itself.
            let _ = events.send(FromLink::Down(reason)).await;
        });
        Self { commands, incoming, task }
    }

    /// The next thing that comes; `Down` for ever once the link has ended.
    pub async fn next(&mut self) -> FromLink {
        self.incoming.recv().await.unwrap_or(FromLink::Down(None))
    }

    /// Sends a message, before any chunk that still waits.
    pub fn send(&self, message: ClientMessage) {
        self.give(Command::Send(message));
    }

    /// Sends bytes in chunks, in place of what is left of earlier ones.
    pub fn send_bytes(&self, transfer: TransferId, bytes: Bytes) {
        self.give(Command::SendBytes { transfer, bytes });
    }

    /// Sends no more chunks of a transfer.
    pub fn stop_sending(&self, transfer: TransferId) {
        self.give(Command::StopSending { transfer });
    }

    /// Sends what was given before, says goodbye and closes.
    pub async fn close(self) {
        let Self { commands, incoming, task } = self;
        drop((commands, incoming));
        let abort = task.abort_handle();
        if timeout(CLOSE_LIMIT, task).await.is_err() {
            abort.abort();
        }
    }

    fn give(&self, command: Command) {
        // A link that has ended says so by `Down`.
        let _ = self.commands.send(command);
    }
}

/// Where the links of a participant or an edge lead, and the one that there is.
pub struct Line {
    socket: String,
    insecure: bool,
    link: Option<Link>,
    /// Since when the other end could not be reached.
    unreachable: Option<Instant>,
    last_failure: Option<anyhow::Error>,
}

impl Line {
    /// No link yet. `insecure` takes any certificate.
    pub fn new(socket: String, insecure: bool) -> Self {
        Self { socket, insecure, link: None, unreachable: None, last_failure: None }
    }

    /// Carries out what is about links; what is not is handed back.
    pub async fn carry_out(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Connect => self.link = Some(Link::open(self.socket.clone(), self.insecure)),
            Output::Disconnect => {
                if let Some(link) = self.link.take() {
                    link.close().await;
                }
            }
            Output::Send(message) => self.on_link(|link| link.send(message)),
            Output::SendBytes { transfer, bytes } => self.on_link(|link| link.send_bytes(transfer, bytes)),
            Output::StopSending { transfer } => self.on_link(|link| link.stop_sending(transfer)),
            other => return Some(other),
        }
        None
    }

    fn on_link(&self, order: impl FnOnce(&Link)) {
        if let Some(link) = &self.link {
            order(link);
        }
    }

    /// The next thing that comes; nothing while there is no link.
    pub async fn next(&mut self) -> FromLink {
        match &mut self.link {
            Some(link) => link.next().await,
            None => std::future::pending().await,
        }
    }

    /// The link has ended.
    ///
    /// # Errors
    /// Trying again is of no use.
    pub fn down(&mut self, reason: Option<anyhow::Error>) -> anyhow::Result<()> {
        self.link = None;
        self.unreachable.get_or_insert_with(Instant::now);
        if let Some(reason) = reason {
            if is_lasting(&reason) {
                let hint = trust::advice(&reason);
                return Err(reason).with_context(|| format!("cannot connect to {}{hint}", self.socket));
            }
            self.last_failure = Some(reason);
        }
        Ok(())
    }

    /// The other end answers.
    pub fn reached(&mut self) {
        self.unreachable = None;
    }

    /// Why the other end could not be reached, where that has lasted longer than `patience`.
    pub fn failing_for(&mut self, patience: Duration) -> Option<anyhow::Error> {
        let failing = self.unreachable.is_some_and(|since| since.elapsed() > patience);
        failing.then(|| self.last_failure.take().unwrap_or_else(|| anyhow::anyhow!("it closes the connection")))
    }
}

/// Whether trying again is of no use: the other end is there, but is no aggregator or shows a wrong certificate. A proxy whose
/// servers are just being started again is none of these.
fn is_lasting(reason: &anyhow::Error) -> bool {
    use tungstenite::Error;
    trust::tls_error(reason).is_some()
        || match reason.downcast_ref() {
            Some(Error::Tls(_) | Error::Url(_)) => true,
            Some(Error::Http(answer)) => {
                !answer.status().is_server_error() && answer.status() != StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
}

async fn run(
    address: &str,
    insecure: bool,
    queue: mpsc::UnboundedReceiver<Command>,
    events: &mpsc::Sender<FromLink>,
) -> anyhow::Result<()> {
    let socket = connection::connect(address, insecure).await?;
    // An error here and below means that the participant closed the link meanwhile.
    let _ = events.send(FromLink::Input(Input::Opened)).await;
    let (mut sink, mut stream) = socket.split();
    let closed_here = tokio::select! {
        result = write(&mut sink, queue, events) => result.map(|()| true),
        result = read(&mut stream, events) => result.map(|()| false),
    }?;
    if closed_here && sink.send(Message::Close(None)).await.is_ok() {
        // Until the other side has closed too, lest the system cuts off what is still on its way.
        while let Some(Ok(_)) = stream.next().await {}
    }
    Ok(())
}

async fn read(stream: &mut SplitStream<Socket>, events: &mpsc::Sender<FromLink>) -> anyhow::Result<()> {
    loop {
        let input = match stream.next().await {
            None | Some(Ok(Message::Close(_))) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(Message::Text(text))) => match protocol::parse_server(&text) {
                Ok(message) => Input::Message(message),
                Err(error) => Input::Malformed(error),
            },
            Some(Ok(Message::Binary(bytes))) => match Chunk::parse(bytes) {
                Ok(chunk) => Input::Chunk(chunk),
                Err(error) => Input::Malformed(error),
            },
            Some(Ok(_)) => continue,
        };
        if events.send(FromLink::Input(input)).await.is_err() {
            // Closed by the participant: the writer ends the link once its queue is empty.
            std::future::pending::<()>().await;
        }
    }
}

/// An upload on its way.
struct Upload {
    transfer: TransferId,
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    sent: u32,
}

/// Ends well when the participant closes the link and everything given before is sent.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut queue: mpsc::UnboundedReceiver<Command>,
    events: &mpsc::Sender<FromLink>,
) -> anyhow::Result<()> {
    let mut upload: Option<Upload> = None;
    loop {
        tokio::select! {
            biased;
            command = queue.recv() => match command {
                None => return Ok(()),
                Some(Command::Send(message)) => sink.send(Message::Text(serde_json::to_string(&message)?.into())).await?,
                Some(Command::SendBytes { transfer, bytes }) => {
                    upload = Some(Upload { transfer, chunks: Box::new(protocol::chunks(transfer, bytes)), sent: 0 });
                }
                Some(Command::StopSending { transfer }) => {
                    upload.take_if(|upload| upload.transfer == transfer);
                }
            },
            // A block, so that no chunk is made (and lost) when a command comes first.
            chunk = async { upload.as_mut().and_then(|upload| upload.chunks.next()) }, if upload.is_some() => {
                let Some((upload, chunk)) = upload.as_mut().zip(chunk) else {
                    upload = None;
                    continue;
                };
                upload.sent += (chunk.len() - CHUNK_HEADER_BYTES) as u32;
                sink.send(Message::Binary(chunk)).await?;
                let sent = Input::Sent { transfer: upload.transfer, bytes: upload.sent };
                // Only for show: where the participant is behind, the next one tells as well.
                let _ = events.try_send(FromLink::Input(sent));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::http::Response;

    use super::*;

    #[test]
    fn a_proxy_whose_servers_are_started_again_is_asked_again() {
        let answered = |status: StatusCode| {
            let mut answer = Response::new(None);
            *answer.status_mut() = status;
            anyhow::Error::new(tungstenite::Error::Http(answer.into()))
        };
        for status in [502, 503, 504, 429] {
            assert!(!is_lasting(&answered(StatusCode::from_u16(status).unwrap())), "{status}");
        }
        for status in [200, 301, 400, 403, 404] {
            assert!(is_lasting(&answered(StatusCode::from_u16(status).unwrap())), "{status}");
        }
    }
}
