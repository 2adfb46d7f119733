//! `chorus serve`: a room, its pages, its sockets and its model, until Ctrl-C.

use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use protocol::RoomCode;
use serde_json::json;
use tokio::sync::watch;

use crate::process;
use crate::server::config::Options;
use crate::server::gate::{Doorkeeper, Gate};
use crate::server::http::{self, Secret, Secrets, Site};
use crate::server::limits::Limits;
use crate::server::links::{self, Reach};
use crate::server::log;
use crate::server::metrics::Metrics;
use crate::server::rooms::Rooms;
use crate::server::store::Store;
use crate::server::tls::{self, Identity, Tls};
use crate::settings::Settings;

/// Open files besides connections: the store, models being written, the program's own.
const OTHER_FILES: u64 = 256;
/// HTTP/2 is never offered, and needed by nobody; who speaks it all the same gets so many requests at one time.
const HTTP2_STREAMS: u32 = 16;
/// How long the open requests and sockets may take to end after Ctrl-C.
const STOP_LIMIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "Examples:
  chorus serve                                     a room on this machine, at http://localhost:8080
  chorus serve --tls self-signed                   for a class: other machines on the network can take part
  chorus serve --tls fullchain.pem privkey.pem     with a certificate that browsers trust
  chorus serve --state rooms --model conv --rounds 50 --least 5
  chorus serve --strategy fedadam --server-learning-rate 0.01 --optimiser sgd --learning-rate 0.05
  chorus serve --strategy fedprox --proximal 0.1

Every option is also a variable (CHORUS_PORT=8443, CHORUS_MAX_ROOMS=10), and may stand in a file for --config:
  port = 8443
  tls = ['fullchain.pem', 'privkey.pem']
  [room]
  model = 'compact'
  [limits]
  max_rooms = 10
The command line goes before variables, variables before the file. `chorus config` prints what comes of them.

Ctrl-C ends it; with --state the rooms go on where they were when it is started again.";

/// Start a room and serve its pages, its sockets and its model.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// File with options (TOML)
    #[arg(long, value_name = "FILE")]
    #[allow(dead_code, reason = "the command line was read together with it")]
    config: Option<PathBuf>,
    /// Address to listen on; 0.0.0.0 is every one that this machine has
    #[arg(long, default_value = "0.0.0.0")]
    address: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// off, self-signed, or a certificate and its key (PEM files)
    #[arg(long, num_args = 1..=2, value_delimiter = ',', value_names = ["off|self-signed|CERT", "KEY"])]
    tls: Vec<String>,
    /// Folder that keeps rooms, their models and the self-signed certificate over a restart
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Secret of the teacher's page and for making rooms, 16 characters at least [default: made up and printed]
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    host_token: Option<String>,
    /// Secret for reading /metrics, which the host token opens as well [default: none]
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    metrics_token: Option<String>,
    /// What to log: error, warn, info, debug or trace, or levels by part as in chorus::server::rooms=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// How to write the log [default: text; json with --json]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<log::Format>,
    /// Say what is served as one line of JSON, and log as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    room: Settings,
    #[command(flatten)]
    limits: Limits,
}

/// Prints the options as they turned out.
pub fn print(options: Options) -> Result<()> {
    Ok(write!(std::io::stdout().lock(), "{options}")?)
}

