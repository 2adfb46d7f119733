//! What is only true at a moment, made anew each time somebody looks: how the rooms are, and how the process is.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use federation::Load;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use protocol::{ClientState, Phase, RoomCode, Status};

use super::{Label, name};
use crate::process;

/// The program at one moment.
pub struct Now {
    /// Rooms that there are.
    pub all_rooms: u64,
    /// Rooms that there may be.
    pub most_rooms: u64,
    /// Bytes that rooms may come to hold.
    pub memory: u64,
    /// The limit of that.
    pub most_memory: u64,
    /// The limit of TCP connections.
    pub most_connections: u64,
    /// In a cluster: its servers, the rooms of all of them, and how long what they share took for an answer.
    pub cluster: Option<(u64, u64, Duration)>,
    /// The rooms that answered in time.
    pub rooms: Vec<RoomNow>,
}

/// A room at one moment.
pub struct RoomNow {
    /// Which.
    pub code: RoomCode,
    /// Where it is.
    pub status: Status,
    /// What it holds for its clients.
    pub load: Load,
}

type Number = Gauge<u64, AtomicU64>;

/// Gauges with the labels of a room.
struct Gauges(Family<Vec<(&'static str, String)>, Number>);

impl Gauges {
    fn set(&self, room: Label, value: u64) {
        self.labelled(room.to_vec(), value);
    }

    fn labelled(&self, labels: Vec<(&'static str, String)>, value: u64) {
        self.0.get_or_create(&labels).set(value);
    }
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Gauges {
    let family = Family::default();
    registry.register(name, help, family.clone());
    Gauges(family)
}

fn whole(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Number::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn real(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

/// Gauges of the moment, made anew each time, so that a room that is gone leaves nothing behind.
pub fn of_rooms(now: &Now, uptime: Duration) -> Registry {
    let mut registry = Registry::with_prefix("chorus");
    real(&mut registry, "uptime_seconds", "Time since the program started", uptime.as_secs_f64());
    whole(&mut registry, "rooms", "Rooms of this program", now.all_rooms);
    whole(&mut registry, "rooms_limit", "Most rooms that this program serves", now.most_rooms);
    let memory = "Memory that the rooms may come to hold for models and updates";
    whole(&mut registry, "room_memory_bytes", memory, now.memory);
    let limit = "Most memory that rooms may come to hold for models and updates";
    whole(&mut registry, "room_memory_limit_bytes", limit, now.most_memory);
    let connections = "Most TCP connections";
    whole(&mut registry, "connections_limit", connections, now.most_connections);
    if let Some((servers, rooms, answer)) = now.cluster {
        whole(&mut registry, "cluster_servers", "Servers of the cluster that live", servers);
        whole(&mut registry, "cluster_rooms", "Rooms of all servers of the cluster", rooms);
        let took = "How long NATS took when it answered this server last";
        real(&mut registry, "cluster_answer_seconds", took, answer.as_secs_f64());
    }

    let clients = gauges(&mut registry, "room_clients", "Clients of a room, by state");
    let phases = gauges(&mut registry, "room_phase", "1 for the phase that a room is in, 0 for the others");
    let round = gauges(&mut registry, "room_round", "The open round of a room, or else the next one");
    let rounds = gauges(&mut registry, "room_rounds", "Rounds after which a room is finished");
    let version = gauges(&mut registry, "room_model_version", "The present version of a room's model");
    let received = gauges(&mut registry, "room_received", "Updates (or statistics) that are in");
    let goal = gauges(&mut registry, "room_goal", "Updates (or statistics) that close the phase at once");
    let connections = gauges(&mut registry, "room_connections", "Connections of a room, with and without hello");
    let uploads = gauges(&mut registry, "room_uploads", "Updates of a room that are being received");
    let waiting = gauges(&mut registry, "room_uploads_waiting", "Updates of a room that wait for their turn");
    let buffers = gauges(&mut registry, "room_upload_buffer_bytes", "Buffers for updates being received");
    let held = gauges(&mut registry, "room_held", "1 while a room waits because it cannot be stored");
    for RoomNow { code, status, load } in &now.rooms {
        let room = || [("room", code.to_string())];
        let with = |name, value: &str| vec![("room", code.to_string()), (name, value.to_owned())];
        for state in ClientState::ALL {
            let here = status.clients.iter().filter(|client| client.state == state).count();
            clients.labelled(with("state", &name(&state)), here as u64);
        }
        for phase in Phase::ALL {
            phases.labelled(with("phase", &name(&phase)), u64::from(phase == status.phase));
        }
        round.set(room(), status.round.0.into());
        rounds.set(room(), status.rounds.into());
        version.set(room(), status.model_version.0.into());
        received.set(room(), status.received.into());
        goal.set(room(), status.goal.into());
        connections.set(room(), load.connections as u64);
        uploads.set(room(), load.uploads as u64);
        waiting.set(room(), load.waiting as u64);
        buffers.set(room(), load.upload_bytes as u64);
        held.set(room(), u64::from(status.held));
    }
    registry
}

/// What Prometheus' own clients call the process. Left out where the system does not say.
pub fn of_process() -> Registry {
    let mut registry = Registry::with_prefix("process");
    if let Some(memory) = process::resident_memory() {
        whole(&mut registry, "resident_memory_bytes", "Resident memory size in bytes", memory);
    }
    if let Some(open) = process::open_files() {
        whole(&mut registry, "open_fds", "Number of open file descriptors", open);
    }
    if let Some(most) = process::most_files() {
        whole(&mut registry, "max_fds", "Maximum number of open file descriptors", most);
    }
    registry
}
