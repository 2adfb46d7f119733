//! `chorus serve`: a room, its pages, its sockets and its model, until Ctrl-C.

mod announcement;
mod cluster;

use std::cmp::Reverse;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use federation::Millis;
use protocol::{Phase, RoomCode};
use tokio::sync::watch;

use self::announcement::Announcement;
use self::cluster::Membership;
use crate::process;
use crate::server::config::Options;
use crate::server::gate::{Doorkeeper, Encrypted, Gate, Plain};
use crate::server::http::{self, Secret, Secrets, Site};
use crate::server::limits::Limits;
use crate::server::links::{PublicUrl, Reach};
use crate::server::log;
use crate::server::metrics::Metrics;
use crate::server::rooms::{CreateError, Rooms};
use crate::server::store::{Folder, Known, Store};
use crate::server::tls::{self, Identity, Tls};
use crate::settings::Settings;

/// Open files besides connections: the store, models being written, the program's own.
const OTHER_FILES: u64 = 256;
/// HTTP/2 is never offered, and needed by nobody; who speaks it all the same gets so many requests at one time.
const HTTP2_STREAMS: u32 = 16;
/// The folder of the rooms below the one that the system has for a user's data.
const DATA_FOLDER: &str = "chorus";
/// Instead of a folder: nothing is kept.
const NO_STATE: &str = "none";
/// How long a server waits for the first room that another makes.
const FIRST_ROOM_LIMIT: Duration = Duration::from_secs(5);
/// How long the open requests and sockets may take to end after Ctrl-C.
const STOP_LIMIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "Examples:
  chorus serve                                     a room on this machine, at http://localhost:8080
  chorus serve --tls self-signed --open            for a class: other machines on the network can take part
  chorus serve --tls fullchain.pem privkey.pem     with a certificate that browsers trust
  chorus serve --state none                        to try something: nothing is kept
  chorus serve --state rooms --model conv --rounds 50 --least 5
  chorus serve --strategy fedadam --server-learning-rate 0.01 --optimiser sgd --learning-rate 0.05
  chorus serve --strategy fedprox --proximal 0.1
  chorus serve --cluster nats://10.0.0.5:4222      one of several servers that share their rooms

Every option is also a variable (CHORUS_PORT=8443, CHORUS_MAX_ROOMS=10), and may stand in a file for --config:
  port = 8443
  tls = ['fullchain.pem', 'privkey.pem']
  [room]
  model = 'compact'
  [limits]
  max_rooms = 10
The command line goes before variables, variables before the file. `chorus config` prints what comes of them.

Ctrl-C ends it, and the rooms go on where they were when it is started again. The newest room with rounds left is the one
that is announced; where there is none, or --code names another, a new one is made.";

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
    /// Address that others open, where that is not this machine's own: that of a reverse proxy, as in
    /// https://chorus.example.org. Links, QR codes and the teacher's page then have it
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Names by which browsers may ask for this program besides its addresses and the machine's own name, separated by commas;
    /// pages of any other name are refused
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    public_name: Vec<String>,
    /// off, self-signed, or a certificate and its key (PEM files)
    #[arg(long, num_args = 1..=2, value_delimiter = ',', value_names = ["off|self-signed|CERT", "KEY"])]
    tls: Vec<String>,
    /// Folder that keeps rooms, their models and the self-signed certificate over a restart; none keeps nothing
    /// [default: chorus in the system's folder for the user's data]
    #[arg(long, value_name = "DIR|none")]
    state: Option<PathBuf>,
    /// Open the teacher's page in this machine's browser
    #[arg(long)]
    open: bool,
    /// Secret of the teacher's page and for making rooms, 16 characters at least [default: made up, kept with --state,
    /// and printed]
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
    cluster: Membership,
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
        .block_on(serve(arguments, options))
}

