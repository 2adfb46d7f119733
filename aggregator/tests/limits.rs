//! What the running program does with those who take too much, too long, or nothing at all, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::{ErrorCode, ServerMessage};
use serde_json::{Value, json};
use support::http::agent;
use support::raw_client::{Heard, RawClient};
use support::server::Server;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

fn server(arguments: &[&str]) -> Server {
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), arguments).unwrap()
}

fn address(server: &Server) -> String {
    server.origin.replace("http://localhost", "127.0.0.1")
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(address(server)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Everything that comes until the other side closes, and how long that took.
fn until_closed(stream: &mut TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut bytes = Vec::new();
    // Where the other side resets, what came before is still there.
    let _ = stream.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), began.elapsed())
}

fn metric(server: &Server, name: &str) -> f64 {
    let request = agent().get(format!("{}/metrics", server.origin));
    let mut response = request.header("authorization", format!("Bearer {}", server.host_token)).call().unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn refusals(server: &Server, limit: &str) -> f64 {
    metric(server, &format!("chorus_limit_refusals_total{{limit=\"{limit}\"}}"))
}

/// Waits until something is so; panics after ten seconds.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A room of one client goes through a round in a moment, whatever others do.
async fn one_round(server: &Server) -> Result<Duration> {
    let began = Instant::now();
    let (mut client, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    client.ready(&welcome.room, 20).await?;
    let round = client.next_round().await?;
    client.download(round.model, |_| ()).await?;
    let update = client.same_everywhere(0.5)?;
    client.update(&round, 20, update).await?;
    client.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    Ok(began.elapsed())
}

const ONE: [&str; 4] = ["--least", "1", "--goal", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_half_a_request_is_closed_and_holds_nobody_up() -> Result<()> {
    let server = server(&[&ONE[..], &["--request-timeout", "2"]].concat());
    // Nothing, half a head, half a WebSocket handshake; fifty of each.
    let beginnings = ["", "GET / HTTP/1.1\r\nHost: x\r\n", "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConn"];
    let mut slow: Vec<TcpStream> = Vec::new();
    for beginning in beginnings.iter().cycle().take(150) {
        let mut stream = connect(&server);
        stream.write_all(beginning.as_bytes())?;
        slow.push(stream);
    }
    // And one that sends a letter of a header now and then, for ever.
    let mut dripping = connect(&server);
    let drip = std::thread::spawn(move || {
        let began = Instant::now();
        dripping.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
        while dripping.write_all(b"a").is_ok() && began.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(100));
        }
        began.elapsed()
    });
    assert!(metric(&server, "chorus_connections") >= 150.0);
    let took = one_round(&server).await?;
    assert!(took < Duration::from_secs(2), "a round took {took:?}");
    for stream in &mut slow {
        let (_, waited) = until_closed(stream);
        assert!(waited < Duration::from_secs(6), "{waited:?}");
    }
    assert!(drip.join().unwrap() < Duration::from_secs(8));
    eventually("all places are given back", || metric(&server, "chorus_connections") <= 3.0);
    Ok(())
}

#[test]
fn a_tls_handshake_that_is_never_finished_is_closed() {
    let server = server(&["--tls", "self-signed"]);
    let address = server.origin.replace("https://localhost", "127.0.0.1");
    // Nothing, and the head of a record (RFC 8446, 5.1) of which 512 bytes are to come.
    for beginning in [&[][..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(beginning).unwrap();
        let (said, waited) = until_closed(&mut stream);
        assert!(said.is_empty() && waited < Duration::from_secs(13), "{waited:?}");
    }
}

#[test]
fn whoever_sends_half_a_body_or_too_much_of_one_is_told() {
    let server = server(&["--request-timeout", "1", "--max-body-bytes", "2000", "--max-header-bytes", "8192"]);
    let head = format!("POST /api/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n", server.host_token);
    let kind = "Content-Type: application/json\r\n";
    let ask = |rest: String| {
        let mut stream = connect(&server);
        // The answer may come before all was written.
        let _ = stream.write_all(rest.as_bytes());
        until_closed(&mut stream).0
    };
    let half = ask(format!("{head}{kind}Content-Length: 100\r\n\r\n{{\"rounds\":"));
    assert!(half.starts_with("HTTP/1.1 408"), "{half}");
    let long = ask(format!("{head}{kind}Content-Length: 100000\r\n\r\n{}", "x".repeat(3000)));
    assert!(long.starts_with("HTTP/1.1 413"), "{long}");
    let chunked = "7d0\r\n".to_owned() + &"x".repeat(2000) + "\r\n";
    let endless = ask(format!("{head}{kind}Transfer-Encoding: chunked\r\n\r\n{}", chunked.repeat(20)));
    assert!(endless.starts_with("HTTP/1.1 413"), "{endless}");
    let headers = ask(format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000)));
    assert!(headers.starts_with("HTTP/1.1 431"), "{headers}");
    assert_eq!(refusals(&server, "request_time"), 1.0);
}

