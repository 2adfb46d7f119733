//! The state folder in trouble, with the real program: a disk that is full for a while, and files that are damaged.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use serde_json::json;
use support::http::{self, command, room};
use support::raw_client::{Heard, RawClient};
use support::server::Server;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const SECRET: &str = "a secret of the host";

/// A state folder whose disk can be filled.
enum Disk {
    /// A file system of its own, really full.
    Small { folder: TempDir, with_sudo: bool },
    /// The limit of a file's length, as `ulimit` sets it, which makes every write fail as a full disk does, whoever runs this.
    Limit { folder: TempDir },
}

impl Disk {
    /// A file system of 8 MiB; where this user may not mount one, the limit.
    fn small() -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let mount = |program: &[&str]| {
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).args(["-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs"]).arg(folder.path());
            command.status().is_ok_and(|status| status.success())
        };
        if mount(&["mount"]) {
            Disk::Small { folder, with_sudo: false }
        } else if mount(&["sudo", "-n", "mount"]) {
            Disk::Small { folder, with_sudo: true }
        } else {
            eprintln!("no file system can be mounted here: the limit of a file's length stands for the full disk");
            Disk::Limit { folder }
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Disk::Small { folder, .. } | Disk::Limit { folder } => folder.path(),
        }
    }

    fn start(&self) -> Server {
        // A write beyond the limit has to fail rather than to end the program.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", PROGRAM]);
        let state = self.folder().to_str().unwrap();
        Server::start_as(shell, &["--state", state, "--rounds", "3", "--strategy", "fedavg", "--host-token", SECRET])
            .unwrap()
    }

    fn fill(&self, server: &Server) {
        match self {
            Disk::Small { folder, .. } => {
                use std::io::Write as _;
                let mut filler = fs::File::create(folder.path().join("filler")).unwrap();
                let error = loop {
                    if let Err(error) = filler.write_all(&[1; 512]) {
                        break error;
                    }
                };
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
            }
            Disk::Limit { .. } => limit(server, "0:"),
        }
    }

    fn free(&self, server: &Server) {
        match self {
            Disk::Small { folder, .. } => fs::remove_file(folder.path().join("filler")).unwrap(),
            Disk::Limit { .. } => limit(server, "unlimited:"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Disk::Small { folder, with_sudo } = self {
            let mut command = Command::new(if *with_sudo { "sudo" } else { "umount" });
            if *with_sudo {
                command.args(["-n", "umount"]);
            }
            let _ = command.arg("--lazy").arg(folder.path()).status();
        }
    }
}

/// Sets the soft limit of a file's length.
fn limit(server: &Server, value: &str) {
    let process = server.process().to_string();
    let set = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={value}")]).status().unwrap();
    assert!(set.success());
}

/// What an operator's dashboard shows of the room.
fn measured_as_held(server: &Server) -> u8 {
    let (_, text) = http::get(server, "/metrics", Some(SECRET));
    let name = format!("chorus_room_held{{room=\"{}\"}} ", server.room);
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}in {text}"))
}

/// What comes until `last` comes.
async fn hear_until(client: &mut RawClient, last: impl Fn(&ServerMessage) -> bool) -> Result<Vec<ServerMessage>> {
    let mut heard = Vec::new();
    loop {
        match client.hear().await? {
            Heard::Message(message) => {
                heard.push(*message);
                if heard.last().is_some_and(&last) {
                    return Ok(heard);
                }
            }
            Heard::Chunk(_) => {}
            Heard::Close(frame) => bail!("closed: {frame:?}"),
        }
    }
}

/// Announces an update and sends its bytes.
async fn send_update(client: &mut RawClient, round: &support::raw_client::OpenRound, update: Bytes) -> Result<()> {
    client.offer(round, 20, &update).await?;
    for frame in protocol::chunks(support::raw_client::update_id(round), update) {
        client.say_bytes(frame).await?;
    }
    Ok(())
}

