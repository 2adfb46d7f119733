//! Several servers that share their rooms over NATS, each behind a line of its own to it that can be slow or cut, and clients that come
//! in wherever they get in.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_nats::jetstream::{self, stream::Config};
use protocol::RoomCode;
use rand::RngExt as _;
use server_process::{Log, NatsServer, ServerProcess};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, block_in_place};

use super::proxy::Proxy;
use super::told::{Client, SECRET, Shared, check};

/// Servers.
pub const SERVERS: usize = 3;
/// A room whose server is gone has another after so long at most, as the promise is.
pub const TAKEN_OVER: Duration = Duration::from_secs(10);
/// And it has closed another round after so long, on a machine that is busy with all of this.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// It is looked so often whether a room went on.
const NAP: Duration = Duration::from_millis(20);

/// The servers, each with where it is reached now.
pub struct Cluster {
    /// Of one NATS cluster, where there are several.
    pub nats: Vec<NatsServer>,
    /// The way of each server to NATS, where there is one NATS.
    pub lines: Vec<Proxy>,
    pub servers: Vec<ServerProcess>,
    pub origins: Arc<Mutex<Vec<String>>>,
    more: Vec<String>,
    /// Where the lines are: whatever a test waits for, they go on. `None` only at the end.
    network: Option<Runtime>,
    answers: Answers,
}

/// When NATS was asked to store something, and how long that took.
type Asked = (Instant, Option<Duration>);

/// What NATS answered beside the servers, over no line.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Asked>>>);

