//! `chorus serve` as a teacher starts it: without a word on where rooms are kept, again on the next day, and twice by mistake.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::Result;
use protocol::ServerMessage;
use server_process::signal;
use support::http::get;
use support::raw_client::RawClient;
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");

/// `chorus serve` for a user with this home, on a free port of this machine alone.
fn serve(home: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_remove("XDG_DATA_HOME").env("HOME", home);
    command.args(["serve", "--address", "127.0.0.1", "--port", "0"]).stdin(Stdio::null());
    command
}

/// Starts it, reads what it says until the line that tells how to end it, and ends it so.
fn said(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        said += &format!("{line}\n");
        if line.starts_with("Ctrl-C") {
            signal(child.id(), "INT").unwrap();
        }
    }
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

fn refused(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn rooms_are_kept_in_the_users_data_folder_and_go_on() {
    let home = tempfile::tempdir().unwrap();
    let first = said(serve(home.path()));
    let code = first.split_whitespace().skip_while(|word| *word != "Room").nth(1).unwrap();
    let folder = first.lines().find_map(|line| line.strip_prefix("Rooms and models are kept in ")).unwrap();
    let folder = Path::new(folder.trim_end_matches('.'));
    assert!(folder.starts_with(home.path()) && folder.join("chorus.sqlite").is_file(), "{first}");
    for link in [&format!("/room/{code}\n"), &format!("/room/{code}/board\n"), "/teach#"] {
        assert!(first.contains(link), "{first}");
    }

    let mut command = serve(home.path());
    command.args(["--model", "dense"]);
    let second = said(command);
    assert!(
        second.contains(&format!("Room {code} is open again, as it was; --model dense is for new rooms")),
        "{second}"
    );
}

/// The teacher's link of what was said at the start, without the port, which is another each time.
fn secret(said: &str) -> &str {
    said.split_whitespace().find_map(|word| Some(word.split_once("/teach#")?.1)).unwrap()
}

#[test]
fn the_teachers_link_stays_good_for_the_same_folder() {
    let home = tempfile::tempdir().unwrap();
    let first = said(serve(home.path()));
    let folder = first.lines().find_map(|line| line.strip_prefix("Rooms and models are kept in ")).unwrap();
    let file = Path::new(folder.trim_end_matches('.')).join("host-token");
    assert_eq!(secret(&said(serve(home.path()))), secret(&first));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");

    // One that was chosen goes before it and is written nowhere; one that is none any more is made anew.
    let mut chosen = serve(home.path());
    chosen.args(["--host-token", "a-secret-of-the-test"]);
    said(chosen);
    assert_eq!(secret(&said(serve(home.path()))), secret(&first));
    std::fs::write(&file, "short").unwrap();
    let anew = said(serve(home.path()));
    assert_ne!(secret(&anew), secret(&first));
    assert_eq!(secret(&said(serve(home.path()))), secret(&anew));
}

#[test]
fn nothing_is_kept_where_that_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let mut command = serve(home.path());
    command.args(["--state", "none"]);
    assert!(said(command).contains("Nothing is kept when this program ends"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_room_gives_way_to_a_new_one() -> Result<()> {
    let state = tempfile::tempdir()?;
    let arguments = ["--state", state.path().to_str().unwrap(), "--rounds", "1", "--least", "1"];
    let first = Server::start(PROGRAM.as_ref(), &arguments)?;
    let (mut ada, welcome) = RawClient::enter(&first.origin, &first.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    let round = ada.next_round().await?;
    ada.update(&round, 20, ada.same_everywhere(0.125)?).await?;
    ada.wait(|message| matches!(message, ServerMessage::Finished { .. }).then_some(())).await?;
    let finished = first.room.clone();
    assert!(tokio::task::spawn_blocking(move || first.interrupt()).await??.success());

    let second = Server::start(PROGRAM.as_ref(), &arguments)?;
    assert_ne!(second.room, finished);
    let overview = support::http::get(&second, "/api/host", Some(&second.host_token)).1;
    assert!(overview.contains(finished.as_str()), "its model is still there: {overview}");
    let new = second.room.clone();
    assert!(tokio::task::spawn_blocking(move || second.interrupt()).await??.success());

    let asked = Server::start(PROGRAM.as_ref(), &[&arguments[..], &["--code", finished.as_str()]].concat())?;
    assert_eq!(asked.room, finished);
    drop(asked);
    assert_eq!(Server::start(PROGRAM.as_ref(), &arguments)?.room, new, "it has its rounds before it");
    Ok(())
}

#[test]
fn a_second_program_is_told_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_str().unwrap();
    let server = Server::start(PROGRAM.as_ref(), &["--state", folder]).unwrap();
    let port = server.origin.rsplit(':').next().unwrap();

    let home = tempfile::tempdir().unwrap();
    let mut same_folder = serve(home.path());
    same_folder.args(["--state", folder]);
    let error = refused(same_folder);
    assert!(error.contains(folder) && error.contains("another chorus is running"), "{error}");
    assert!(error.contains("--state DIR --port"), "{error}");

    let mut same_port = Command::new(PROGRAM);
    same_port.args(["serve", "--address", "127.0.0.1", "--port", port, "--state", "none"]);
    let error = refused(same_port);
    assert!(
        error.contains(&format!("port {port} is taken")) && error.contains("choose another port: --port"),
        "{error}"
    );
}

/// What an earlier version kept of rooms: its tables, which had the number 1.
const TABLES_1: &str = "
    CREATE TABLE rooms (
        code TEXT PRIMARY KEY, created_at INTEGER NOT NULL, config TEXT NOT NULL, model_version INTEGER NOT NULL,
        standardisation TEXT, final_evaluation TEXT, next_client INTEGER NOT NULL, paused INTEGER NOT NULL,
        locked INTEGER NOT NULL, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rounds (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE, round INTEGER NOT NULL, record TEXT NOT NULL,
        PRIMARY KEY (room, round)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE clients (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE, client INTEGER NOT NULL, name TEXT NOT NULL,
        token TEXT NOT NULL, evaluated INTEGER NOT NULL, removed INTEGER NOT NULL, named_by_host INTEGER NOT NULL,
        PRIMARY KEY (room, client)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE models (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE, version INTEGER NOT NULL, created_at INTEGER NOT NULL,
        model_checksum INTEGER NOT NULL, strategy_checksum INTEGER, PRIMARY KEY (room, version)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO rooms SELECT code, created_at, json_remove(config, '$.influence_limit'), model_version, standardisation, NULL,
        next_client, paused, locked, bytes_up, bytes_down FROM new.rooms;
    INSERT INTO rounds SELECT room, round, record FROM new.rounds;
    INSERT INTO clients SELECT room, client, name, token, 0, removed, named_by_host FROM new.clients;
    INSERT INTO models SELECT * FROM new.models;
    PRAGMA user_version = 1;
";

/// The folder of an earlier version goes on: its rows as that version wrote them, and its models.
#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_an_earlier_version_go_on() -> Result<()> {
    let state = tempfile::tempdir()?;
    let arguments = ["--state", state.path().to_str().unwrap(), "--least", "1", "--rounds", "5"];
    let first = Server::start(PROGRAM.as_ref(), &[&arguments[..], &["--strategy", "fedavg"]].concat())?;
    let (mut ada, welcome) = RawClient::enter(&first.origin, &first.room, None).await?;
    ada.ready(&welcome.room, 10).await?;
    for _ in 0..2 {
        let round = ada.next_round().await?;
        ada.update(&round, 10, ada.same_everywhere(0.25)?).await?;
        ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    }
    let history = |server: &Server| get(server, &format!("/api/rooms/{}/history", server.room), None).1;
    let before = history(&first);
    assert!(tokio::task::spawn_blocking(move || first.interrupt()).await??.success());
    let [database, old] = ["chorus.sqlite", "old.sqlite"].map(|name| state.path().join(name));
    let connection = rusqlite::Connection::open(&old)?;
    connection.execute("ATTACH ?1 AS new", [database.to_str().unwrap()])?;
    connection.execute_batch(TABLES_1)?;
    drop(connection);
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(state.path().join(format!("chorus.sqlite{ending}")));
    }
    std::fs::rename(&old, &database)?;

    let second = Server::start(PROGRAM.as_ref(), &arguments)?;
    assert_eq!((&second.room, history(&second)), (&welcome.room.code, before));
    let (mut ada, again) = RawClient::enter(&second.origin, &second.room, Some(welcome.token.clone())).await?;
    assert_eq!((again.token, again.room.influence_limit), (welcome.token, None));
    ada.ready(&again.room, 10).await?;
    let round = ada.next_round().await?;
    assert_eq!((round.round.0, round.model_version.0), (3, 2));
    ada.update(&round, 10, ada.same_everywhere(0.25)?).await?;
    ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    Ok(())
}

#[test]
fn options_that_a_stored_room_overrides_are_said_to_programs_too() {
    let state = tempfile::tempdir().unwrap();
    let line = |more: &[&str]| {
        let mut command = serve(state.path());
        command.arg("--json").args(more).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        signal(child.id(), "INT").unwrap();
        assert!(child.wait().unwrap().success());
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["unused"].clone()
    };
    assert_eq!(line(&["--rounds", "7"]), serde_json::Value::Null, "a new room has them");
    assert_eq!(line(&[]), serde_json::Value::Null);
    assert_eq!(line(&["--rounds", "9"]), "--rounds 9");
}
