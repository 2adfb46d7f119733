//! What the running program keeps to itself, and what it survives: its log holds no secret at any level, and a few
//! hundred odd, broken and giant requests leave it as it was.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::Result;
use protocol::{ClientMessage, RefusalReason, Round, ServerMessage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use support::http::{agent, get, post};
use support::raw_client::{OpenRound, RawClient};
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const HOST: &str = "the secret of this host";
const OPERATOR: &str = "the secret of this operator";
const NAME: &str = "Wilhelmina";

async fn one_round(server: &Server) -> Result<Vec<String>> {
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.say(&ClientMessage::Rename { name: NAME.to_owned() }).await?;
    ada.ready(&welcome.room, 20).await?;
    let round = ada.next_round().await?;
    ada.download(round.model, |_| ()).await?;
    let update = ada.same_everywhere(0.5)?;
    let early = OpenRound { round: Round(round.round.0 + 1), ..round.clone() };
    ada.announce(&early, 20, &update).await?;
    ada.wait(|message| matches!(message, ServerMessage::Refused { reason: RefusalReason::Future, .. }).then_some(()))
        .await?;
    ada.update(&round, 20, update).await?;
    ada.wait(|message| matches!(message, ServerMessage::RoundClosed { .. }).then_some(())).await?;
    drop(ada);
    // Back again with its secret, and a stranger with one of nobody.
    let (ada, again) = RawClient::enter(&server.origin, &server.room, Some(welcome.token.clone())).await?;
    drop(ada);
    let stranger = protocol::Token::parse(&"f".repeat(32))?;
    let (_bob, bobs) = RawClient::enter(&server.origin, &server.room, Some(stranger.clone())).await?;
    Ok([welcome.token, again.token, bobs.token, stranger].iter().map(|token| token.secret().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_what_happened_and_holds_no_secret() -> Result<()> {
    // A bare level, and one that asks for all that libraries have to say, frames and headers included.
    for filter in
        ["info", "trace", "trace,hyper=trace,tungstenite=trace,tokio_tungstenite=trace,axum=trace,rustls=trace"]
    {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let arguments =
            ["--host-token", HOST, "--metrics-token", OPERATOR, "--least", "1", "--goal", "1", "--log", filter];
        let server = Server::start_logging(PROGRAM.as_ref(), &arguments, std::fs::File::create(&path)?)?;
        let mut secrets = one_round(&server).await?;
        let wrong = "a secret that opens nothing";
        assert_eq!(get(&server, "/api/host", Some(HOST)).0, 200);
        assert_eq!(get(&server, "/api/host", Some(wrong)).0, 401);
        assert_eq!(get(&server, "/metrics", Some(OPERATOR)).0, 200);
        assert_eq!(post(&server, "/api/rooms", HOST, &json!({"code": "ABCDE"})).0, 201);
        assert_eq!(post(&server, "/api/rooms/ABCDE/command", HOST, &json!({"command": "lock"})).0, 200);
        let delete = agent().delete(format!("{}/api/rooms/ABCDE", server.origin));
        assert_eq!(delete.header("authorization", format!("Bearer {HOST}")).call()?.status(), 204);
        let room = server.room.to_string();
        assert!(server.interrupt()?.success());

        let log = std::fs::read_to_string(&path)?;
        secrets.extend([HOST, OPERATOR, wrong, NAME].map(str::to_owned));
        for secret in &secrets {
            assert!(!log.contains(secret), "{secret:?} with {filter}: {log}");
        }
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = |message: &str| {
            let line = lines.iter().find(|line| line["fields"]["message"] == message);
            line.map(|line| line["fields"].clone()).unwrap_or_else(|| panic!("no {message:?} with {filter}: {log}"))
        };
        let options = said("starting")["options"].as_str().unwrap().to_owned();
        assert!(options.contains("host_token=(hidden)") && options.contains("least=1"), "{options}");
        let closed = said("round closed");
        assert_eq!(
            (&closed["room"], &closed["round"], &closed["clients"], &closed["refused"]),
            (&json!(room), &json!(1), &json!(1), &json!(1))
        );
        assert!(closed["duration_ms"].is_u64());
        assert_eq!(said("round opened")["room"], json!(room));
        let refused = said("update refused");
        assert_eq!((&refused["reason"], &refused["client"]), (&json!("future"), &json!(1)));
        assert_eq!(said("room made")["room"], json!(room));
        assert!(log.contains("ABCDE") && log.contains("deleted"));
        let finer = lines.iter().filter(|line| matches!(line["level"].as_str(), Some("TRACE" | "DEBUG")));
        assert!(finer.clone().all(|line| line["target"].as_str().unwrap().starts_with("chorus")), "{log}");
        assert_eq!(finer.count() > 0, filter != "info", "{log}");
    }
    Ok(())
}

/// Requests that a browser never makes.
fn odd_requests(room: &str, token: &str) -> Vec<Vec<u8>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    let header = |line: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\nConnection: close\r\n\r\n").into_bytes();
    let send = |path: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let long = "a".repeat(10_000);
    let mut odd: Vec<Vec<u8>> = [
        "/..%2f..%2f..%2fetc/passwd",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/room/..",
        "//etc/passwd",
        "/%00",
        "/room/%00",
        "/js/%00.js",
        "/%ff%fe",
        "/\\..\\..\\windows",
        "/room/%",
        "/%zz",
        "/?",
        "/#",
        "*",
        "x",
        "",
        "http://elsewhere/",
        "/api/rooms/%2e%2e/command",
        "/api/rooms//command",
        "/api/rooms/%0d%0aX:%20y",
        "/index.html.br",
        "/api/rooms/ABCDE/../../host",
        "/ws",
        "/ws?a=b",
        "/.git/config",
        "/%F0%9F%98%80",
        "/api/rooms/\u{e9}",
    ]
    .into_iter()
    .map(get)
    .collect();
    odd.extend([format!("/{long}"), format!("/api/rooms/{long}"), format!("/?{long}")].iter().map(|path| get(path)));
    odd.extend([get(&format!("/{}", "%2f..".repeat(2000))), get(&format!("/api/rooms/{room}/{long}"))]);
    for line in [
        "Host: y",
        "Host: x; script-src *",
        "Host:",
        "X\0: y",
        "X: a\0b",
        " folded: y",
        "X : y",
        "Content-Length: -1",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Upgrade: websocket",
        "Upgrade: h2c\r\nHTTP2-Settings: AAAA",
        "Expect: 100-continue",
        "Range: bytes=0-,5-,9-",
        "If-None-Match: *",
        "Accept-Encoding: br;q=NaN, gzip;q=1e999",
        "Authorization: Bearer",
        "Authorization: Bearer \u{e9}",
        "Cookie: a=b",
        "X-Forwarded-For: 1.1.1.1, ,,,",
        "Origin: null",
        "Connection: upgrade, keep-alive, close",
    ] {
        odd.push(header(line));
    }
    odd.push(header(&format!("X: {long}{long}{long}{long}")));
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    odd.push(header(many.trim_end()));
    odd.push(header(&format!("Authorization: Bearer {long}")));
    odd.push(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\n\r\n"
            .to_vec(),
    );
    let command = format!("/api/rooms/{room}/command");
    for path in ["/api/rooms", command.as_str()] {
        let nested = |open: &str, close: &str, times: usize| [open.repeat(times), close.repeat(times)].concat();
        for body in [
            nested("[", "]", 8_000),
            nested("{\"a\":", "}", 2_000),
            "[".repeat(16_000),
            "{\"a\":".repeat(3_000),
            nested("{\"strategy\":", "}", 1_000),
            String::new(),
            "null".into(),
            "0".into(),
            "\"\"".into(),
            "[]".into(),
            "{".into(),
            format!("{{\"room_name\": \"{long}\"}}"),
            format!("{{\"rounds\": {}}}", "9".repeat(5_000)),
            "{\"rounds\": 1e999}".into(),
            "{\"rounds\": -1}".into(),
            "{\"learning_rate\": 1e-320}".into(),
            "{\"labels\": [\"a\", \"a\"]}".into(),
            format!("{{\"labels\": [{}\"x\"]}}", "\"x\",".repeat(3_000)),
            "{\"max_clients\": 4294967295}".into(),
            "{\"code\": \"../..\"}".into(),
            "{\"room_name\": \"\\u0000\"}".into(),
            "{\"room_name\": \"\\ud800\"}".into(),
            "{\"command\": \"remove\", \"client\": 18446744073709551615}".into(),
            "{\"command\": \"restart\", \"version\": 4294967295}".into(),
            "{\"command\": \"rename\", \"name\": \"\u{202e}\"}".into(),
            "{\"model\": \"dense\", \"model\": \"conv\"}".into(),
            "x".repeat(100_000),
        ] {
            odd.push(send(path, body.as_bytes()));
        }
        odd.push(send(path, &[0xff; 2_000]));
        odd.push(send(path, &[0; 2_000]));
    }
    odd.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\xff\xff\xff\xff".to_vec());
    odd.push(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03hello over TLS".to_vec());
    odd.push(b"GET /\r\n\r\n".to_vec());
    odd.push(b"GET / HTTP/9.9\r\n\r\n".to_vec());
    odd.push(vec![b'\n'; 5_000]);
    odd
}

/// WebSocket frames after the handshake: not masked, of no kind, of impossible lengths, and messages that are none.
fn odd_frames(room: &str) -> Vec<Vec<u8>> {
    let masked = |first: u8, payload: &[u8]| {
        let mut frame = vec![first];
        match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
            Some(length) => frame.push(0x80 | length),
            None => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        frame
    };
    let hello = json!({"type": "hello", "protocol": 1, "room": room, "software": "odd"}).to_string();
    let greeted = |frame: Vec<u8>| [masked(0x81, hello.as_bytes()), frame].concat();
    let mut odd = Vec::new();
    for text in [
        "[".repeat(60_000),
        "{\"type\":".repeat(8_000),
        "{\"type\":\"ready\",\"examples\":1e308,\"labels\":[]}".to_owned(),
        format!("{{\"type\":\"statistics\",\"frames\":1,\"sum\":[{}0],\"sum_squares\":[]}}", "0,".repeat(30_000)),
        "{\"type\":\"hello\",\"protocol\":1,\"room\":\"KMPXZ\",\"software\":\"\\u0000\"}".to_owned(),
        "null".to_owned(),
        String::new(),
        "{\"type\":\"download\",\"transfer\":4294967296}".to_owned(),
        "{\"type\":\"rename\",\"name\":\"\u{200b}\"}".to_owned(),
    ] {
        odd.push(masked(0x81, text.as_bytes()));
        odd.push(greeted(masked(0x81, text.as_bytes())));
    }
    for frame in [
        masked(0x82, &[]),
        masked(0x82, &[0; 7]),
        masked(0x82, &[255; 8]),
        masked(0x82, &[255; 5_000]),
        masked(0x82, &vec![0; 300_000]),
        masked(0x81, &[0xff, 0xfe]),
        masked(0x80, b"goes on from nothing"),
        masked(0x83, b"no kind"),
        masked(0xf1, b"reserved bits"),
        masked(0x89, &[0; 200]),
        masked(0x88, &[0]),
        masked(0x88, &[0x03, 0xe7]),
        vec![0x81, 5, b'h', b'e', b'l', b'l', b'o'],
        [&[0x82, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat(),
        [&[0x82, 0xff][..], &(1u64 << 40).to_be_bytes(), &[0; 4]].concat(),
        masked(0x01, b"a part").repeat(3_000),
        masked(0x89, b"ping").repeat(500),
    ] {
        odd.push(frame.clone());
        odd.push(greeted(frame));
    }
    let handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chorus.v1\r\n\r\n";
    odd.into_iter().map(|frames| [handshake.as_bytes(), &frames].concat()).collect()
}

/// The same with some bytes changed, left out or said again.
fn damaged(request: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = request.to_vec();
    let mut below = |most: usize| (random.next_u64() % most.max(1) as u64) as usize;
    for _ in 0..1 + below(8) {
        // The head, where things are decided, more often than the rest.
        let reach = if below(2) == 0 { bytes.len().min(120) } else { bytes.len() };
        let at = below(reach);
        match below(3) {
            0 if at < bytes.len() => bytes[at] = below(256) as u8,
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => {
                let piece = bytes[at.min(bytes.len())..bytes.len().min(at + 1 + below(40))].to_vec();
                bytes.splice(at.min(bytes.len())..at.min(bytes.len()), piece);
            }
        }
    }
    bytes
}

/// What is answered, as far as anything is.
fn answer(server: &Server, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.origin.replace("http://localhost", "127.0.0.1")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The server may close before it has read it all.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn resident(server: &Server) -> f64 {
    let (_, text) = get(server, "/metrics", Some(HOST));
    text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_odd_requests_leave_the_server_as_it_was() -> Result<()> {
    let limits = ["--request-timeout", "2", "--idle-timeout", "2", "--max-rooms", "20", "--max-model-memory", "300"];
    let arguments =
        [&["--host-token", HOST, "--least", "1", "--goal", "1", "--rounds", "3", "--log", "error"][..], &limits]
            .concat();
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let server = Server::start_logging(PROGRAM.as_ref(), &arguments, std::fs::File::create(&log)?)?;
    one_round(&server).await?;
    let before = resident(&server);
    let room = server.room.to_string();
    let whole: Vec<Vec<u8>> = odd_requests(&room, HOST).into_iter().chain(odd_frames(&room)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let mut cases = whole.clone();
    cases.extend(whole.iter().cycle().take(400).map(|request| damaged(request, &mut random)));
    assert!(cases.len() > 550, "{}", cases.len());
    let cases = std::sync::Arc::new(cases);
    let server = std::sync::Arc::new(server);
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let (cases, server) = (cases.clone(), server.clone());
            std::thread::spawn(move || {
                for case in cases.iter().skip(worker).step_by(16) {
                    let answer = answer(&server, case);
                    let shown = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
                    let asked = String::from_utf8_lossy(&case[..case.len().min(300)]).into_owned();
                    assert!(!shown.starts_with("HTTP/1.1 500"), "{asked:?} was answered with {shown}");
                    let text = String::from_utf8_lossy(&answer);
                    assert!(!text.contains("root:x:"), "{asked:?}: {text}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    // It still does all that it did, in no more memory than a few small rooms and buffers take.
    one_round(&server).await?;
    assert_eq!(get(&server, "/healthz", None).0, 200);
    assert_eq!(get(&server, "/readyz", None).0, 200);
    let after = resident(&server);
    assert!(after - before < 100e6, "{before} bytes before, {after} after");
    let (_, text) = get(&server, "/metrics", Some(HOST));
    let open =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse::<f64>().unwrap();
    assert!(open("chorus_connections ") < 40.0, "{text}");
    // A task that panics takes nothing down with it, and would go unseen.
    let log = std::fs::read_to_string(&log)?;
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}
