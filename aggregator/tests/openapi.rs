//! Whether docs/openapi.json tells the truth about the running program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};

use anyhow::Result;
use protocol::{Aggregation, Choice, ClientMessage, Evaluation, ModelVersion, ServerMessage, Strategy};
use serde_json::{Value, json};
use support::http::agent;
use support::raw_client::RawClient;
use support::server::Server;
use ureq::http::Request;

fn server(arguments: &[&str]) -> Server {
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), arguments).unwrap()
}

fn description() -> Value {
    serde_json::from_str(&std::fs::read_to_string("../docs/openapi.json").unwrap()).unwrap()
}

/// What of JSON Schema the description uses. Besides, a key that is not described is an error.
fn check(all: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = all.pointer(name.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("no {name}"));
        return check(all, schema, value, at);
    }
    for any in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[any].as_array() {
            let tried: Vec<_> = choices.iter().map(|schema| check(all, schema, value, at)).collect();
            return if tried.iter().any(Vec::is_empty) { Vec::new() } else { tried.concat() };
        }
    }
    let mut wrong = Vec::new();
    let allowed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    let same = schema.get("const").is_none_or(|only| only == value);
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    };
    let typed = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    };
    if !allowed || !same || !typed || schema["minimum"].as_f64() > value.as_f64().or(Some(f64::INFINITY)) {
        wrong.push(format!("{at}: {value} is not {schema}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(check(all, &schema["items"], item, &format!("{at}[{index}]")));
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in object {
            match properties.get(name) {
                Some(schema) => wrong.extend(check(all, schema, value, &format!("{at}.{name}"))),
                None => wrong.push(format!("{at}: {name} is not described")),
            }
        }
    }
    wrong
}

/// Asks, and holds the answer against the description.
fn ask(server: &Server, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
    let address = path.replace("{code}", server.room.as_str());
    let request = Request::builder().method(method).uri(format!("{}{address}", server.origin));
    let request = request.header("authorization", format!("Bearer {}", server.host_token));
    let mut response = match body {
        Some(body) => {
            agent().run(request.header("content-type", "application/json").body(body.to_string()).unwrap()).unwrap()
        }
        None => agent().run(request.body(()).unwrap()).unwrap(),
    };
    let status = response.status().as_u16();
    let all = description();
    let described = &all["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
    assert!(described.is_object(), "{method} {path}: {status} is not described");
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap().to_owned();
    let bytes = response.body_mut().read_to_vec().unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match described["content"].as_object() {
        None => assert!(bytes.is_empty(), "{method} {path}: {text}"),
        Some(content) => {
            let schema = content.get(&kind).unwrap_or_else(|| panic!("{method} {path}: {kind} is not described"));
            if kind == "application/json" {
                let value = serde_json::from_str(&text).unwrap();
                let wrong = check(&all, &schema["schema"], &value, "answer");
                assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}");
            }
        }
    }
    (status, text)
}

#[test]
fn every_address_takes_the_methods_that_are_described() {
    let server = server(&[]);
    for (path, operations) in description()["paths"].as_object().unwrap() {
        let address = path.replace("{code}", server.room.as_str());
        let request = Request::builder().method("PATCH").uri(format!("{}{address}", server.origin));
        let response = agent().run(request.body(()).unwrap()).unwrap();
        assert_eq!(response.status(), 405, "{path}");
        let allowed = response.headers()["allow"].to_str().unwrap().to_lowercase();
        let allowed: BTreeSet<&str> = allowed.split(',').filter(|method| *method != "head").collect();
        let described: BTreeSet<&str> = operations.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, allowed, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_shape_that_is_described() -> Result<()> {
    let server = server(&["--rounds", "1"]);
    let codes = |method: &str, path: &str| ask(&server, method, path, None).0;
    assert_eq!(codes("GET", "/api/rooms/{code}/model.onnx"), 409);
    assert_eq!(codes("GET", "/api/rooms/{code}/model.json"), 200);
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    let (mut bob, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    bob.ready(&welcome.room, 20).await?;
    let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
    // In the middle of a round, with clients of all kinds of fields.
    assert_eq!(codes("GET", "/api/rooms/{code}"), 200);
    let update = ada.same_everywhere(0.5)?;
    ada.update(&for_ada, 20, update.clone()).await?;
    assert_eq!(codes("GET", "/api/rooms/{code}/held"), 200);
    bob.update(&for_bob, 20, update).await?;
    ada.wait(|message| matches!(message, ServerMessage::Finished { .. }).then_some(())).await?;
    let mut confusion = vec![vec![0; 4]; 4];
    confusion[0][0] = 2;
    let evaluation = Evaluation { examples: 2, loss: 0.5, accuracy: 1.0, confusion };
    let (group, by_group) = (None, None);
    ada.say(&ClientMessage::Evaluation { model_version: ModelVersion(1), evaluation, group, by_group }).await?;
    ada.wait(|message| match message {
        ServerMessage::Status(status) => status.final_evaluation.map(|_| ()),
        _ => None,
    })
    .await?;

    for path in [
        "/api/rooms/{code}",
        "/api/rooms/{code}/history",
        "/api/rooms/{code}/results.json",
        "/api/rooms/{code}/session.json",
        "/api/rooms/{code}/results.csv",
        "/api/rooms/{code}/qr.svg",
        "/api/rooms/{code}/model.safetensors",
        "/api/rooms/{code}/model.onnx",
        "/api/rooms/{code}/model.json",
        "/api/host",
        "/healthz",
        "/health",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
    ] {
        assert_eq!(codes("GET", path), 200, "{path}");
    }
    assert!(ask(&server, "GET", "/api/rooms/{code}", None).1.contains("agreement"), "the fullest of answers");
    assert_eq!(serde_json::from_str::<Value>(&ask(&server, "GET", "/api/openapi.json", None).1)?, description());

    let events = agent().get(format!("{}/api/rooms/{}/events", server.origin, server.room)).call()?;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut line = String::new();
    BufReader::new(events.into_body().into_reader()).read_line(&mut line)?;
    assert_eq!(line, "event: room\n");

    let post = |path: &str, body: Value| ask(&server, "POST", path, Some(&body)).0;
    assert_eq!(post("/api/rooms", json!({"code": "ABCDE", "strategy": {"name": "fedprox", "mu": 0.5}})), 201);
    assert_eq!(post("/api/rooms", json!({"code": "ABCDE"})), 409);
    assert_eq!(post("/api/rooms/preview", json!({"epsilon": 8, "clip": 0.01})), 200);
    assert_eq!(post("/api/rooms/preview", json!({"epsilon": 8})), 422);
    assert_eq!(post("/api/rooms", json!({"rounds": 0})), 422);
    assert_eq!(post("/api/rooms", json!({"room_name": "x".repeat(20_000)})), 413);
    assert_eq!(post("/api/rooms/{code}/command", json!({"command": "lock"})), 200);
    assert_eq!(post("/api/rooms/{code}/command", json!({"command": "next_round"})), 409);
    assert_eq!(post("/api/rooms/{code}/command", json!({"command": "explode"})), 422);
    assert_eq!(codes("DELETE", "/api/rooms/{code}"), 204);
    assert_eq!(codes("GET", "/api/rooms/{code}"), 404);
    Ok(())
}

/// The settings that may be chosen are those that are described: the program takes each alone, and no other.
#[test]
fn a_new_room_may_have_the_settings_that_are_described() {
    let server = server(&[]);
    let described = description()["components"]["schemas"]["NewRoom"]["properties"].clone();
    for name in described.as_object().unwrap().keys() {
        // No setting takes an object of this kind, and each says so under its own name or kind; an unknown one would be called so.
        let (status, said) = ask(&server, "POST", "/api/rooms", Some(&json!({ name: {"x": []} })));
        assert!(status == 422 && !said.contains("unknown field"), "{name}: {status} {said}");
    }
    let (status, said) = ask(&server, "POST", "/api/rooms", Some(&json!({"x": 1})));
    assert!(status == 422 && said.contains("unknown field"), "{said}");
    for name in described.as_object().unwrap().keys() {
        assert!(said.contains(&format!("`{name}`")), "{name} in {said}");
    }
    assert_eq!(said.matches('`').count() / 2, described.as_object().unwrap().len() + 1, "no more than these: {said}");
}

/// A table of names and settings is described as it is: in rooms, and where a new room chooses from it.
fn describes<T: Choice>(schema: &str) {
    let all = &description()["components"]["schemas"];
    let names = |described: &Value| -> Vec<String> {
        described["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let properties = &all[schema]["properties"];
    assert_eq!(names(&properties["name"]), T::NAMES);
    assert_eq!(names(&all["NewRoom"]["properties"][T::WHAT]["anyOf"][0]), T::NAMES);
    let settings: BTreeSet<&str> =
        T::ALL.iter().flat_map(|choice| choice.settings()).map(|setting| setting.name).chain(["name"]).collect();
    let described: BTreeSet<&str> = properties.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, settings, "{schema}");
}

#[test]
fn every_strategy_and_aggregation_is_described() {
    describes::<Strategy>("Strategy");
    describes::<Aggregation>("Aggregation");
}