/// Runs the command.
pub fn run(arguments: Arguments, options: Options) -> Result<()> {
    let format = arguments.log_format.unwrap_or(if arguments.json { log::Format::Json } else { log::Format::Text });
    log::start(&arguments.log, format)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), options = options.changed(), "starting");
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?
        .block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<()> {
    // Before anyone is told that the program runs, so that whoever hears it may end it.
    let signals = Signals::catch().context("cannot listen for Ctrl-C")?;
    let tls = Tls::from_words(&arguments.tls)?;
    let store = Arc::new(match &arguments.state {
        Some(state) => Store::open(state)?,
        None => Store::passing()?,
    });
    let identity = tls::identity(&tls, arguments.state.as_deref())?;
    let secrets = Secrets {
        host: arguments.host_token.as_deref().map_or_else(|| Ok(Secret::random()), Secret::given)?,
        metrics: arguments.metrics_token.as_deref().map(Secret::given).transpose()?,
    };
    let limits = fitting(arguments.limits)?;
    let metrics = Arc::new(Metrics::new());

    let (stop, stopping) = watch::channel(false);
    let rooms = Arc::new(Rooms::new(store.clone(), stopping, limits.clone(), metrics.clone()));
    for (code, coordinator) in store.restore()? {
        let version = coordinator.model().version().0;
        rooms.add(code.clone(), coordinator).with_context(|| format!("the stored room {code} cannot go on"))?;
        tracing::info!(room = %code, version, "room restored");
    }
    let room = first_room(&rooms, &arguments.room)?;

    let listener = TcpListener::bind((arguments.address, arguments.port)).with_context(|| {
        format!("cannot listen on port {}; is it taken? Choose another with --port", arguments.port)
    })?;
    listener.set_nonblocking(true)?;
    let reach = Arc::new(Reach::of(listener.local_addr()?, identity.is_some()));
    let announcement = Announcement {
        reach: &reach,
        room,
        identity: identity.as_ref(),
        host_token: &secrets.host,
        token_given: arguments.host_token.is_some(),
        rooms: &rooms,
    };
    if arguments.json {
        announcement.as_json()?
    } else {
        announcement.for_people(arguments.state.is_some())?
    }

    let handle = Handle::new();
    let ending = tokio::spawn(end_on_signal(signals, handle.clone(), stop, rooms.clone()));
    let gate = Gate::new(limits.clone(), metrics);
    let doorkeeper = Doorkeeper(gate.clone());
    let routes = http::routes(Site::new(rooms, gate, secrets, reach, arguments.state.is_some())).into_make_service();
    match identity {
        Some(Identity { config, .. }) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config)).acceptor(doorkeeper);
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
            limited(server, &limits).handle(handle).serve(routes).await
        }
        None => {
            let server = axum_server::from_tcp(listener)?.acceptor(doorkeeper);
            limited(server, &limits).handle(handle).serve(routes).await
        }
    }
    .context("the server failed")?;
    ending.await.context("the rooms could not be parked")
}

/// Lets no connection dawdle over its requests.
fn limited<A>(mut server: Server<SocketAddr, A>, limits: &Limits) -> Server<SocketAddr, A> {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(limits.request_timeout()).max_buf_size(limits.max_header_bytes);
    let (interval, patience) = (limits.request_timeout(), limits.request_timeout());
    builder.http2().max_concurrent_streams(HTTP2_STREAMS).keep_alive_interval(interval).keep_alive_timeout(patience);
    server.first_request_timeout(limits.request_timeout())
}

/// The limits, with no more connections than the system has files for.
fn fitting(mut limits: Limits) -> Result<Limits> {
    let wanted = limits.max_connections as u64 + OTHER_FILES;
    if let Some(files) = process::allow_files(wanted)
        && files < wanted
    {
        let most = files.saturating_sub(OTHER_FILES);
        ensure!(most > 0, "the system lets this program open {files} files, which is too few; raise `ulimit -n`");
        tracing::warn!(connections = most, files, "fewer connections than --max-connections: raise `ulimit -n`");
        limits.max_connections = most as usize;
    }
    Ok(limits)
}

/// The room that is announced: a restored one where there is any and no other was asked for, else a new one.
fn first_room(rooms: &Rooms, settings: &Settings) -> Result<RoomCode> {
    let restored = match &settings.room.code {
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

/// What is said at the start.
struct Announcement<'a> {
    reach: &'a Reach,
    room: RoomCode,
    identity: Option<&'a Identity>,
    host_token: &'a Secret,
    token_given: bool,
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
        // Where this goes to a file or a journal, a secret that somebody chose need not stand in it.
        let teach =
            if self.token_given && !colours { format!("{}/teach#TOKEN", self.reach.here) } else { self.teach() };
        writeln!(out, "Teacher's page, to make and run rooms (keep this link to yourself):\n  {teach}\n")?;
        writeln!(out, "Ctrl-C ends the room.\n")?;
        Ok(out.flush()?)
    }
}
