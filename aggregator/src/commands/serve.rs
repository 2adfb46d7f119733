//! `chorus serve`: a room, its pages, its sockets and its model, until Ctrl-C.

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server};
use protocol::RoomCode;
use serde_json::json;
use tokio::sync::watch;

use crate::api::{self, HostToken, Site};
use crate::links::{self, Reach};
use crate::rooms::Rooms;
use crate::settings::Settings;
use crate::store::Store;
use crate::tls::{self, Identity, Tls};

/// A connection that has sent no whole request by then is closed.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// How long the open requests and sockets may take to end after Ctrl-C.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Open files that are enough for three full rooms.
const ENOUGH_FILES: u64 = 4_096;

const EXAMPLES: &str = "Examples:
  chorus serve                                     a room on this machine, at http://localhost:8080
  chorus serve --tls self-signed                   for a class: other machines on the network can take part
  chorus serve --tls fullchain.pem privkey.pem     with a certificate that browsers trust
  chorus serve --state rooms --model conv --rounds 50 --least 5
  chorus serve --strategy fedadam --server-learning-rate 0.01 --optimiser sgd --learning-rate 0.05
  chorus serve --strategy fedprox --proximal 0.1

Ctrl-C ends it; with --state the rooms go on where they were when it is started again.";

/// Start a room and serve its pages, its sockets and its model.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Address to listen on; 0.0.0.0 is every one that this machine has
    #[arg(long, default_value = "0.0.0.0")]
    address: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// off, self-signed, or a certificate and its key (PEM files)
    #[arg(long, num_args = 1..=2, value_names = ["off|self-signed|CERT", "KEY"])]
    tls: Vec<String>,
    /// Folder that keeps rooms, their models and the self-signed certificate over a restart
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Secret for making more rooms with POST /api/rooms [default: made up and printed]
    #[arg(long, value_name = "TOKEN", env = "CHORUS_HOST_TOKEN", hide_env_values = true)]
    host_token: Option<String>,
    /// Say what is served as one line of JSON, and log as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    room: Settings,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    start_log(arguments.json)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?
        .block_on(serve(arguments))
}

/// Takes as many open files as the system gives, since every participant is one.
fn allow_sockets() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) if files >= ENOUGH_FILES => {}
        Ok(files) => tracing::warn!(
            "the system allows this program {files} open files, and each participant needs one; raise the limit with \
             `ulimit -n {ENOUGH_FILES}` for large classes"
        ),
        Err(error) => tracing::warn!("the limit of open files cannot be read ({error})"),
    }
}

async fn serve(arguments: Arguments) -> Result<()> {
    allow_sockets();
    // Before anyone is told that the program runs, so that whoever hears it may end it.
    let signals = Signals::catch().context("cannot listen for Ctrl-C")?;
    let tls = Tls::from_words(&arguments.tls)?;
    let store = Arc::new(match &arguments.state {
        Some(state) => Store::open(state)?,
        None => Store::passing()?,
    });
    let identity = tls::identity(&tls, arguments.state.as_deref())?;
    let host_token = HostToken::given_or_new(arguments.host_token.as_deref())?;

    let (stop, stopping) = watch::channel(false);
    let rooms = Arc::new(Rooms::new(store.clone(), stopping));
    for (code, coordinator) in store.restore()? {
        rooms.add(code, coordinator)?;
    }
    let room = first_room(&rooms, &arguments.room)?;

    let listener = TcpListener::bind((arguments.address, arguments.port)).with_context(|| {
        format!("cannot listen on port {}; is it taken? Choose another with --port", arguments.port)
    })?;
    listener.set_nonblocking(true)?;
    let reach = Arc::new(Reach::of(listener.local_addr()?, identity.is_some()));
    let announcement =
        Announcement { reach: &reach, room, identity: identity.as_ref(), host_token: &host_token, rooms: &rooms };
    if arguments.json {
        announcement.as_json()?
    } else {
        announcement.for_people(arguments.state.is_some())?
    }

    let handle = Handle::new();
    let ending = tokio::spawn(end_on_signal(signals, handle.clone(), stop, rooms.clone()));
    let routes = api::routes(Site::new(rooms, host_token, reach, arguments.state.is_some())).into_make_service();
    match identity {
        Some(Identity { config, .. }) => {
            let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(config))?;
            let server = server.map(|acceptor| acceptor.acceptor(NoDelayAcceptor::new()));
            limited(server).handle(handle).serve(routes).await
        }
        None => {
            // Without TCP_NODELAY a second short message waits up to 40 ms for the acknowledgement of the first.
            let server = axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new());
            limited(server).handle(handle).serve(routes).await
        }
    }
    .context("the server failed")?;
    ending.await.context("the rooms could not be parked")
}

