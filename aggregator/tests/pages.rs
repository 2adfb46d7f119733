//! The embedded pages and the HTTP API as a browser sees them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::server::Server;
use ureq::http::Response;
use ureq::{Agent, Body};

fn server(arguments: &[&str]) -> Server {
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), arguments).unwrap()
}

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).accept_encoding("identity").build().into()
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn json_of(response: &mut Response<Body>) -> Value {
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn health_and_strict_headers() {
    let server = server(&[]);
    let mut response = agent().get(format!("{}/health", server.origin)).call().unwrap();
    assert_eq!(response.status(), 200);
    let policy = header(&response, "content-security-policy");
    assert!(policy.contains("default-src 'self'") && policy.contains("'wasm-unsafe-eval'"), "{policy}");
    let host = server.origin.trim_start_matches("http://");
    assert!(policy.contains(&format!("ws://{host}")), "{policy}");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert_eq!(header(&response, "cross-origin-opener-policy"), "same-origin");
    assert!(header(&response, "permissions-policy").contains("microphone=(self)"));
    assert_eq!(json_of(&mut response), json!({ "status": "ok" }));
}

/// Needs a bundle; without one the page must say how to make it.
#[test]
fn a_page_comes_compressed_and_only_once() {
    let server = server(&[]);
    let page = format!("{}/room/{}", server.origin, server.room);
    let bundled = std::path::Path::new("../bundle/room.html").exists();
    if !bundled {
        let mut response = agent().get(&page).call().unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.body_mut().read_to_string().unwrap().contains("cargo xtask bundle"));
        eprintln!("NOT TESTED: compression and caching of pages, because bundle/ is empty (run `cargo xtask bundle`)");
        return;
    }
    let response = agent().get(&page).header("accept-encoding", "gzip, br").call().unwrap();
    assert_eq!(header(&response, "content-encoding"), "br");
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let tag = header(&response, "etag").to_owned();

    let again = agent().get(&page).header("accept-encoding", "gzip, br").header("if-none-match", &tag).call().unwrap();
    assert_eq!(again.status(), 304);
    let gzip = agent().get(&page).header("accept-encoding", "gzip").call().unwrap();
    assert_eq!(header(&gzip, "content-encoding"), "gzip");
    let plain = agent().get(&page).header("accept-encoding", "identity").call().unwrap();
    assert_eq!(header(&plain, "content-encoding"), "");

    let wasm = agent().get(format!("{}/pkg/client_bg.wasm", server.origin)).call().unwrap();
    assert_eq!(header(&wasm, "content-type"), "application/wasm");
}

#[test]
fn an_unknown_page_or_room_is_404_in_words() {
    let server = server(&[]);
    let cases = [
        ("/nothing", "There is no page /nothing"),
        ("/../Cargo.toml", "There is no page"),
        ("/pkg/client_bg.wasm.br", "There is no page"),
        ("/api/rooms/ZZZZZ", "there is no room"),
        ("/api/rooms/no-code", "there is no room"),
        ("/api/rooms/ZZZZZ/history", "there is no room"),
        ("/api/rooms/ZZZZZ/model.safetensors", "there is no room"),
        ("/api/rooms/ZZZZZ/model.onnx", "there is no room"),
        ("/api/rooms/ZZZZZ/model.json", "there is no room"),
    ];
    for (path, words) in cases {
        let mut response = agent().get(format!("{}{path}", server.origin)).call().unwrap();
        assert_eq!(response.status(), 404, "{path}");
        let text = response.body_mut().read_to_string().unwrap();
        assert!(text.contains(words), "{path}: {text}");
    }
}

#[test]
fn a_room_and_its_model_can_be_fetched() {
    let server = server(&["--labels", "calm,cross", "--room-name", "Room 7", "--seed", "5", "--encoding", "f32"]);
    let room = format!("{}/api/rooms/{}", server.origin, server.room);
    let said = json_of(&mut agent().get(&room).call().unwrap());
    assert_eq!(said["room"]["name"], "Room 7");
    assert_eq!(said["status"]["phase"], "lobby");
    assert_eq!(said["history"], json!([]));

    let mut response = agent().get(format!("{room}/model.safetensors")).call().unwrap();
    let announced: usize = header(&response, "content-length").parse().unwrap();
    let file = response.body_mut().read_to_vec().unwrap();
    assert_eq!(file.len(), announced);
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let layout = models::Architecture::Compact.layout(2);
    let initial = models::initial_parameters(models::Architecture::Compact, 2, 5);
    for spec in &layout.tensors {
        let tensor = tensors.tensor(&spec.name).unwrap();
        assert_eq!(tensor.shape(), spec.shape);
        let numbers: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(numbers, initial[spec.offset..spec.offset + numbers.len()], "{}", spec.name);
    }
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["labels"], r#"["calm","cross"]"#);

    let beside = json_of(&mut agent().get(format!("{room}/model.json")).call().unwrap());
    assert_eq!((&beside["labels"], &beside["max_frames"]), (&json!(["calm", "cross"]), &json!(100)));
    assert_eq!(beside.get("mean"), None, "not known yet");

    // Its statistics, which this file cannot do without, are not known before the first round.
    let mut response = agent().get(format!("{room}/model.onnx")).call().unwrap();
    assert_eq!(response.status(), 409);
    assert!(response.body_mut().read_to_string().unwrap().contains("after the first round"));
}

#[test]
fn more_rooms_need_the_host_token() {
    let server = server(&["--host-token", "a secret of the host"]);
    let rooms = format!("{}/api/rooms", server.origin);
    let post = |settings: &Value, token: Option<&str>| {
        let mut request = agent().post(&rooms).content_type("application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.send(settings.to_string()).unwrap()
    };
    let settings = json!({ "code": "KMPXZ", "model": "conv", "rounds": 3 });
    assert_eq!(post(&settings, None).status(), 401);
    assert_eq!(post(&settings, Some("a secret of nobody")).status(), 401);

    let make = |settings: &Value| post(settings, Some("a secret of the host"));
    assert_eq!(make(&settings).status(), 201);
    assert_eq!(make(&settings).status(), 409, "the code is taken");
    assert_eq!(make(&json!({ "rounds": 0 })).status(), 422);
    assert_eq!(make(&json!({ "round": 1 })).status(), 422, "a name that no setting has");
    let said = json_of(&mut agent().get(format!("{rooms}/kmpxz")).call().unwrap());
    assert_eq!(said["room"]["architecture"], "conv");
    assert_eq!(said["room"]["parameters"], 1_832_004);
}