impl Answers {
    /// Asks again and again.
    async fn ask(self, url: String) -> Result<()> {
        let mut jetstream = jetstream::new(async_nats::connect(url).await?);
        let pulse = "pulse".to_owned();
        let config =
            Config { name: pulse.clone(), subjects: vec![pulse.clone()], max_messages: 1, ..Default::default() };
        jetstream.get_or_create_stream(config).await?;
        jetstream.set_timeout(Duration::from_millis(500));
        loop {
            let asked = Instant::now();
            self.0.lock().unwrap().push((asked, None));
            // A machine that stands still meanwhile answers late as well.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let is_stored = async || Some(jetstream.publish(pulse.clone(), "".into()).await.ok()?.await.is_ok());
            while is_stored().await != Some(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if let Some((_, answered)) = self.0.lock().unwrap().last_mut() {
                *answered = Some(asked.elapsed());
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another.
        if let Some(network) = self.network.take() {
            network.shutdown_background();
        }
    }
}

impl Cluster {
    /// Starts servers, with further arguments.
    pub async fn start(nats: Vec<NatsServer>, more: &[&str]) -> Result<Self> {
        let more = more.iter().map(|&argument| argument.to_owned()).collect();
        let network = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut lines = Vec::new();
        if let [nats] = &nats[..] {
            for _ in 0..SERVERS {
                let url = nats.url();
                lines.push(network.spawn(async move { Proxy::start(&url).await }).await??);
            }
        }
        let answers = Answers::default();
        network.spawn(answers.clone().ask(nats[0].url()));
        let (servers, origins, network) = (Vec::new(), Arc::default(), Some(network));
        let mut cluster = Self { nats, lines, servers, origins, more, network, answers };
        for place in 0..SERVERS {
            let server = cluster.launch(place)?;
            cluster.origins.lock().unwrap().push(server.origin.clone());
            cluster.servers.push(server);
        }
        Ok(cluster)
    }

    fn launch(&self, place: usize) -> Result<ServerProcess> {
        let url = match self.lines.get(place) {
            Some(line) => format!("nats://{}", line.address),
            None => self.nats.iter().map(NatsServer::url).collect::<Vec<_>>().join(","),
        };
        let arguments = ["--cluster", &url, "--port", "0", "--host-token", SECRET, "--grace", "0", "--log", "warn"];
        let arguments = arguments.into_iter().chain(self.more.iter().map(String::as_str)).collect::<Vec<_>>();
        block_in_place(|| ServerProcess::start(Command::new(env!("CARGO_BIN_EXE_chorus")), &arguments, Log::Kept))
    }

    /// Puts another server in one's place.
    pub fn replace(&mut self, place: usize) -> Result<()> {
        let server = self.launch(place)?;
        self.origins.lock().unwrap()[place] = server.origin.clone();
        self.servers[place] = server;
        Ok(())
    }

    /// Waits until each of the given servers shows every room; how long that took.
    pub fn all_rooms_from(&self, places: &[usize], notes: &Shared) -> Duration {
        let began = Instant::now();
        let rooms: Vec<RoomCode> = notes.lock().unwrap().rooms.keys().cloned().collect();
        block_in_place(|| {
            for &place in places {
                for room in &rooms {
                    let address = format!("{}/api/rooms/{room}", self.servers[place].origin);
                    while let Err(error) = within(Duration::from_secs(1)).get(&address).call() {
                        assert!(began.elapsed() < PATIENCE, "{room} has no server: {error}");
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
            }
        });
        began.elapsed()
    }

    /// Holds what every server shows against the notes.
    pub fn check(&self, notes: &Shared) {
        self.all_rooms_from(&(0..SERVERS).collect::<Vec<_>>(), notes);
        block_in_place(|| self.servers.iter().for_each(|server| check(&server.origin, notes)));
    }

    /// How long the slowest answer of NATS took since a moment, over no line: where it is slow itself, no server can be quick.
    pub fn slowest_answer(&self, since: Instant) -> Duration {
        let answers = self.answers.0.lock().unwrap();
        let took = answers.iter().map(|(asked, took)| (*asked, took.unwrap_or_else(|| asked.elapsed())));
        took.filter(|(asked, took)| *asked + *took >= since).map(|(_, took)| took).max().unwrap_or_default()
    }

    /// Which of the servers has a room. One that is storing it is left out of its server's metrics, and asked again.
    pub fn owner(&self, room: &RoomCode) -> usize {
        let line = format!("chorus_room_round{{room=\"{room}\"}}");
        let patience = Instant::now() + PATIENCE;
        loop {
            let has = |server| metrics(server).is_some_and(|text| text.contains(&line));
            if let Some(place) = self.servers.iter().position(has) {
                return place;
            }
            assert!(Instant::now() < patience, "{room} is nowhere");
        }
    }

    /// Whether a server can do its work, and what it says.
    pub fn ready(&self, place: usize) -> (bool, String) {
        block_in_place(|| {
            let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
            let mut answer = agent.get(format!("{}/readyz", self.servers[place].origin)).call().unwrap();
            (answer.status().is_success(), answer.body_mut().read_to_string().unwrap())
        })
    }

    /// The others.
    pub fn but(place: usize) -> Vec<usize> {
        (0..SERVERS).filter(|other| *other != place).collect()
    }
}

/// What a server's metrics are, if it answers soon.
pub fn metrics(server: &ServerProcess) -> Option<String> {
    block_in_place(|| {
        let request = within(Duration::from_secs(5)).get(format!("{}/metrics", server.origin));
        let request = request.header("authorization", format!("Bearer {SECRET}"));
        request.call().ok()?.body_mut().read_to_string().ok()
    })
}

fn within(limit: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(limit)).build().into()
}

/// Clients that come back to any server whenever their connection ends, and leave it for another after so long.
pub fn come(
    clients: &[Client],
    origins: &Arc<Mutex<Vec<String>>>,
    stay: Duration,
    notes: &Shared,
) -> Vec<JoinHandle<()>> {
    let come = |client: &Client| {
        let (client, origins, notes) = (client.clone(), origins.clone(), notes.clone());
        tokio::spawn(async move {
            loop {
                let origin = {
                    let origins = origins.lock().unwrap();
                    origins[rand::rng().random_range(0..origins.len())].clone()
                };
                let floor = notes.lock().unwrap().told(&client.room).version;
                // That a connection broke, or could not be made, is no news.
                let _ = tokio::time::timeout(stay, client.clone().live(origin, floor, notes.clone())).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    };
    clients.iter().map(come).collect()
}

/// Waits until each room with clients has a version that none had when this was called.
pub async fn further(clients: &[Client], notes: &Shared) {
    further_within(clients, PATIENCE, notes).await;
}

/// The same, for so long at most.
pub async fn further_within(clients: &[Client], patience: Duration, notes: &Shared) {
    let told = |client: &Client| notes.lock().unwrap().told(&client.room).version;
    let before: Vec<u32> = clients.iter().map(told).collect();
    // Counted, so that a machine that stands still costs no patience.
    let mut naps = patience.as_millis() / NAP.as_millis();
    while clients.iter().zip(&before).any(|(client, before)| told(client) <= *before) {
        assert!(naps > 0, "a room does not go on");
        naps -= 1;
        tokio::time::sleep(NAP).await;
    }
}

/// Nothing that was heard so far was other than what was told before.
pub fn nothing_wrong(notes: &Shared, when: &str) {
    let wrong = std::mem::take(&mut notes.lock().unwrap().wrong);
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
}