/// A WebSocket by hand, up to the welcome.
fn by_hand(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                     Sec-WebSocket-Protocol: chorus.v1\r\n\r\n";
    stream.write_all(handshake.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream
}

/// A text frame with a mask of zeros (RFC 6455, 5.2), of which only the first `sent` bytes of payload go out.
fn send_text(stream: &mut TcpStream, text: &str, sent: usize) {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let mut frame = vec![0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
    frame.extend_from_slice(&text.as_bytes()[..sent]);
    stream.write_all(&frame).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_frame_that_never_goes_on_ends_its_connection_alone() -> Result<()> {
    let server = server(&[&ONE[..], &["--idle-timeout", "2"]].concat());
    let hello = json!({"type": "hello", "protocol": 1, "room": server.room, "software": "half"}).to_string();
    let hello = format!("{hello}{}", " ".repeat(130));
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut stream = by_hand(&server);
        send_text(&mut stream, &hello, hello.len());
        send_text(&mut stream, &hello, 40);
        halves.push(stream);
    }
    assert!(one_round(&server).await? < Duration::from_secs(2));
    for stream in &mut halves {
        let (said, waited) = until_closed(stream);
        assert!(said.contains("welcome") && waited < Duration::from_secs(8), "{waited:?}: {said}");
    }
    eventually("their places are given back", || metric(&server, "chorus_websockets") == 0.0);
    Ok(())
}

#[test]
fn a_frame_that_comes_slowly_is_no_silence() {
    let server = server(&["--idle-timeout", "2"]);
    let hello = json!({"type": "hello", "protocol": 1, "room": server.room, "software": "slow"}).to_string();
    let hello = format!("{hello}{}", " ".repeat(130));
    let mut stream = by_hand(&server);
    send_text(&mut stream, &hello, hello.len());
    // A frame that takes three times as long as one may be silent.
    let padded = format!("{}{}", json!({"type": "pause"}), " ".repeat(130));
    send_text(&mut stream, &padded, 0);
    for piece in padded.as_bytes().chunks(padded.len().div_ceil(12)) {
        std::thread::sleep(Duration::from_millis(500));
        stream.write_all(piece).unwrap();
    }
    assert_eq!(metric(&server, "chorus_websockets"), 1.0);
    // And then it is silent, in the midst of the next one.
    send_text(&mut stream, &padded, 10);
    let (_, waited) = until_closed(&mut stream);
    assert!(waited > Duration::from_millis(1500) && waited < Duration::from_secs(8), "{waited:?}");
}

#[test]
fn who_has_nothing_to_receive_and_answers_no_ping_is_gone_after_twenty_seconds() {
    let server = server(&[]);
    let hello = json!({"type": "hello", "protocol": 1, "room": server.room, "software": "frozen"}).to_string();
    let hello = format!("{hello}{}", " ".repeat(130));
    let mut stream = by_hand(&server);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    send_text(&mut stream, &hello, hello.len());
    let (said, waited) = until_closed(&mut stream);
    assert!(said.contains("welcome"), "{said}");
    assert!(waited > Duration::from_secs(19) && waited < Duration::from_secs(35), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_dropped_while_others_go_on() -> Result<()> {
    // A model of 104 MB, which fits into no socket's buffers.
    let server = server(&["--least", "1", "--goal", "1", "--model", "dense", "--write-timeout", "2"]);
    let mut deaf = Vec::new();
    for _ in 0..3 {
        let (mut client, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
        client.ready(&welcome.room, 20).await?;
        let round = client.next_round().await?;
        client.say(&protocol::ClientMessage::Download { transfer: round.model.id }).await?;
        deaf.push(client);
    }
    let (mut client, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    client.ready(&welcome.room, 20).await?;
    let round = client.next_round().await?;
    let mut received = 0;
    client.download(round.model, |piece| received += piece.len()).await?;
    assert_eq!(received, 26_008_068 * 4);
    eventually("three are dropped", || metric(&server, "chorus_slow_readers_dropped_total") == 3.0);
    eventually("one is left", || metric(&server, "chorus_websockets") == 1.0);
    client.say(&protocol::ClientMessage::Recording { on: true }).await?;
    client.wait(|message| matches!(message, ServerMessage::Status(_)).then_some(())).await?;
    drop(deaf);
    Ok(())
}

#[test]
fn one_who_fetches_a_file_and_never_reads_it_is_dropped() {
    let server = server(&["--model", "dense", "--write-timeout", "1"]);
    let mut stream = connect(&server);
    let path = format!("/api/rooms/{}/model.safetensors", server.room);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    // The metrics' own connections come and go.
    std::thread::sleep(Duration::from_millis(500));
    let mut first = [0; 15];
    stream.peek(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    std::thread::sleep(Duration::from_secs(8));
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    assert!(bytes.len() < 100_000_000, "{} bytes came all the same: {ended:?}", bytes.len());
}

#[test]
fn requests_beyond_the_rate_of_an_address_are_refused_until_it_waited() {
    let server = server(&["--max-requests-per-second", "3"]);
    let mut stream = connect(&server);
    let mut ask = || {
        if stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").is_err() {
            stream = connect(&server);
        }
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap_or(0);
        let answer = String::from_utf8_lossy(&piece[..length]).to_lowercase();
        if answer.contains("connection: close") {
            stream = connect(&server);
        }
        answer
    };
    let refused = (0..200).map(|_| ask()).find(|answer| answer.starts_with("http/1.1 429")).expect("a limit");
    assert!(refused.contains("retry-after: 10") && refused.contains("too many requests"), "{refused}");
    std::thread::sleep(Duration::from_secs(2));
    assert!(ask().starts_with("http/1.1 200"));
    std::thread::sleep(Duration::from_secs(2));
    assert!(refusals(&server, "requests") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_of_an_address_are_told_so_and_other_addresses_are_not() -> Result<()> {
    let server = server(&["--max-connections-per-address", "150"]);
    let mut open: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    let mut answers = Vec::new();
    for stream in &mut open {
        let (mut answer, mut piece) = (String::new(), [0; 4096]);
        if stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").is_ok() {
            let length = stream.read(&mut piece).unwrap_or(0);
            answer = String::from_utf8_lossy(&piece[..length]).into_owned();
        }
        answers.push(answer);
    }
    let count =
        |status: &str| answers.iter().filter(|answer| answer.starts_with(&format!("HTTP/1.1 {status}"))).count();
    assert_eq!((count("200"), count("429")), (150, 50), "{answers:?}");
    let refused = answers.iter().find(|answer| answer.starts_with("HTTP/1.1 429")).unwrap().to_lowercase();
    assert!(refused.contains("retry-after: 10") && refused.contains("too many connections"), "{refused}");

    let elsewhere = tokio::net::TcpSocket::new_v4()?;
    elsewhere.bind("127.0.0.2:0".parse()?)?;
    let mut elsewhere = elsewhere.connect(address(&server).parse()?).await?.into_std()?;
    elsewhere.set_nonblocking(false)?;
    elsewhere.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    assert!(until_closed(&mut elsewhere).0.starts_with("HTTP/1.1 200"));

    drop(open);
    eventually("there is place again", || {
        agent().get(format!("{}/healthz", server.origin)).call().unwrap().status() == 200
    });
    eventually("and it is counted", || refusals(&server, "connections_per_address") >= 50.0);
    Ok(())
}

#[test]
fn connections_beyond_all_places_are_told_to_come_back() {
    let server = server(&["--max-connections", "10"]);
    let open: Vec<TcpStream> = (0..10).map(|_| connect(&server)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let mut response = agent().get(format!("{}/healthz", server.origin)).call().unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "10");
    assert!(response.body_mut().read_to_string().unwrap().contains("as many connections as it takes"));
    drop(open);
    eventually("there is place again", || {
        agent().get(format!("{}/healthz", server.origin)).call().unwrap().status() == 200
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classroom_behind_one_router_fits_into_the_defaults() -> Result<()> {
    let server = server(&[]);
    // 30 laptops, each with six connections for pages and two tabs.
    let pages: Vec<TcpStream> = (0..30 * 6).map(|_| connect(&server)).collect();
    let mut tabs = Vec::new();
    for _ in 0..30 * 2 {
        tabs.push(RawClient::enter(&server.origin, &server.room, None).await?);
    }
    assert_eq!((pages.len(), tabs.len()), (180, 60));
    assert_eq!(refusals(&server, "connections_per_address"), 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_behind_one_router_loads_its_pages_anew_as_often_as_it_likes() -> Result<()> {
    let server = server(&[]);
    // 30 laptops with two tabs each, all new, and then each tab again and again with the seat that it has.
    let mut seats = Vec::new();
    for _ in 0..30 * 2 {
        seats.push(RawClient::enter(&server.origin, &server.room, None).await?);
    }
    for _ in 0..5 {
        for (tab, welcome) in &mut seats {
            let (again, known) = RawClient::enter(&server.origin, &server.room, Some(welcome.token.clone())).await?;
            assert_eq!(known.token, welcome.token);
            *tab = again;
        }
    }
    // And everyone clears everything and begins as somebody new.
    seats.clear();
    for _ in 0..30 {
        seats.push(RawClient::enter(&server.origin, &server.room, None).await?);
    }
    assert_eq!(refusals(&server, "newcomers"), 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_seats_are_limited_by_address_and_time() -> Result<()> {
    let server = server(&["--max-newcomers-per-minute", "20"]);
    let (_honest, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    // One address joins and leaves again and again, as somebody new each time, with or without a token that nobody was given.
    let (mut seats, mut told) = (0, None);
    let began = Instant::now();
    for number in 0..150_u8 {
        let made_up = (number % 2 == 0).then(|| protocol::Token::from_random(number.into()));
        let mut client = RawClient::open(&server.origin, None).await?;
        client.hello(&server.room, made_up).await?;
        match client.hear().await? {
            Heard::Message(message) => match *message {
                ServerMessage::Welcome { .. } => {
                    seats += 1;
                    client.say(&protocol::ClientMessage::Leave).await?;
                }
                refusal => told = Some(refusal),
            },
            other => panic!("{other:?}"),
        }
    }
    // 60 at once, of which one was the honest client's, and one every three seconds from then on.
    let earned = began.elapsed().as_secs() / 3 + 1;
    assert!((59..=59 + earned).contains(&seats), "{seats} seats");
    let Some(ServerMessage::Error { code: ErrorCode::RoomFull, fatal: false, retry_after_ms: Some(again), .. }) = told
    else {
        panic!("{told:?}")
    };
    assert!((15_000..30_000).contains(&again));
    assert_eq!(refusals(&server, "newcomers"), f64::from(150 - seats as u32));
    // Whoever has a seat is not held up.
    let (_again, known) = RawClient::enter(&server.origin, &server.room, Some(welcome.token.clone())).await?;
    assert_eq!(known.token, welcome.token);
    Ok(())
}

/// The status with which a WebSocket is opened, and the socket where it was.
async fn open_as(server: &Server, forwarded: &str) -> Result<(u16, Option<impl Sized>)> {
    let mut request = format!("{}/ws", server.origin.replacen("http", "ws", 1)).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "chorus.v1".parse()?);
    request.headers_mut().insert("x-forwarded-for", forwarded.parse()?);
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, response)) => Ok((response.status().as_u16(), Some(socket))),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Ok((response.status().as_u16(), None)),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_those_in_front_of_it_are_counted() -> Result<()> {
    let trusting = server(&["--trusted-proxies", "127.0.0.0/8", "--max-connections-per-address", "2"]);
    let mut open = Vec::new();
    for (named, expected) in
        [("192.0.2.7", 101), ("10.9.9.9, 192.0.2.7", 101), ("192.0.2.7", 429), ("192.0.2.8, 127.0.0.9", 101)]
    {
        let (status, socket) = open_as(&trusting, named).await?;
        assert_eq!(status, expected, "{named}");
        open.push(socket);
    }
    // Whoever is not trusted names in vain.
    let wary = server(&["--max-connections-per-address", "3"]);
    let mut open = Vec::new();
    for (named, expected) in [("192.0.2.1", 101), ("192.0.2.2", 101), ("192.0.2.3", 101), ("192.0.2.4", 429)] {
        let (status, socket) = open_as(&wary, named).await?;
        assert_eq!(status, expected, "{named}");
        open.push(socket);
    }
    Ok(())
}

fn make_room(server: &Server, settings: &Value) -> (u16, Option<String>, String) {
    let request = agent().post(format!("{}/api/rooms", server.origin)).content_type("application/json");
    let request = request.header("authorization", format!("Bearer {}", server.host_token));
    let mut response = request.send(settings.to_string()).unwrap();
    let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), retry, response.body_mut().read_to_string().unwrap())
}

#[test]
fn rooms_have_limits_of_number_of_memory_and_of_pace() {
    let again = Some("10".to_owned());
    let few = server(&["--max-rooms", "3"]);
    assert_eq!(make_room(&few, &json!({})).0, 201);
    assert_eq!(make_room(&few, &json!({})).0, 201);
    let (status, retry, said) = make_room(&few, &json!({}));
    assert!((status, &retry) == (503, &again) && said.contains("--max-rooms"), "{status} {said}");
    assert_eq!(refusals(&few, "rooms"), 1.0);

    let slow = server(&["--max-rooms-per-minute", "2"]);
    assert_eq!(make_room(&slow, &json!({})).0, 201, "the first room was made at the start");
    let (status, retry, said) = make_room(&slow, &json!({}));
    assert!((status, &retry) == (429, &again) && said.contains("wait"), "{status} {said}");

    // Two of 416 MB: the model three times and one update.
    let small = server(&["--max-model-memory", "600"]);
    assert_eq!(make_room(&small, &json!({"model": "dense"})).0, 201);
    let (status, retry, said) = make_room(&small, &json!({"model": "dense"}));
    assert!((status, &retry) == (503, &again) && said.contains("--max-model-memory"), "{status} {said}");
    assert_eq!(make_room(&small, &json!({})).0, 201, "a small one still fits");
    assert!(metric(&small, "chorus_room_memory_bytes") > 416e6);
}

#[test]
fn a_hundred_rooms_of_thirty_fit_into_the_defaults() {
    let server = server(&[]);
    for number in 0..100 {
        let (status, _, said) = make_room(&server, &json!({"max_clients": 30, "room_name": format!("Room {number}")}));
        assert_eq!(status, 201, "room {number}: {said}");
    }
    assert_eq!(metric(&server, "chorus_rooms"), 101.0);
}

#[test]
fn nobody_shuts_the_host_out_by_following_rooms() {
    let server = server(&["--max-event-streams", "3", "--max-event-streams-per-address", "2"]);
    let events = format!("{}/api/rooms/{}/events", server.origin, server.room);
    let open: Vec<_> = (0..2).map(|_| agent().get(&events).call().unwrap()).collect();
    assert!(open.iter().all(|stream| stream.status() == 200));
    let mut third = agent().get(&events).call().unwrap();
    assert_eq!(third.status(), 503);
    let said = third.body_mut().read_to_string().unwrap();
    assert!(said.contains("2 boards are open from your address"), "{said}");
    let host = agent().get(format!("{}/api/host", server.origin));
    let host = host.header("authorization", format!("Bearer {}", server.host_token)).call().unwrap();
    let host: Value = serde_json::from_str(&host.into_body().read_to_string().unwrap()).unwrap();
    let watch = host["watch"].as_str().unwrap();
    assert_eq!(agent().get(format!("{events}?watch={watch}")).call().unwrap().status(), 200);
    assert_eq!(agent().get(format!("{events}?watch={}", watch.replace('a', "b") + "c")).call().unwrap().status(), 503);
}

#[test]
fn boards_have_a_limit() {
    let server = server(&["--max-event-streams", "1"]);
    let events = format!("{}/api/rooms/{}/events", server.origin, server.room);
    let first = agent().get(&events).call().unwrap();
    assert_eq!(first.status(), 200);
    let second = agent().get(&events).call().unwrap();
    assert_eq!((second.status().as_u16(), second.headers()["retry-after"].to_str().unwrap()), (503, "10"));
    assert_eq!(metric(&server, "chorus_event_streams"), 1.0);
}
