//! The way to a NATS server with JetStream, for whoever keeps something there: where it is, who we are, and a runtime of its own, so
//! that threads without one can wait for an answer. It knows nothing of what is kept.

use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectErrorKind, ConnectOptions};
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How long a server may take for an answer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The oldest version that is known to have all that is needed: Debian 12's.
const OLDEST: (u32, u32) = (2, 9);
/// Threads that wait for NATS.
const THREADS: usize = 2;
/// Codes of JetStream for "fewer servers than copies": one server alone, and a cluster.
const TOO_FEW: [u64; 2] = [10074, 10005];
/// Codes of JetStream for "no space", whatever it is of: the account's, the server's, the stream's.
const NO_SPACE: [u64; 4] = [10002, 10023, 10028, 10047];
/// Words of JetStream for it that have no code of their own.
const FULL: [&str; 2] = ["maximum bytes exceeded", "maximum messages exceeded"];
/// Most time between two tries to come back.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// A connection over which nothing came for so long is tried, and given up after three tries: one that a network has forgotten looks
/// open for many minutes.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What shows a NATS server who we are, and us who it is.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// A file with a user's JWT and seed (`.creds`), as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// Certificates that are trusted besides the system's, PEM; with them the connection has to be encrypted.
    pub authorities: Option<PathBuf>,
}

/// A connection, which comes back by itself when it is lost.
pub struct Nats {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    jetstream: Context,
}

impl Nats {
    /// Connects to one of `servers`, addresses as in `nats://10.0.0.5:4222` or `tls://…`, separated by commas. It may be called in a
    /// runtime or outside of one.
    ///
    /// # Errors
    /// There is none, it lets us not in, is too old, or has no JetStream; in words for whoever started the program.
    pub fn connect(servers: &str, access: &Access) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("nats").enable_all().build();
        let runtime = runtime.context("the system gives no threads")?;
        let (to, access) = (servers.to_owned(), access.clone());
        let opened = wait(&runtime, 3 * ANSWER_LIMIT, async move { open(&to, access).await });
        match opened.with_context(|| format!("{} cannot be used", without_secrets(servers))) {
            Ok(jetstream) => Ok(Self { runtime: Some(runtime), jetstream }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// What is kept there.
    pub fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// Another connection to the same place: what is long waits there, and nothing behind it.
    ///
    /// # Errors
    /// As [`Nats::connect`].
    pub fn beside(&self, servers: &str, access: &Access) -> Result<Context> {
        let (to, access) = (servers.to_owned(), access.clone());
        let opened = self.wait(3 * ANSWER_LIMIT, async move { open(&to, access).await });
        opened.with_context(|| format!("{} cannot be used", without_secrets(servers)))
    }

    /// Does something there and waits for it, in a thread that may be kept waiting.
    ///
    /// # Errors
    /// It failed, or took longer than `limit`; whether it is done is then not known.
    pub fn wait<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.runtime.as_ref().context("the connection to NATS is closed")?;
        wait(runtime, limit, work)
    }

    /// Does something there as long as the connection is kept.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
        Some(self.runtime.as_ref()?.spawn(work))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn wait<T: Send + 'static>(
    runtime: &Runtime,
    limit: Duration,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (answer, answered) = sync_channel(1);
    let task = runtime.spawn(async move {
        // Nobody waits any more where the time was over.
        let _ = answer.send(work.await);
    });
    answered.recv_timeout(limit).unwrap_or_else(|_| {
        task.abort();
        Err(anyhow!("NATS gives no answer"))
    })
}

async fn open(servers: &str, access: Access) -> Result<Context> {
    let mut options = ConnectOptions::new()
        .name("chorus")
        .connection_timeout(ANSWER_LIMIT)
        .request_timeout(Some(ANSWER_LIMIT))
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(|tries| RETRY_EVERY.min(Duration::from_millis(20 * tries as u64)));
    if let Some(file) = &access.credentials {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        options = options.credentials(&text).with_context(|| format!("{} has no credentials", file.display()))?;
    }
    if let Some(file) = access.authorities {
        std::fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?;
        options = options.add_root_certificates(file).require_tls(true);
    }
    let addresses: Vec<&str> = servers.split(',').map(str::trim).collect();
    // The client's library reads them in no address.
    match addresses.iter().find_map(|address| in_address(address)) {
        Some((user, Some(password))) => options = options.user_and_password(user, password),
        Some((token, None)) => options = options.token(token),
        None => {}
    }
    let client = options.connect(addresses).await.map_err(|error| {
        // What is wrong with a certificate comes as an error of reading, too, and so does an answer in the clear.
        let words = error.to_string();
        let is_encryption = words.contains("certificate") || words.contains("corrupt message");
        let advice = match error.kind() {
            ConnectErrorKind::ServerParse => "this is no address of NATS; give one as in nats://127.0.0.1:4222",
            ConnectErrorKind::Dns => "its name is not known; check the address",
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                "NATS does not let this program in; give it a file with credentials, or another one"
            }
            kind if kind == ConnectErrorKind::Tls || is_encryption => {
                "no encrypted connection can be made; check the certificates on both sides"
            }
            _ => "no NATS server answers there; start one (`nats-server -js`), or check the address",
        };
        anyhow::Error::new(error).context(advice)
    })?;
    let version = client.server_info().version;
    if !is_recent(&version) {
        let (major, minor) = OLDEST;
        bail!(
            "this NATS server is version {version}, and {major}.{minor} is the oldest that will do; install a newer one"
        );
    }
    // Not `Context::query_account`, which cannot read what a server of version 2.9 says.
    let no_jetstream =
        "this NATS server has no JetStream, or none for this user; start it with `nats-server -js -sd FOLDER`";
    let answer = client.request("$JS.API.INFO", Bytes::new()).await.context(no_jetstream)?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).context(no_jetstream)?;
    if let Some(error) = answer.get("error") {
        bail!("{no_jetstream} ({})", error["description"].as_str().unwrap_or_default());
    }
    Ok(jetstream::new(client))
}

