//! What a host does over HTTP with rooms that others are in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{BufRead as _, BufReader};

use anyhow::Result;
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use serde_json::{Value, json};
use support::http::{self, agent};
use support::raw_client::{Heard, RawClient};
use support::server::Server;
use ureq::Body;
use ureq::http::Response;

const SECRET: &str = "a secret of the host";

fn server(arguments: &[&str]) -> Server {
    let arguments: Vec<&str> = ["--host-token", SECRET].iter().chain(arguments).copied().collect();
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), &arguments).unwrap()
}

fn json_of((status, text): (u16, String)) -> (u16, Value) {
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
}

fn read(mut response: Response<Body>) -> (u16, Value) {
    json_of((response.status().as_u16(), response.body_mut().read_to_string().unwrap()))
}

fn get(server: &Server, path: &str) -> (u16, Value) {
    json_of(http::get(server, path, Some(SECRET)))
}

/// Asks a room for something; what came back.
fn command(server: &Server, command: &Value) -> (u16, Value) {
    json_of(http::command(server, command))
}

async fn told_error(client: &mut RawClient) -> ErrorCode {
    loop {
        match client.hear().await.unwrap() {
            Heard::Message(message) => {
                if let ServerMessage::Error { code, .. } = *message {
                    return code;
                }
            }
            Heard::Chunk(_) => {}
            Heard::Close(frame) => panic!("closed without a word: {frame:?}"),
        }
    }
}

/// Trains nothing, `value` being added to every parameter.
async fn train(client: &mut RawClient, value: f32) {
    let round = client.next_round().await.unwrap();
    let update = client.same_everywhere(value).unwrap();
    client.update(&round, 20, update).await.unwrap();
}