async fn story(disk: Disk) -> Result<()> {
    let server = disk.start();
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    let (mut bob, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    bob.ready(&welcome.room, 20).await?;
    let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
    let update = ada.same_everywhere(0.125)?;
    ada.update(&for_ada, 20, update.clone()).await?;
    disk.fill(&server);

    // Bob's update closes the round, which cannot be stored: nobody is told of it.
    send_update(&mut bob, &for_bob, update.clone()).await?;
    let held = |message: &ServerMessage| matches!(message, ServerMessage::Status(status) if status.held);
    for client in [&mut ada, &mut bob] {
        for message in hear_until(client, held).await? {
            let ServerMessage::Status(status) = message else { panic!("told meanwhile: {message:?}") };
            assert_eq!((status.model_version.0, status.round.0), (0, 1), "the status is one from before");
        }
    }
    let began = Instant::now();
    let seen = room(&server);
    assert_eq!(seen["status"]["model_version"], 0, "what is looked at is what is stored");
    assert_eq!(seen["status"]["held"], true);
    assert_eq!(seen["history"], json!([]));
    assert_eq!(measured_as_held(&server), 1);
    let (status, words) = command(&server, &json!({"command": "lock"}));
    assert_eq!(status, 503);
    assert!(words.contains("cannot be stored") && words.contains("free some space"), "{words}");
    // Neither can a new room, and the reason is given once.
    let (status, words) = http::post(&server, "/api/rooms", SECRET, &json!({"code": "FRESH"}));
    assert_eq!(status, 507);
    assert!(words.contains("the new room cannot be stored") && words.contains("is the disk full?"), "{words}");
    assert_eq!(words.matches("os error").count(), 1, "{words}");
    let mut eve = RawClient::open(&server.origin, None).await?;
    eve.hello(&server.room, None).await?;
    let Heard::Message(told) = eve.hear().await? else { panic!("no word") };
    assert!(matches!(*told, ServerMessage::Error { code: ErrorCode::Held, fatal: false, .. }), "{told:?}");
    assert_eq!(eve.closed().await?.0, 1013);
    // What is said meanwhile waits: far more than the room's queue takes, and as much as the rate of messages allows.
    for number in 1..=90 {
        ada.say(&ClientMessage::Rename { name: format!("Ada {number}") }).await?;
    }
    // The second sign of life comes in time, and nobody hears anything else.
    let again = hear_until(&mut bob, held).await?;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(again.iter().all(held), "{again:?}");
    assert_eq!(server.logs("cannot be stored").len(), 1, "the reason is said once");

    disk.free(&server);
    // Bob hears everything, in order.
    let heard = hear_until(&mut bob, |message| matches!(message, ServerMessage::Round { .. })).await?;
    let place = |wanted: &dyn Fn(&ServerMessage) -> bool| heard.iter().position(wanted).unwrap();
    let accepted = place(&|message| matches!(message, ServerMessage::Accepted { .. }));
    let closed = place(&|message| matches!(message, ServerMessage::RoundClosed { .. }));
    assert!(accepted < closed, "{heard:?}");
    let renamed = |message: &ServerMessage| match message {
        ServerMessage::Status(status) => !status.held && status.clients[0].name == "Ada 90",
        _ => false,
    };
    hear_until(&mut ada, renamed).await?;
    assert_eq!(server.logs("stored again").len(), 1);
    assert_eq!(command(&server, &json!({"command": "lock"})).0, 200);
    assert_eq!(room(&server)["status"]["model_version"], 1);
    assert_eq!(measured_as_held(&server), 0);

    drop(server); // kill -9
    let server = disk.start();
    let stored = room(&server);
    assert_eq!(stored["status"]["model_version"], 1);
    assert_eq!(stored["status"]["locked"], true);
    let (_, again) = RawClient::enter(&server.origin, &server.room, Some(welcome.token.clone())).await?;
    assert_eq!(again.token, welcome.token);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_disk_is_full_waits_until_there_is_space() -> Result<()> {
    story(Disk::small()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_files_cannot_grow_waits_until_they_can() -> Result<()> {
    story(Disk::Limit { folder: tempfile::tempdir()? }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_room_can_be_ended() -> Result<()> {
    let disk = Disk::Limit { folder: tempfile::tempdir()? };
    let server = disk.start();
    let (mut ada, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    limit(&server, "0:");
    ada.say(&ClientMessage::Rename { name: "Ada".to_owned() }).await?;
    hear_until(&mut ada, |message| matches!(message, ServerMessage::Status(status) if status.held)).await?;
    let ended = tokio::task::spawn_blocking(move || server.interrupt()).await??;
    assert!(ended.success());
    let last = hear_until(&mut ada, |message| matches!(message, ServerMessage::Error { .. })).await?;
    assert!(matches!(last.last(), Some(ServerMessage::Error { code: ErrorCode::ServerClosing, .. })), "{last:?}");
    Ok(())
}

/// A state folder in which a room has had two rounds, left by a program that was killed.
async fn two_rounds() -> Result<(TempDir, protocol::RoomCode)> {
    let state = tempfile::tempdir()?;
    let path = state.path().to_str().unwrap();
    let server = Server::start(
        PROGRAM.as_ref(),
        &["--state", path, "--rounds", "3", "--least", "1", "--strategy", "fedavg", "--host-token", SECRET],
    )?;
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    for _ in 0..2 {
        let round = ada.next_round().await?;
        ada.update(&round, 20, ada.same_everywhere(0.125)?).await?;
    }
    ada.next_round().await?;
    // Something that is stored after the last round, and so is in the database's log alone.
    ada.say(&ClientMessage::Rename { name: "Ada".to_owned() }).await?;
    let renamed = |message: &ServerMessage| match message {
        ServerMessage::Status(status) => status.clients.iter().any(|client| client.name == "Ada"),
        _ => false,
    };
    hear_until(&mut ada, renamed).await?;
    Ok((state, server.room.clone()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_left_as_it_is_with_a_word() -> Result<()> {
    let (state, _) = two_rounds().await?;
    let whole = fs::read(state.path().join("chorus.sqlite"))?;
    let mut flipped = whole.clone();
    // Not the schema on the first page, but a table.
    flipped[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    let damages: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("cut off", whole[..whole.len() / 2 + 100].to_vec()),
        ("garbage", b"this is no database at all, whoever wrote it. ".repeat(200)),
        ("flipped", flipped),
    ];
    for (name, damage) in damages {
        let copied = tempfile::tempdir()?;
        copy(state.path(), copied.path());
        // The log would mend some of it.
        fs::remove_file(copied.path().join("chorus.sqlite-wal"))?;
        fs::remove_file(copied.path().join("chorus.sqlite-shm"))?;
        fs::write(copied.path().join("chorus.sqlite"), damage)?;
        let before = contents(copied.path());
        let arguments = ["serve", "--address", "127.0.0.1", "--port", "0", "--state"];
        // One that takes the damage for a sound database would go on for ever.
        let output = Command::new("timeout").args(["20", PROGRAM]).args(arguments).arg(copied.path()).output()?;
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {words}");
        assert!(words.contains("chorus.sqlite") && words.contains("left as it is"), "{name}: {words}");
        let after: Vec<_> = contents(copied.path());
        assert_eq!(before.len(), after.len(), "{name}: {after:?}");
        assert!(before == after, "{name}: a file was changed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_of_the_database_is_set_aside_and_no_round_is_lost() -> Result<()> {
    let (state, code) = two_rounds().await?;
    let log = state.path().join("chorus.sqlite-wal");
    assert!(fs::metadata(&log)?.len() > 0, "a killed program leaves a log");
    let garbage = b"neither is this a log. ".repeat(1_000);
    fs::write(&log, &garbage)?;
    let server = Server::start(PROGRAM.as_ref(), &["--state", state.path().to_str().unwrap()])?;
    assert_eq!(server.room, code);
    assert_eq!(room(&server)["status"]["model_version"], 2);
    assert_eq!(server.logs("chorus.sqlite-wal is damaged; it is kept as").len(), 1);
    let aside = contents(state.path()).into_iter().find(|(path, _)| path.to_string_lossy().contains("wal.damaged"));
    assert_eq!(aside.unwrap().1, garbage);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_model_gives_way_to_the_one_before() -> Result<()> {
    let (state, code) = two_rounds().await?;
    for flipped in [true, false] {
        let copied = tempfile::tempdir()?;
        copy(state.path(), copied.path());
        let file = copied.path().join(format!("models/{code}/model-2.safetensors"));
        let mut bytes = fs::read(&file)?;
        if flipped {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, &bytes)?;
        } else {
            fs::remove_file(&file)?;
        }
        let server = Server::start(PROGRAM.as_ref(), &["--state", copied.path().to_str().unwrap()])?;
        let seen = room(&server);
        assert_eq!((&seen["status"]["model_version"], seen["history"].as_array().unwrap().len()), (&1.into(), 1));
        let said = server.logs("goes on from version 1");
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("model-2.safetensors"), "{}", said[0]);

        // It goes on, and a new version 2 comes; what was damaged is still there.
        let (mut ada, welcome) = RawClient::enter(&server.origin, &code, None).await?;
        ada.ready(&welcome.room, 20).await?;
        let round = ada.next_round().await?;
        assert_eq!(round.round.0, 2);
        ada.update(&round, 20, ada.same_everywhere(0.125)?).await?;
        ada.next_round().await?;
        let aside = contents(copied.path())
            .into_iter()
            .find(|(path, _)| path.to_string_lossy().contains("safetensors.damaged"));
        assert_eq!(aside.map(|(_, kept)| kept == bytes), flipped.then_some(true));
    }
    Ok(())
}