/// What keeps something, made where it was missing, which as many servers of NATS are to keep.
///
/// # Errors
/// It could not be made; where there are fewer servers, in words.
pub fn kept(made: Result<Stream, CreateStreamError>, replicas: usize) -> Result<Stream> {
    let stream = match made {
        Ok(stream) => stream,
        Err(error) => {
            let code = match error.kind() {
                CreateStreamErrorKind::JetStream(error) => Some(error.error_code().0),
                _ => None,
            };
            let words = format!(
                "{replicas} servers of NATS are to keep each room, and there are not as many; start more of them as one cluster, or \
                 ask for fewer copies"
            );
            return Err(match code {
                Some(code) if TOO_FEW.contains(&code) => anyhow::Error::new(error).context(words),
                _ => no_space(error).context("NATS does not make what rooms are kept in"),
            });
        }
    };
    let config = &stream.cached_info().config;
    if config.num_replicas != replicas {
        let (name, there) = (&config.name, config.num_replicas);
        tracing::warn!(
            "{name} was made with {there} copies, and keeps that; `nats stream edit {name} --replicas {replicas}` changes it"
        );
    }
    Ok(stream)
}

/// An error of NATS, of which one that says that its disk is full is told apart, as where it is one's own.
pub fn no_space(error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut full = false;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<async_nats::jetstream::Error>() {
            let words = error.to_string();
            full |= NO_SPACE.contains(&error.error_code().0) || FULL.iter().any(|full| words.contains(full));
        }
        cause = error.source();
    }
    if full {
        let full = std::io::Error::new(std::io::ErrorKind::StorageFull, error);
        return anyhow::Error::new(full).context("NATS has no space left for it");
    }
    anyhow::Error::new(error)
}

/// Whether [`no_space`] said so.
pub fn is_full(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
    kinds.into_iter().any(|kind| kind == std::io::ErrorKind::StorageFull)
}

/// What stands before the `@` of an address: a user and a password, or a token.
fn in_address(address: &str) -> Option<(String, Option<String>)> {
    let (_, rest) = address.split_once("://").unwrap_or(("", address));
    let (opens, _) = rest.rsplit_once('@')?;
    Some(match opens.split_once(':') {
        Some((user, password)) => (user.to_owned(), Some(password.to_owned())),
        None => (opens.to_owned(), None),
    })
}

/// Whether a version, such as 2.9.10 or 2.11.0-beta.1, is new enough.
fn is_recent(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= OLDEST)
}

/// Addresses as they may be shown: what stands before an `@` opens something.
pub fn without_secrets(servers: &str) -> String {
    let shown = servers.split(',').map(|server| match (server.split_once("://"), server.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => server.to_owned(),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(["2.9.0", "2.9.10", "2.10.1", "2.11.0-beta.1", "3.0.0"].into_iter().all(is_recent));
        assert!(!["2.8.4", "1.10.0", "", "two"].into_iter().any(is_recent));
    }

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        assert_eq!(without_secrets("nats://ada:secret@nats.example:4222"), "nats://nats.example:4222");
        assert_eq!(without_secrets("token@a:1,nats://b:2"), "a:1,nats://b:2");
    }

    #[test]
    fn an_address_may_have_a_user_or_a_token() {
        let user = ("ada".to_owned(), Some("a:b@c".to_owned()));
        assert_eq!(in_address("nats://ada:a:b@c@nats.example:4222"), Some(user));
        assert_eq!(in_address("tls://t0ken@nats.example"), Some(("t0ken".to_owned(), None)));
        assert_eq!(in_address("nats.example:4222"), None);
    }

    #[test]
    fn where_nobody_listens_that_is_said() {
        let error = format!("{:#}", Nats::connect("nats://127.0.0.1:9", &Access::default()).err().unwrap());
        assert!(error.contains("no NATS server answers there") && error.contains("127.0.0.1:9"), "{error}");
    }
}
