//! The running program and its sockets, with participants that speak the bare protocol: a whole round to the last
//! number, and what it does with those who do not keep to the rules.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use anyhow::Result;
use protocol::{ClientMessage, ErrorCode, Phase, RoomCode, ServerMessage};
use serde_json::Value;
use support::raw_client::{Heard, RawClient};
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");

fn server(arguments: &[&str]) -> Result<Server> {
    Server::start(PROGRAM.as_ref(), arguments)
}

fn get(address: String) -> Vec<u8> {
    ureq::get(address).call().unwrap().body_mut().read_to_vec().unwrap()
}

/// The parameters of the room's model file, in the layout's order.
fn parameters(server: &Server) -> Vec<f32> {
    let file = get(format!("{}/api/rooms/{}/model.safetensors", server.origin, server.room));
    let (header, _) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    file[8 + header..].chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn history(server: &Server) -> Vec<Value> {
    serde_json::from_slice(&get(format!("{}/api/rooms/{}/history", server.origin, server.room))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_moves_the_model_by_the_weighted_mean_of_its_updates() -> Result<()> {
    let server = server(&["--rounds", "1", "--seed", "3", "--strategy", "fedavg", "--aggregation", "mean"])?;
    let before = parameters(&server);
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    let (mut bob, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    let room = welcome.room;
    ada.ready(&room, 30).await?;
    bob.ready(&room, 10).await?;

    let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
    // Both said: 100 frames whose features are 1 and 3 by turns, so mean 2 and deviation 1.
    assert!(for_ada.standardisation.mean.iter().all(|mean| (mean - 2.0).abs() < 1e-6));
    assert!(for_ada.standardisation.deviation.iter().all(|deviation| (deviation - 1.0).abs() < 1e-6));
    let mut received = Vec::new();
    ada.download(for_ada.model, |piece| received.extend_from_slice(piece)).await?;
    assert_eq!(received, before.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    bob.download(for_bob.model, |_| ()).await?;

    tokio::try_join!(
        ada.update(&for_ada, 30, ada.same_everywhere(0.5)?),
        bob.update(&for_bob, 10, bob.same_everywhere(-0.5)?),
    )?;
    ada.wait(|message| matches!(message, ServerMessage::Finished { .. }).then_some(())).await?;

    // (30 x 0.5 + 10 x -0.5) / 40 = 0.25
    let after = parameters(&server);
    assert!(before.iter().zip(&after).all(|(before, after)| (after - before - 0.25).abs() < 1e-6));
    let history = history(&server);
    assert_eq!((history.len(), &history[0]["clients"], &history[0]["examples"]), (1, &2.into(), &40.into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_the_same_round_and_model() -> Result<()> {
    let state = tempfile::tempdir()?;
    let state = state.path().to_str().unwrap();
    let first = server(&["--state", state, "--rounds", "3", "--least", "1"])?;
    let (mut ada, welcome) = RawClient::enter(&first.origin, &first.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    let round = ada.next_round().await?;
    ada.update(&round, 20, ada.same_everywhere(0.125)?).await?;
    ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    let (room, stored) = (first.room.clone(), parameters(&first));

    assert!(tokio::task::spawn_blocking(move || first.interrupt()).await??.success());
    let told = loop {
        match ada.hear().await? {
            Heard::Message(message) if matches!(*message, ServerMessage::Error { .. }) => break message,
            Heard::Close(_) => panic!("closed without a word"),
            _ => {}
        }
    };
    assert!(matches!(*told, ServerMessage::Error { code: ErrorCode::ServerClosing, fatal: false, .. }));
    assert_eq!(ada.closed().await?.0, 1001);

    let second = server(&["--state", state])?;
    assert_eq!(second.room, room);
    assert_eq!(parameters(&second), stored);
    let (mut ada, again) = RawClient::enter(&second.origin, &second.room, Some(welcome.token.clone())).await?;
    assert_eq!(again.token, welcome.token, "it is still the same participant");
    ada.ready(&again.room, 20).await?;
    assert_eq!(ada.next_round().await?.round.0, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_breaks_the_rules_is_told_and_closed() -> Result<()> {
    let server = server(&[])?;

    let mut nowhere = RawClient::open(&server.origin, None).await?;
    nowhere.hello(&RoomCode::parse("ZZZZZ")?, None).await?;
    let Heard::Message(message) = nowhere.hear().await? else { panic!("no message") };
    assert!(matches!(*message, ServerMessage::Error { code: ErrorCode::RoomUnknown, fatal: true, .. }), "{message:?}");
    assert_eq!(nowhere.closed().await?.0, 1008);

    let mut impolite = RawClient::open(&server.origin, None).await?;
    impolite.say(&ClientMessage::Pause { diverged: false }).await?;
    let Heard::Message(message) = impolite.hear().await? else { panic!("no message") };
    assert!(matches!(*message, ServerMessage::Error { code: ErrorCode::OutOfOrder, .. }), "{message:?}");

    let (mut large, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    large.say_bytes(vec![0; 300 * 1024].into()).await?;
    assert_eq!(large.closed().await?.0, 1009);

    let (mut hasty, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    for _ in 0..150 {
        hasty.say(&ClientMessage::Pause { diverged: false }).await?;
    }
    assert_eq!(hasty.closed().await?.0, 1008);

    let (mut confused, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    confused.say_text("{\"type\":\"sing\"}".to_owned()).await?;
    let error = confused.wait(|_| None::<()>).await.unwrap_err().to_string();
    assert!(error.contains("Malformed") && error.contains("sing"), "{error}");
    // The room has not noticed any of it.
    let status = confused.wait(|message| match message {
        ServerMessage::Status(status) => Some(status),
        _ => None,
    });
    assert_eq!(status.await?.phase, Phase::Lobby);
    Ok(())
}

/// Which of two connections with one token is the living one is told by when they were opened, not by whose hello comes last.
#[tokio::test(flavor = "multi_thread")]
async fn the_hello_of_a_tab_before_that_comes_last_replaces_nobody() -> Result<()> {
    let server = server(&[])?;
    let (first, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    drop(first);
    let mut before = RawClient::open(&server.origin, None).await?;
    let (mut tab, again) = RawClient::enter(&server.origin, &server.room, Some(welcome.token.clone())).await?;
    assert_eq!(again.token, welcome.token);
    before.hello(&server.room, Some(welcome.token.clone())).await?;
    let Heard::Message(message) = before.hear().await? else { panic!("no message") };
    assert!(matches!(*message, ServerMessage::Error { code: ErrorCode::Replaced, fatal: true, .. }), "{message:?}");
    assert_eq!(before.closed().await?.0, 1008);
    // The tab is in the room as before.
    tab.ready(&again.room, 20).await?;
    tab.wait(|message| matches!(message, ServerMessage::Status(status) if status.ready == 1).then_some(())).await?;

    // The usual order: a second tab takes the place of the first.
    let (_second, _) = RawClient::enter(&server.origin, &server.room, Some(welcome.token)).await?;
    let replaced = tab.wait(|_| None::<()>).await.unwrap_err().to_string();
    assert!(replaced.contains("Replaced"), "{replaced}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_needs_our_origin_and_our_subprotocol() -> Result<()> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let server = server(&[])?;
    let status = async |origin: Option<&str>, subprotocol: &str| -> Result<u16> {
        let mut request = format!("{}/ws", server.origin.replacen("http", "ws", 1)).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse()?);
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse()?);
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((_, response)) => Ok(response.status().as_u16()),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Ok(response.status().as_u16()),
            Err(error) => Err(error.into()),
        }
    };
    assert_eq!(status(Some(&server.origin), "chorus.v1").await?, 101);
    assert_eq!(status(None, "chorus.v1").await?, 101);
    assert_eq!(status(Some("https://evil.example"), "chorus.v1").await?, 403);
    assert_eq!(status(None, "chorus.v9").await?, 400);
    Ok(())
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_an_empty_room_cleanly() -> Result<()> {
    assert!(server(&[])?.interrupt()?.success());
    Ok(())
}

/// The program is ended in the middle of a round, as systemd ends it: what is stored is the round's beginning, and clients
/// that come back announce what they trained meanwhile.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_open_round_begins_anew_after_a_stop_with_those_who_come_back() -> Result<()> {
    let state = tempfile::tempdir()?;
    let state = state.path().to_str().unwrap();
    let first = server(&["--state", state, "--rounds", "3", "--strategy", "fedavg"])?;
    let (mut ada, welcome) = RawClient::enter(&first.origin, &first.room, None).await?;
    let (mut bob, bobs) = RawClient::enter(&first.origin, &first.room, None).await?;
    let room = welcome.room;
    ada.ready(&room, 10).await?;
    bob.ready(&room, 10).await?;
    for value in [0.5, 0.0] {
        let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
        ada.update(&for_ada, 10, ada.same_everywhere(value)?).await?;
        if value > 0.0 {
            bob.update(&for_bob, 10, bob.same_everywhere(value)?).await?;
        }
    }
    // Round 2 is open, Ada's update in it, Bob still trains.
    let before = parameters(&first);
    first.signal("TERM")?;
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.closed().await?.0, 1001);
    }
    assert!(tokio::task::spawn_blocking(move || first.ended()).await??.success());

    let second = server(&["--state", state])?;
    assert_eq!(parameters(&second), before);
    assert_eq!(history(&second).len(), 1);
    let (mut ada, again) = RawClient::enter(&second.origin, &second.room, Some(welcome.token.clone())).await?;
    let (mut bob, bobs_again) = RawClient::enter(&second.origin, &second.room, Some(bobs.token.clone())).await?;
    assert_eq!((again.token, bobs_again.token), (welcome.token, bobs.token));
    ada.ready(&room, 10).await?;
    bob.ready(&room, 10).await?;
    let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
    assert_eq!((for_ada.round.0, for_ada.model_version.0), (2, 1));
    ada.update(&for_ada, 10, ada.same_everywhere(0.25)?).await?;
    bob.update(&for_bob, 10, bob.same_everywhere(0.75)?).await?;
    ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    // Ada's update of before the stop is not in it a second time: (0.25 + 0.75) / 2 = 0.5
    let after = parameters(&second);
    assert!(before.iter().zip(&after).all(|(before, after)| (after - before - 0.5).abs() < 1e-6));
    Ok(())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() -> Result<()> {
    let server = server(&[])?;
    // It would wait two seconds for this one's answer to its close frame, since nobody reads here.
    let (_deaf, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    server.signal("TERM")?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let began = std::time::Instant::now();
    server.signal("TERM")?;
    let status = tokio::task::spawn_blocking(move || server.ended()).await??;
    assert_eq!(status.code(), Some(130));
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    Ok(())
}