#[test]
fn nobody_steers_a_room_without_the_secret() {
    let server = server(&[]);
    let room = format!("{}/api/rooms/{}", server.origin, server.room);
    let wrong = "Bearer a secret of nobody";
    for (method, path) in [("GET", format!("{}/api/host", server.origin)), ("DELETE", room.clone())] {
        let request = ureq::http::Request::builder().method(method).uri(&path).header("authorization", wrong);
        let (status, said) = read(agent().run(request.body(()).unwrap()).unwrap());
        assert_eq!(status, 401, "{method} {path}");
        assert!(said["error"].as_str().unwrap().contains("secret"));
    }
    let request = agent().post(format!("{room}/command")).content_type("application/json");
    assert_eq!(read(request.send(r#"{"command": "lock"}"#).unwrap()).0, 401);
    assert_eq!(read(agent().get(&room).call().unwrap()).1["status"]["locked"], Value::Null, "nothing happened");
}

#[test]
fn what_settings_would_give_is_told_before_there_is_a_room() {
    let server = server(&[]);
    let preview = |secret: &str, settings: Value| json_of(http::post(&server, "/api/rooms/preview", secret, &settings));
    assert_eq!(preview("a secret of nobody", json!({})).0, 401);
    let (status, plain) = preview(SECRET, json!({"rounds": 5, "code": "ABCDE"}));
    assert_eq!((status, &plain["room"]["rounds"], &plain["budget"]), (200, &json!(5), &Value::Null));
    assert_eq!(plain["room"]["masking"], Value::Null, "rooms are masked where somebody says so");
    assert_eq!(get(&server, "/api/rooms/ABCDE").0, 404, "none was made");

    let noise = json!({"epsilon": 8, "clip": 0.01, "rounds": 20, "max_clients": 30, "labels": ["a", "b", "c", "d"]});
    let (status, noised) = preview(SECRET, noise.clone());
    assert_eq!(status, 200, "{noised}");
    let budget = &noised["budget"];
    assert_eq!((&budget["published"], &budget["left"], &budget["clients"]), (&json!(0), &json!(20), &json!(30)));
    // docs/privacy.md: z = 2.68, so that 80 guesses of 100 are right at most and 1,142 people would be needed.
    assert!((budget["best_guess_at_end"].as_f64().unwrap() - 0.798).abs() < 1e-3, "{budget}");
    assert_eq!(budget["clients_needed"], 1142);
    let made = json_of(http::post(&server, "/api/rooms", SECRET, &noise));
    let code = made.1["room"]["code"].as_str().unwrap();
    let status = get(&server, &format!("/api/rooms/{code}")).1["status"].clone();
    assert_eq!(&status["budget"], budget, "the room says what was said before");

    let (status, refused) = preview(SECRET, json!({"epsilon": 8}));
    assert_eq!((status, &refused["code"]), (422, &json!("settings_invalid")));
    let (status, refused) = preview(SECRET, json!({"masking": "active", "aggregation": "median"}));
    assert!(status == 422 && refused["error"].as_str().unwrap().contains("no single update"), "{refused}");
}

#[test]
fn a_command_that_makes_no_sense_is_answered_in_words() {
    let server = server(&[]);
    for (wrong, status, words) in [
        (json!({"command": "explode"}), 422, "unknown variant"),
        (json!({"command": "rename", "name": ""}), 422, "blank"),
        (json!({"command": "remove", "client": 7}), 409, "no client 7"),
        (json!({"command": "end"}), 409, "no round is over"),
        (json!({"command": "next_round"}), 409, "nobody is ready"),
        (json!({"command": "restart", "version": 3}), 409, "not stored"),
        (json!({"command": "restart", "version": 0, "rounds": 5000}), 422, "rounds"),
    ] {
        let (found, said) = command(&server, &wrong);
        assert_eq!(found, status, "{wrong}: {said}");
        assert!(said["error"].as_str().unwrap().contains(words), "{wrong}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_steers_a_room_from_its_first_round_to_a_second_end() -> Result<()> {
    let server = server(&["--rounds", "2", "--least", "1", "--goal", "1"]);
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    let mut board = BufReader::new(
        agent().get(format!("{}/api/rooms/{}/events", server.origin, server.room)).call()?.into_body().into_reader(),
    );
    let (status, room) = command(&server, &json!({"command": "pause"}));
    assert_eq!((status, &room["status"]["paused"]), (200, &true.into()));
    ada.ready(&welcome.room, 20).await?;
    assert_eq!(command(&server, &json!({"command": "next_round"})).0, 409, "the room is paused");
    command(&server, &json!({"command": "resume"}));
    train(&mut ada, 0.5).await;
    train(&mut ada, 0.25).await;
    ada.wait(|message| matches!(message, ServerMessage::Finished { .. }).then_some(())).await?;

    let (_, overview) = get(&server, "/api/host");
    let room = &overview["rooms"][0];
    let versions: Vec<u64> =
        room["versions"].as_array().unwrap().iter().map(|stored| stored["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [0, 1, 2]);
    assert_eq!((&overview["secure"], &overview["kept"]), (&false.into(), &false.into()));
    assert!(room["links"][0].as_str().unwrap().ends_with(&format!("/room/{}", server.room)));

    // Back to the first version, and two more rounds from there.
    let (status, room) = command(&server, &json!({"command": "restart", "version": 1, "rounds": 3}));
    assert_eq!(
        (status, &room["status"]["phase"], room["history"].as_array().unwrap().len()),
        (200, &"lobby".into(), 1)
    );
    assert_eq!(told_error(&mut ada).await, ErrorCode::Restarted);
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, Some(welcome.token)).await?;
    assert_eq!(welcome.room.rounds, 3);
    ada.ready(&welcome.room, 20).await?;
    train(&mut ada, 0.125).await;
    ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    let (status, room) = command(&server, &json!({"command": "end"}));
    assert_eq!((status, &room["status"]["phase"], &room["room"]["rounds"]), (200, &"finished".into(), &2.into()));
    let results = agent().get(format!("{}/api/rooms/{}/results.csv", server.origin, server.room)).call()?;
    let table = results.into_body().read_to_string()?;
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 1 + 3, "versions 0, 1 and 2: {table}");
    assert!(rows[0].starts_with("version,clips tested,loss,accuracy,uar,recall angry"), "{table}");

    // The board saw it all, the latest last.
    let mut line = String::new();
    let mut shown = Value::Null;
    while shown["status"]["phase"] != "finished" || shown["room"]["rounds"] != 2 {
        line.clear();
        assert!(board.read_line(&mut line)? > 0, "the events ended with {shown}");
        if let Some(data) = line.strip_prefix("data: ") {
            shown = serde_json::from_str(data)?;
            assert!(!line.contains("token"), "no secret is shown to everyone");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_put_out_stays_out_and_a_deleted_room_is_gone() -> Result<()> {
    let state = tempfile::tempdir()?;
    let server = server(&["--least", "1", "--state", state.path().to_str().unwrap()]);
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.say(&ClientMessage::Rename { name: "rude word".to_owned() }).await?;
    let (_, room) = command(&server, &json!({"command": "rename_client", "client": 1, "name": "Laptop 1"}));
    assert_eq!(room["status"]["clients"][0]["name"], "Laptop 1");
    ada.wait(|message| matches!(message, ServerMessage::Renamed { .. }).then_some(())).await?;
    command(&server, &json!({"command": "remove", "client": 1}));
    assert_eq!(told_error(&mut ada).await, ErrorCode::Removed);
    let mut again = RawClient::open(&server.origin, None).await?;
    again.hello(&server.room, Some(welcome.token)).await?;
    assert_eq!(told_error(&mut again).await, ErrorCode::Removed);
    command(&server, &json!({"command": "lock"}));
    let mut late = RawClient::open(&server.origin, None).await?;
    late.hello(&server.room, None).await?;
    assert_eq!(told_error(&mut late).await, ErrorCode::Locked);

    let path = format!("{}/api/rooms/{}", server.origin, server.room);
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(read(agent().delete(&path).header("authorization", &bearer).call()?).0, 204);
    assert_eq!(read(agent().get(&path).call()?).0, 404);
    let mut nowhere = RawClient::open(&server.origin, None).await?;
    nowhere.hello(&server.room, None).await?;
    assert_eq!(told_error(&mut nowhere).await, ErrorCode::RoomUnknown);
    assert!(!state.path().join(format!("models/{}", server.room)).exists());
    let qr = agent().get(format!("{path}/qr.svg")).call()?;
    assert_eq!(qr.status(), 404);
    // Its code is free again.
    let settings = json!({ "code": server.room });
    let made = agent().post(format!("{}/api/rooms", server.origin)).header("authorization", &bearer);
    assert_eq!(read(made.content_type("application/json").send(settings.to_string())?).0, 201);
    let qr = agent().get(format!("{path}/qr.svg")).call()?;
    assert_eq!(qr.headers()["content-type"], "image/svg+xml");
    assert!(qr.into_body().read_to_string()?.contains("<svg"));
    Ok(())
}
