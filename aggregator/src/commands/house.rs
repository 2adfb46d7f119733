//! What every program is that serves rooms, whoever makes them: where it listens, its certificate, its pages, its secrets, and its
//! end.

mod announcement;
mod cluster;

use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use protocol::RoomCode;
use tokio::sync::watch;

use self::announcement::Announcement;
pub use self::cluster::Membership;
use crate::process;
use crate::server::gate::{Doorkeeper, Encrypted, Gate, Plain};
use crate::server::http::{self, Secret, Secrets, Site};
use crate::server::limits::Limits;
use crate::server::links::{PublicUrl, Reach};
use crate::server::log;
use crate::server::metrics::Metrics;
use crate::server::rooms::Rooms;
use crate::server::store::{Folder, Store};
use crate::server::tls::{self, Identity, Tls};

/// Open files besides connections: the store, models being written, the program's own.
const OTHER_FILES: u64 = 256;
/// HTTP/2 is never offered, and needed by nobody; who speaks it all the same gets so many requests at one time.
const HTTP2_STREAMS: u32 = 16;
/// The folder of the rooms below the one that the system has for a user's data.
const DATA_FOLDER: &str = "chorus";
/// Instead of a folder: nothing is kept.
pub const NO_STATE: &str = "none";
/// How long the open requests and sockets may take to end after Ctrl-C.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Where a program listens, and how it is reached.
#[derive(clap::Args)]
pub struct Doors {
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
}

impl Doors {
    /// Begins to log.
    ///
    /// # Errors
    /// The filter is none.
    pub fn start_log(&self) -> Result<()> {
        let format = self.log_format.unwrap_or(if self.json { log::Format::Json } else { log::Format::Text });
        log::start(&self.log, format)
    }
}

/// Runs a program that serves, to its end.
pub fn block_on(program: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?
        .block_on(program)
}

/// A program that serves, before anyone can come.
pub struct House {
    doors: Doors,
    state: Option<PathBuf>,
    inside: Option<TcpListener>,
    limits: Limits,
    metrics: Arc<Metrics>,
    identity: Option<Identity>,
    secrets: Secrets,
    signals: Signals,
    stop: watch::Sender<bool>,
    /// Where rooms are kept.
    pub store: Arc<dyn Store>,
    /// Its rooms, none at first.
    pub rooms: Arc<Rooms>,
}

/// What is said of a program when it listens.
pub struct Shown<'a> {
    /// The room that is announced.
    pub room: &'a RoomCode,
    /// The room was stored, and these options for a new one, if any, are of no use to it.
    pub unused: Option<&'a str>,
    /// The NATS servers that keep rooms for several servers.
    pub cluster: Option<String>,
    /// Where rooms are kept, as it was typed.
    pub asked_for: Option<PathBuf>,
}

impl House {
    /// Catches the signals that end the program from now on, so that whoever hears that it runs may end it. `home` says where
    /// rooms are kept, of a program that listens at an address.
    ///
    /// # Errors
    /// There is no such place, or the certificate or a secret can't be used.
    pub fn open(doors: Doors, limits: Limits, home: impl FnOnce(IpAddr) -> Result<Home>) -> Result<House> {
        let signals = Signals::catch().context("cannot listen for Ctrl-C")?;
        let tls = Tls::from_words(&doors.tls)?;
        let Home { store, state, host: kept_secret, watch, inside } = home(doors.address)?;
        let identity = tls::identity(&tls, state.as_deref())?;
        let secrets = Secrets {
            host: match &doors.host_token {
                Some(token) => Secret::given(token)?,
                None => kept_secret,
            },
            watch,
            metrics: doors.metrics_token.as_deref().map(Secret::given).transpose()?,
        };
        // What is passed on to another server has a connection to it besides.
        let limits = fitting(limits, if inside.is_some() { 2 } else { 1 })?;
        let metrics = Arc::new(Metrics::new());
        let (stop, stopping) = watch::channel(false);
        let rooms = Arc::new(Rooms::new(store.clone(), stopping, limits.clone(), metrics.clone()));
        Ok(House { doors, state, inside, limits, metrics, identity, secrets, signals, stop, store, rooms })
    }

    /// Says where the room is, and serves until a signal comes or it is `over`.
    ///
    /// # Errors
    /// The port can't be had, or the server failed.
    pub async fn serve(self, shown: Shown<'_>, over: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let House { doors, state, inside, limits, metrics, identity, secrets, signals, stop, store: _, rooms } = self;
        let Shown { room, unused, cluster, asked_for } = shown;
        let listener = listen(doors.address, doors.port)?;
        listener.set_nonblocking(true)?;
        let (public_url, names) = (doors.public_url, doors.public_name);
        let reach = Arc::new(Reach::of(listener.local_addr()?, identity.is_some(), public_url, names));
        let announcement = Announcement {
            reach: &reach,
            room,
            unused,
            identity: identity.as_ref(),
            host_token: &secrets.host,
            token_given: doors.host_token.is_some(),
            rooms: &rooms,
            state: state.as_deref(),
            may_keep: asked_for.is_some(),
            cluster,
        };
        if doors.json {
            announcement.as_json()?
        } else {
            announcement.for_people()?
        }
        // The listener takes connections already, and answers them in a moment.
        if doors.open
            && let Err(error) = open::that_detached(announcement.teach())
        {
            tracing::warn!("the teacher's page cannot be opened by itself ({error}); open its link");
        }

        let handle = Handle::new();
        let ending = tokio::spawn(end_on_signal(signals, over, handle.clone(), stop, rooms.clone()));
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
}

/// What this program starts from: where its rooms are, and what opens its pages.
pub struct Home {
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
///
/// # Errors
/// The folder can't be used.
pub fn alone(given: Option<PathBuf>) -> Result<Home> {
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

/// The limits, with no more connections than the system has files for, where each needs so many.
fn fitting(mut limits: Limits, files_each: u64) -> Result<Limits> {
    let wanted = limits.max_connections as u64 * files_each + OTHER_FILES;
    if let Some(files) = process::allow_files(wanted)
        && files < wanted
    {
        let most = files.saturating_sub(OTHER_FILES) / files_each;
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

/// Waits for Ctrl-C (or SIGTERM), tells every participant, stores every room, and lets the server end.
async fn end_on_signal(
    mut signals: Signals,
    over: impl Future<Output = ()> + Send + 'static,
    handle: Handle<SocketAddr>,
    stop: watch::Sender<bool>,
    rooms: Arc<Rooms>,
) {
    tokio::select! {
        () = signals.next() => {}
        () = over => {}
    }
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
