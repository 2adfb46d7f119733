//! A room over several servers: real programs, two edges of a third, with participants of their own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::join_all;
use protocol::Encoding;
use serde_json::Value;
use support::server::Server;
use support::student::{self, Finished};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const KEY: &str = "00112233445566778899aabbccddeeff";

fn root(rounds: &str, more: &[&str]) -> Result<Server> {
    let usual = ["--edge-clients", "20", "--edge-key", KEY, "--rounds", rounds, "--labels", "angry,sad"];
    Server::start(PROGRAM.as_ref(), &[&usual, more].concat())
}

/// A running `chorus edge`, which ends with the test.
struct Edge {
    child: Child,
    /// `http://localhost:PORT`, and the code of its room.
    origin: String,
    room: String,
}

impl Edge {
    fn start(upstream: &str, more: &[&str]) -> Edge {
        Edge::start_at(upstream, "0", more)
    }

    fn start_at(upstream: &str, port: &str, more: &[&str]) -> Edge {
        let mut child = edge(upstream, KEY).args(["--port", port]).args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let (origin, room) = said["local"].as_str().unwrap().split_once("/room/").unwrap();
        Edge { child, origin: origin.to_owned(), room: room.to_owned() }
    }

    /// So many made-up voices take part at it to the end.
    fn participants(&self, voice: &str, count: &str) -> Child {
        let link = format!("{}/room/{}", self.origin, self.room);
        let mut join = Command::new(PROGRAM);
        join.args(["join", &link, "--synthetic", voice, "--participants", count, "--clips", "10", "--threads", "1"]);
        join.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn edge(upstream: &str, key: &str) -> Command {
    let mut edge = Command::new(PROGRAM);
    edge.args(["edge", "--upstream", upstream, "--json", "--address", "127.0.0.1"]);
    edge.env("CHORUS_EDGE_KEY", key).stdin(Stdio::null()).stderr(Stdio::null());
    edge
}

fn get(address: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    ureq::get(address).call().unwrap().body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    bytes
}

fn json(origin: &str, room: &str) -> Value {
    serde_json::from_slice(&get(&format!("{origin}/api/rooms/{room}"))).unwrap()
}

fn done(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Every round has everyone's update, wherever they came in, and every server has the one model.
#[test]
fn participants_of_two_edges_train_one_model() -> Result<()> {
    let root = root("3", &[])?;
    let one = Edge::start(&root.link(), &["--least", "2", "--name", "North", "--code", "NRTHK"]);
    let other = Edge::start(&root.link(), &["--least", "3", "--name", "South"]);
    assert_eq!(one.room, "NRTHK");
    let (few, more) = (one.participants("1", "2"), other.participants("11", "3"));
    done(few);
    done(more);
    let above = json(&root.origin, root.room.as_str());
    let records = above["history"].as_array().unwrap();
    assert_eq!(records.iter().map(|record| record["clients"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 5, 5]);
    // Ten clips a voice, of which one of each label is held back.
    assert!(records.iter().all(|record| record["examples"] == 40), "{above}");
    assert!(records.iter().all(|record| record["evaluation"]["examples"] == 10), "{above}");
    let edges: Vec<_> =
        above["status"]["clients"].as_array().unwrap().iter().map(|edge| edge["name"].clone()).collect();
    assert_eq!(edges, ["North", "South"]);
    let behind = |edge: &Value| edge["behind"].as_u64();
    let behind: Vec<_> = above["status"]["clients"].as_array().unwrap().iter().map(behind).collect();
    assert!(behind.iter().all(Option::is_some), "{above}");
    let model = |origin: &str, room: &str| get(&format!("{origin}/api/rooms/{room}/model.safetensors"));
    let tensors = |bytes: &[u8]| {
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[header..].to_vec()
    };
    let whole = tensors(&model(&root.origin, root.room.as_str()));
    for edge in [&one, &other] {
        assert_eq!(json(&edge.origin, &edge.room)["history"], above["history"], "the whole room's rounds");
        assert_eq!(tensors(&model(&edge.origin, &edge.room)), whole);
    }
    Ok(())
}

/// A room whose five students come in at these doors, and what each has in the end.
fn whole_room(doors: &[(&str, &str)]) -> Result<Vec<Finished>> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let students = (0..5).zip(doors).map(|(student, (origin, room))| {
            tokio::spawn(student::take_part(origin.to_string(), room.parse().unwrap(), student))
        });
        join_all(students).await.into_iter().map(|ended| ended?).collect()
    })
}

/// The values behind the header of a room's model.
fn parameters(origin: &str, room: &str) -> Vec<f32> {
    let file = get(&format!("{origin}/api/rooms/{room}/model.safetensors"));
    let (header, _) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    file[8 + header..].chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// The largest difference of two lists of numbers.
fn apart(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

/// Over real sockets: in rooms of q8 and q4 everyone has the root's model to the last bit, which came as the root's own differences, in
/// as many bytes as in a room without edges; and that model is what the students' steps make, up to what rounding leaves of one step.
#[test]
fn a_room_of_few_bits_is_the_same_with_edges_as_without() -> Result<()> {
    const ROUNDS: u32 = 3;
    // Values of a group, its bytes, and ticks of its largest value (docs/protocol.md).
    for (name, encoding, group, bytes, ticks) in [
        ("f32", Encoding::F32, 1, 4, 5.0e4),
        ("q8", Encoding::Q8, 248, 248, 107.0),
        ("q4", Encoding::Q4, 240, 124, 7.0),
    ] {
        let settings = ["--encoding", name, "--rounds", "3", "--labels", "angry,sad", "--strategy", "fedavg"];
        let flat = Server::start(
            PROGRAM.as_ref(),
            &[&settings[..], &["--least", "5", "--aggregation", "mean", "--influence-limit", "0"]].concat(),
        )?;
        let root = root("3", &[&settings[..2], &["--least", "2", "--strategy", "fedavg"]].concat())?;
        let north = Edge::start(&root.link(), &["--least", "2"]);
        let south = Edge::start(&root.link(), &["--least", "3"]);
        let initial = parameters(&root.origin, root.room.as_str());
        assert_eq!(initial, parameters(&flat.origin, flat.room.as_str()));
        let (north, south) = ((&*north.origin, &*north.room), (&*south.origin, &*south.room));
        let over_edges = whole_room(&[north, south, north, south, south])?;
        let in_one = whole_room(&[(&*flat.origin, flat.room.as_str()); 5])?;

        // What these students give, by the definition of FedAvg.
        let all: u32 = (0..5).map(student::examples).sum();
        let exact = |index: usize| -> f64 {
            let share = |student| f64::from(student::examples(student)) / f64::from(all);
            let step = |version| -> f64 { (0..5).map(|one| share(one) * student::step(one, version, index)).sum() };
            (0..ROUNDS).map(step).sum()
        };
        let exact: Vec<f64> = (0..initial.len()).map(exact).collect();
        // In one chunk, whose header has 8 bytes.
        let count = |group: usize, bytes: usize| (8 + initial.len().div_ceil(group) * bytes) as u64;
        for (students, (origin, room)) in
            [(&over_edges, (&*root.origin, root.room.as_str())), (&in_one, (&*flat.origin, flat.room.as_str()))]
        {
            let model = parameters(origin, room);
            for student in students {
                assert!(student.model == model, "{name}: a student's model is another one");
                let first = (0, (encoding != Encoding::F32).then_some((None, Encoding::Q8)));
                let step = |version| (encoding != Encoding::F32).then_some((Some(version - 1), encoding));
                let steps = (1..=ROUNDS).map(|version| (version, step(version)));
                assert_eq!(student.ways, std::iter::once(first).chain(steps).collect::<Vec<_>>(), "{name}");
                let each = count(group, bytes);
                let whole = if encoding == Encoding::F32 { each } else { count(248, 248) };
                assert_eq!((student.sent, student.received), (3 * each, whole + 3 * each), "{name}");
            }
            // A client's rounding and the server's each leave at most a tick to the next round; the sum of floats is not exact either.
            let moved: Vec<f64> =
                model.iter().zip(&initial).map(|(to, from)| f64::from(*to) - f64::from(*from)).collect();
            let off = apart(&moved, &exact);
            println!("{name}: {off:.1e} from what the steps make, {:.3} ticks of a step", off * ticks / student::STEP);
            assert!(off <= 3.0 / ticks * student::STEP, "{name}: {off}");
        }
        let records = json(&root.origin, root.room.as_str())["history"].clone();
        for edge in [north, south] {
            assert!(parameters(edge.0, edge.1) == over_edges[0].model, "{name}");
            assert_eq!(json(edge.0, edge.1)["history"], records, "{name}");
        }
        assert!(records.as_array().unwrap().iter().all(|record| record["clients"] == 5), "{records}");
    }
    Ok(())
}

/// Masks are each edge's own: nobody sees more than its three participants' sum.
#[test]
fn an_edge_of_a_masked_room_gives_its_groups_sum() -> Result<()> {
    let root = root("3", &["--masking", "active", "--least", "1"])?;
    let edge = Edge::start(&root.link(), &[]);
    done(edge.participants("1", "3"));
    let (above, below) = (json(&root.origin, root.room.as_str()), json(&edge.origin, &edge.room));
    assert_eq!((&above["room"]["masking"], &below["room"]["masking"]["server"]), (&Value::Null, &"active".into()));
    let records = above["history"].as_array().unwrap();
    assert_eq!(records.iter().map(|record| record["clients"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(below["history"], above["history"]);
    Ok(())
}

/// The root's records, once there are some as wanted after the first so many.
fn until(root: &Server, after: usize, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let patience = Instant::now() + Duration::from_secs(90);
    loop {
        let above = json(&root.origin, root.room.as_str());
        let records = above["history"].as_array().unwrap();
        if records.get(after..).is_some_and(&wanted) {
            return records.clone();
        }
        assert!(Instant::now() < patience, "the rounds are still {above}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever is at the other edge trains on, and those of the one that is gone come back with it.
#[test]
fn an_edge_that_is_killed_costs_the_others_no_round() -> Result<()> {
    let root = root("900", &["--grace", "1", "--deadline", "20", "--least", "1"])?;
    let north = Edge::start(&root.link(), &["--least", "2", "--code", "NRTHK"]);
    let south = Edge::start(&root.link(), &["--least", "3"]);
    let mut participants = [north.participants("1", "2"), south.participants("11", "3")];
    let of = |clients: u64| move |record: &Value| record["clients"] == clients;
    let before = until(&root, 0, |records| records.iter().any(of(5))).len();
    let port = north.origin.rsplit(':').next().unwrap().to_owned();
    drop(north); // SIGKILL
    let alone = until(&root, before, |records| records.iter().filter(|record| of(3)(record)).count() >= 3);
    let versions: Vec<_> = alone.iter().map(|record| record["model_version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=alone.len() as u64).collect::<Vec<_>>(), "no version is missing, none is there twice");
    let north = Edge::start_at(&root.link(), &port, &["--least", "2", "--code", "NRTHK"]);
    let together = until(&root, alone.len(), |records| records.iter().any(of(5)));
    assert!(json(&north.origin, &north.room)["history"].as_array().unwrap().len() >= alone.len(), "it has all rounds");
    let gaps = |records: &[Value]| records.iter().all(|record| of(5)(record) || of(3)(record) || of(2)(record));
    assert!(gaps(&together), "nobody's update is in a round twice: {together:?}");
    for one in &mut participants {
        let _ = one.kill();
        let _ = one.wait();
    }
    Ok(())
}

#[test]
fn what_cannot_be_an_edge_says_why_and_ends() -> Result<()> {
    let fails = |mut command: Command, why: &str| {
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
    };
    let plain = Server::start(PROGRAM.as_ref(), &[])?;
    fails(edge(&plain.link(), KEY), "takes no edges");
    let masked = root("3", &["--masking", "active"])?;
    let mut few = edge(&masked.link(), KEY);
    few.args(["--least", "2"]);
    fails(few, "at least 3");
    // The key is looked at once somebody takes part.
    let strict = root("3", &[])?;
    let wrong = edge(&strict.link(), &"f".repeat(32))
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut edge = Edge { child: wrong, origin: String::new(), room: String::new() };
    let mut line = String::new();
    BufReader::new(edge.child.stdout.take().unwrap()).read_line(&mut line)?;
    let said: Value = serde_json::from_str(&line)?;
    let mut join = Command::new(PROGRAM);
    join.args(["join", said["local"].as_str().unwrap(), "--synthetic", "1", "--clips", "4"]);
    let mut join = join.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut log = String::new();
    edge.child.stderr.take().unwrap().read_to_string(&mut log)?;
    assert_eq!(edge.child.wait()?.code(), Some(1), "{log}");
    assert!(log.contains("not the key"), "{log}");
    let _ = join.kill();
    let _ = join.wait();
    Ok(())
}

#[test]
fn rules_that_need_every_update_are_refused_when_the_room_is_made() {
    for (rule, why) in
        [(["--aggregation", "krum"], "every client's update"), (["--influence-limit", "2"], "middle of all clients")]
    {
        let mut serve = Command::new(PROGRAM);
        serve.args(["serve", "--state", "none", "--port", "0", "--edge-clients", "20", "--edge-key", KEY]).args(rule);
        let output = serve.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert!(!said.contains(KEY), "secrets are in no log");
    }
}