async fn serve(arguments: Arguments, options: Options) -> Result<()> {
    // Before anyone is told that the program runs, so that whoever hears it may end it.
    let signals = Signals::catch().context("cannot listen for Ctrl-C")?;
    let tls = Tls::from_words(&arguments.tls)?;
    let asked_for = arguments.state.clone();
    let home = match arguments.cluster.join(arguments.address, arguments.state.as_deref())? {
        Some(cluster) => cluster,
        None => alone(arguments.state)?,
    };
    let Home { store, state, host: kept_secret, watch, inside } = home;
    let identity = tls::identity(&tls, state.as_deref())?;
    let secrets = Secrets {
        host: match &arguments.host_token {
            Some(token) => Secret::given(token)?,
            None => kept_secret,
        },
        watch,
        metrics: arguments.metrics_token.as_deref().map(Secret::given).transpose()?,
    };
    let limits = fitting(arguments.limits)?;
    let metrics = Arc::new(Metrics::new());

    let (stop, stopping) = watch::channel(false);
    let rooms = Arc::new(Rooms::new(store.clone(), stopping, limits.clone(), metrics.clone()));
    let mut restored = Vec::new();
    for (code, coordinator) in store.restore()? {
        let status = coordinator.status(Millis(0));
        restored.push(Restored {
            code: code.clone(),
            created_at: store.created_at(&code)?,
            finished: status.phase == Phase::Finished,
        });
        rooms.add(code.clone(), coordinator).with_context(|| format!("the stored room {code} cannot go on"))?;
        tracing::info!(room = %code, version = status.model_version.0, "room restored");
    }
    let room = {
        let (rooms, settings) = (rooms.clone(), arguments.room);
        tokio::task::spawn_blocking(move || first_room(&rooms, &settings, restored)).await??
    };
    let unused = room.restored.then(|| options.changed_in("room"));
    if let Some(unused) = &unused {
        tracing::info!(room = %room.code, unused, "the room goes on as it was stored; its settings stay as they were");
    }

    let listener = listen(arguments.address, arguments.port)?;
    listener.set_nonblocking(true)?;
    let (public_url, names) = (arguments.public_url, arguments.public_name);
    let reach = Arc::new(Reach::of(listener.local_addr()?, identity.is_some(), public_url, names));
    let announcement = Announcement {
        reach: &reach,
        room: &room.code,
        unused: unused.as_deref(),
        identity: identity.as_ref(),
        host_token: &secrets.host,
        token_given: arguments.host_token.is_some(),
        rooms: &rooms,
        state: state.as_deref(),
        cluster: arguments.cluster.shown(),
    };
    if arguments.json {
        announcement.as_json()?
    } else {
        announcement.for_people()?
    }
    // The listener takes connections already, and answers them in a moment.
    if arguments.open
        && let Err(error) = open::that_detached(announcement.teach())
    {
        tracing::warn!("the teacher's page cannot be opened by itself ({error}); open its link");
    }

    let handle = Handle::new();
    let ending = tokio::spawn(end_on_signal(signals, handle.clone(), stop, rooms.clone()));
    let gate = Gate::new(limits.clone(), metrics);
    let doorkeeper = Doorkeeper::new(gate.clone());
    let own = identity.as_ref().and_then(|identity| identity.own.clone());
    let kept = state.is_some() || inside.is_some();
    let site = Site::new(rooms.clone(), gate.clone(), secrets, reach, own.clone(), kept, asked_for);
    if let Some(inside) = inside {
        cluster::serve_others(inside, site.clone(), gate, &limits, handle.clone())?;
        tokio::spawn(rooms.take_over());
    }
    let routes = http::routes(site).into_make_service();
    if let Some(own) = &own {
        tokio::spawn(own.clone().follow());
    }
    match identity {
        Some(Identity { config, .. }) => {
            let plain: Plain =
                Arc::new(move |path, languages| http::certificate_answer(own.as_deref()?, path, languages));
            let encrypted = Encrypted { doorkeeper, plain };
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config)).acceptor(encrypted);
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

/// What this program starts from: where its rooms are, and what opens its pages.
struct Home {
    store: Arc<dyn Store>,
    /// The folder of this machine's own things, where it has one.
    state: Option<PathBuf>,
    /// The host's secret, where none was given.
    host: Secret,
    watch: Secret,
    /// Where other servers of the cluster come in.
    inside: Option<TcpListener>,
}

/// That of a program that shares nothing with another.
fn alone(given: Option<PathBuf>) -> Result<Home> {
    let state = state_folder(given)?;
    let (store, host) = match &state {
        Some(state) => (Folder::open(state)?, Secret::kept(state)?),
        None => (Folder::passing()?, Secret::random()),
    };
    Ok(Home { store: Arc::new(store), state, host, watch: Secret::random(), inside: None })
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

/// Where rooms are kept: the given folder, else the user's own; `None` where nothing is to be kept.
fn state_folder(given: Option<PathBuf>) -> Result<Option<PathBuf>> {
    match given {
        Some(folder) if folder == Path::new(NO_STATE) => Ok(None),
        Some(folder) => Ok(Some(folder)),
        None => {
            let folder = dirs::data_local_dir().context(
                "the system names no folder for this user's data; say with --state DIR where rooms are to be kept, or \
                 with --state none that nothing is",
            )?;
            Ok(Some(folder.join(DATA_FOLDER)))
        }
    }
}

fn listen(address: IpAddr, port: u16) -> Result<TcpListener> {
    TcpListener::bind((address, port)).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                let other = port.checked_add(1).unwrap_or(8080);
                format!(
                    "port {port} is taken, perhaps by another chorus; end that, or choose another port: --port {other}"
                )
            }
            ErrorKind::PermissionDenied => {
                format!(
                    "the system does not let this user listen on port {port}; choose one above 1023, as in --port 8080"
                )
            }
            ErrorKind::AddrNotAvailable => {
                format!("this machine does not have the address {address}; leave out --address")
            }
            _ => format!("cannot listen on {address}, port {port}"),
        };
        anyhow::Error::new(error).context(advice)
    })
}