/// Lets no connection dawdle over its requests.
fn limited<A>(mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    server.http_builder().http1().header_read_timeout(REQUEST_LIMIT);
    server.first_request_timeout(REQUEST_LIMIT)
}

/// The room that is announced: a restored one where there is any and no other was asked for, else a new one.
fn first_room(rooms: &Rooms, settings: &Settings) -> Result<RoomCode> {
    let restored = match &settings.code {
        Some(code) => rooms.get(code).map(|_| code.clone()),
        None => rooms.codes().into_iter().next(),
    };
    if let Some(code) = restored {
        tracing::info!(room = %code, "the room goes on from the state folder; its settings stay as they were");
        return Ok(code);
    }
    let config = settings.room().context("a room cannot have these settings")?;
    let code = config.code.clone();
    rooms.create(config)?;
    Ok(code)
}

/// Waits for Ctrl-C (or SIGTERM), tells every participant, stores every room, and lets the server end.
async fn end_on_signal(mut signals: Signals, handle: Handle<SocketAddr>, stop: watch::Sender<bool>, rooms: Arc<Rooms>) {
    signals.next().await;
    tracing::info!("ending: participants are told and rooms are stored; Ctrl-C again ends at once");
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(130);
    });
    stop.send_replace(true);
    rooms.park().await;
    handle.graceful_shutdown(Some(STOP_LIMIT));
    // Each socket holds a receiver of `stop` until its close frame is sent.
    drop(rooms);
    // A participant who does not take it is left behind.
    let _ = tokio::time::timeout(STOP_LIMIT, stop.closed()).await;
}

/// The signals that end the program, caught from the moment this is made.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    #[cfg(unix)]
    fn catch() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn catch() -> Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(windows)]
    async fn next(&mut self) {
        self.interrupt.recv().await;
    }
}

fn start_log(json: bool) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CHORUS_LOG").unwrap_or_else(|_| "chorus=info".into());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    started.map_err(|error| anyhow::anyhow!("the log cannot start: {error}"))
}

/// What is said at the start.
struct Announcement<'a> {
    reach: &'a Reach,
    room: RoomCode,
    identity: Option<&'a Identity>,
    host_token: &'a HostToken,
    rooms: &'a Rooms,
}

impl Announcement<'_> {
    fn as_json(&self) -> Result<()> {
        let room_links = |origin: &String| format!("{origin}/room/{}", self.room);
        let line = json!({
            "event": "listening",
            "room": self.room,
            "rooms": self.rooms.codes(),
            "local": room_links(&self.reach.here),
            "network": self.reach.network.iter().map(room_links).collect::<Vec<_>>(),
            "tls_sha256": self.identity.map(|identity| &identity.fingerprint),
            "host_token": self.host_token.secret(),
            "teach": self.teach(),
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// The teacher's page. The secret is in the fragment, which browsers send to nobody.
    fn teach(&self) -> String {
        format!("{}/teach#{}", self.reach.here, self.host_token.secret())
    }

    fn for_people(&self, stored: bool) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let colours = out.is_terminal();
        let path = format!("/room/{}", self.room);
        writeln!(out, "\nRoom {} is open.\n", self.room)?;
        writeln!(out, "  On this machine   {}{path}", self.reach.here)?;
        for origin in &self.reach.network {
            writeln!(out, "  On the network    {origin}{path}")?;
        }
        if let Some(origin) = self.reach.network.first()
            && let Some(code) = links::qr_code(&format!("{origin}{path}"), colours)
        {
            writeln!(out, "\n{code}")?;
        }
        match self.identity {
            Some(identity) if identity.self_signed => {
                writeln!(
                    out,
                    "Browsers warn once about a certificate that this program made itself; its SHA-256 fingerprint is"
                )?;
                writeln!(out, "  {}\n", identity.fingerprint)?;
            }
            None if !self.reach.network.is_empty() => {
                writeln!(
                    out,
                    "Without TLS, browsers on other machines give neither microphone nor WebGPU (this machine's do, through"
                )?;
                writeln!(
                    out,
                    "localhost). Start with `--tls self-signed`, or `--tls CERT KEY` with a certificate that browsers trust.\n"
                )?;
            }
            _ => {}
        }
        if !stored {
            writeln!(out, "Nothing is kept when this program ends; `--state DIR` keeps rooms and models.")?;
        }
        let insecure = if self.identity.is_some_and(|identity| identity.self_signed) { " --insecure" } else { "" };
        writeln!(out, "Without a browser:  chorus join {}{path} --synthetic 1{insecure}", self.reach.here)?;
        writeln!(out, "Teacher's page, to make and run rooms (keep this link to yourself):\n  {}\n", self.teach())?;
        writeln!(out, "Ctrl-C ends the room.\n")?;
        Ok(out.flush()?)
    }
}