/// A room that was stored.
struct Restored {
    code: RoomCode,
    /// Seconds since 1970.
    created_at: i64,
    finished: bool,
}

/// The room that is announced.
struct FirstRoom {
    code: RoomCode,
    /// It was stored, and has the settings that it had.
    restored: bool,
}

/// The room that was asked for, or the newest of the restored ones that has rounds left, else a new one: a class that comes
/// the next day finds a room to train in.
///
/// Of servers of a cluster that start together one makes it, and the others wait for it.
fn first_room(rooms: &Rooms, settings: &Settings, mut restored: Vec<Restored>) -> Result<FirstRoom> {
    let elsewhere = || rooms.store().everywhere().into_iter().filter(|room| rooms.get(&room.code).is_none());
    let is_found = |room: &Known| settings.room.code.as_ref().map_or(!room.finished, |code| room.code == *code);
    let patience = Instant::now() + FIRST_ROOM_LIMIT;
    if !restored.iter().any(|room| !room.finished) && settings.room.code.is_none() {
        while !elsewhere().any(|room| is_found(&room)) && !rooms.store().makes_first_room() && Instant::now() < patience
        {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    restored.extend(elsewhere().map(|Known { code, created_at, finished }| Restored { code, created_at, finished }));
    restored.sort_by_key(|room| (room.finished, Reverse(room.created_at)));
    let goes_on = match &settings.room.code {
        Some(code) => restored.iter().find(|room| room.code == *code),
        None => restored.first().filter(|room| !room.finished),
    };
    if let Some(room) = goes_on {
        return Ok(FirstRoom { code: room.code.clone(), restored: true });
    }
    let config = settings.room().context("a room cannot have these settings")?;
    let code = config.code.clone();
    match (rooms.create(config), restored.first()) {
        // The teacher can delete some.
        (Err(error @ (CreateError::TooMany(_) | CreateError::TooLarge { .. })), Some(room)) => {
            tracing::warn!("no new room: {error}");
            Ok(FirstRoom { code: room.code.clone(), restored: true })
        }
        (made, _) => Ok(made.map(|()| FirstRoom { code, restored: false })?),
    }
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
