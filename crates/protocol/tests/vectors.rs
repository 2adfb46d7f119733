//! The repository's `tests/vectors/v1/` is the protocol as bytes: what travels, what it means, and what is refused and how. This file holds
//! it to the code, `tests/reference/client/vectors.py` to a client that shares none of it. The files are made once,
//!
//! ```text
//! CHORUS_WRITE_VECTORS=1 cargo test -p protocol --test vectors
//! ```
//!
//! and stay as they are from then on: other people's clients read version 1 as it is today. New kinds of message are added.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod samples;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::{Value, json};

use protocol::limits::{MAX_CHUNK_PAYLOAD, MAX_CLIENT_TEXT_BYTES, MAX_SERVER_TEXT_BYTES};
use protocol::{
    Assembly, AssemblyError, Augmentation, Checksum, Chunk, ClientMessage, ClientState, Encoding, ErrorCode,
    FinalModel, Modalities, Normalisation, Optimiser, Phase, ProtocolError, RefusalReason, ServerMessage, Stragglers,
    Transfer, TransferId, chunks, parse_client, parse_server,
};
use samples::{client_messages, server_messages};

/// The same with the fields of all objects in the order of the alphabet, however serde_json was built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().collect();
            fields.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Compares a file with what the code makes of it, or writes it.
fn hold(file: &str, vectors: &Value) {
    let path = PathBuf::from("../../tests/vectors/v1").join(file);
    let text = serde_json::to_string_pretty(&sorted(vectors.clone())).unwrap() + "\n";
    if std::env::var_os("CHORUS_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(held == text, "{} is not what this version makes: what travels has changed", path.display());
}

fn read(file: &str) -> Vec<Value> {
    let path = PathBuf::from("../../tests/vectors/v1").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The name of an enum's variant as its `Debug` begins, in snake_case.
fn kind(error: &impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as the files have them: in hexadecimal, with a long run of zeros counted.
fn spelt(bytes: &[u8]) -> Value {
    let (mut longest, mut first) = (0..0, 0);
    for (index, byte) in bytes.iter().chain([&1]).enumerate() {
        if *byte != 0 {
            if index - first > longest.len() {
                longest = first..index;
            }
            first = index + 1;
        }
    }
    if longest.len() < 16 {
        return json!({"hex": hex(bytes)});
    }
    let (before, after) = (hex(&bytes[..longest.start]), hex(&bytes[longest.end..]));
    json!({"hex": before, "zeros": longest.len(), "then": after})
}

// Text frames.

/// The name of a message, its text as it travels, and (for a bad one) blanks behind it up to so many bytes.
type Texts = Vec<(&'static str, String, usize)>;

fn texts<Message: Serialize>(messages: &[Message]) -> Vec<(String, String)> {
    let named = |message| {
        let text = serde_json::to_string(message).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        (value["type"].as_str().unwrap().to_owned(), text)
    };
    messages.iter().map(named).collect()
}

/// A message with some fields taken out or changed: `null` takes one out.
fn changed(messages: &[(String, String)], kind: &str, changes: &Value) -> String {
    let (_, text) = messages.iter().find(|(name, _)| name == kind).unwrap();
    let mut value: Value = serde_json::from_str(text).unwrap();
    for (pointer, new) in changes.as_object().unwrap() {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap();
        match (parent, field.parse::<usize>()) {
            (Value::Array(values), Ok(index)) => values[index] = new.clone(),
            (Value::Object(fields), _) if new.is_null() => drop(fields.remove(field)),
            (Value::Object(fields), _) => drop(fields.insert(field.to_owned(), new.clone())),
            (other, _) => panic!("{pointer} leads to {other}"),
        }
    }
    sorted(value).to_string()
}

/// What the good ones of a direction are: each message with all of its fields, and more of some.
fn good<Message: Serialize + DeserializeOwned>(messages: &[Message], more: &[(&str, &str, Value)]) -> Value {
    let full = texts(messages);
    let mut vectors: Vec<Value> = full.iter().map(|(name, text)| json!({"name": name, "text": text})).collect();
    for (name, kind, changes) in more {
        // Through the type, so that its fields stand in the order in which the program writes them.
        let message: Message = serde_json::from_str(&changed(&full, kind, changes)).unwrap();
        let text = serde_json::to_string(&message).unwrap();
        vectors.push(json!({"name": format!("{kind}: {name}"), "text": text}));
    }
    vectors.into()
}

fn bad<Message>(texts: Texts, parse: fn(&str) -> Result<Message, ProtocolError>) -> Value {
    let vector = |(name, mut text, length): (&str, String, usize)| {
        let mut vector = json!({"name": name, "text": text});
        if length > 0 {
            vector["padded_to"] = length.into();
            text.extend(std::iter::repeat_n(' ', length - text.len()));
        }
        let error = parse(&text).err().unwrap_or_else(|| panic!("{name} is taken"));
        vector["error"] = kind(&error).into();
        if let ProtocolError::Invalid { field, .. } = &error {
            vector["field"] = (*field).into();
        }
        vector["says"] = error.to_string().into();
        vector
    };
    texts.into_iter().map(vector).collect()
}

#[test]
fn every_good_client_message_is_held() {
    let more = [
        ("of a first visit", "hello", json!({"/token": null, "/name": null})),
        ("of one who understands changes", "hello", json!({"/status_changes": true})),
        ("done", "recording", json!({"/on": false})),
        ("training diverged", "pause", json!({"/diverged": true})),
        ("of zeros", "ready", json!({"/labels": [3, 0]})),
        ("with the time of a step", "ready", json!({"/step_ms": 40})),
        ("in a masked room", "ready", json!({"/labels": []})),
        ("nothing held back", "update", json!({"/evaluation": null})),
        ("in half precision", "update", json!({"/update/encoding": "f16", "/update/bytes": 200})),
        ("of somebody in a group", "evaluation", json!({"/group": 1})),
        (
            "of an edge, by group",
            "evaluation",
            json!({"/by_group": {"groups": [{"clients": 2, "examples": 3, "confusion": [[1, 0], [0, 2]]},
                {"clients": 0, "examples": 0, "confusion": [[0, 0], [0, 0]]}], "others": 1}}),
        ),
    ];
    hold("client.json", &good(&client_messages(), &more));
    for vector in read("client.json") {
        let message = parse_client(vector["text"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), vector["text"].as_str().unwrap());
    }
}

#[test]
fn every_good_server_message_is_held() {
    let strategy = |strategy: Value| json!({"/room/strategy": strategy, "/room/training/optimiser": "sgd"});
    let aggregation = |aggregation: Value| json!({"/room/aggregation": aggregation, "/room/least": 8});
    let more = [
        ("of a first visit", "welcome", json!({"/accepted": null})),
        ("fatal", "error", json!({"/code": "removed", "/fatal": true, "/retry_after_ms": null})),
        (
            "a lobby with nobody in it",
            "status",
            json!({"/phase": "lobby", "/paused": false, "/bytes_up": 0, "/deadline_ms": null, "/clients": []}),
        ),
        (
            "locked, held and finished",
            "status",
            json!({"/phase": "finished", "/locked": true, "/held": true, "/bytes_down": 9_000_000_000_u64, "/final_evaluation":
                {"examples": 4, "loss": 1.25, "accuracy": 0.75, "confusion": [[1, 1], [0, 2]]}}),
        ),
        ("nobody held anything back", "round_closed", json!({"/record/evaluation": null})),
        ("of no update", "refused", json!({"/round": null, "/reason": "unannounced"})),
        ("of a round", "round_abandoned", json!({"/round": 3, "/received": 1})),
        ("in half precision", "round", json!({"/model/encoding": "f16", "/model/bytes": 200})),
        ("fedavg", "settings", strategy(json!({"name": "fedavg", "server_learning_rate": 0.5}))),
        ("fedavgm", "settings", strategy(json!({"name": "fedavgm", "server_learning_rate": 1.0, "momentum": 0.9}))),
        ("fedadagrad", "settings", strategy(json!({"name": "fedadagrad", "server_learning_rate": 0.01, "tau": 0.001}))),
        (
            "fedadam",
            "settings",
            strategy(
                json!({"name": "fedadam", "server_learning_rate": 0.003, "beta_1": 0.9, "beta_2": 0.99, "tau": 0.001}),
            ),
        ),
        (
            "fedyogi",
            "settings",
            strategy(
                json!({"name": "fedyogi", "server_learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "tau": 0.001}),
            ),
        ),
        ("fedprox", "settings", strategy(json!({"name": "fedprox", "mu": 0.01}))),
        ("scaffold", "settings", strategy(json!({"name": "scaffold", "server_learning_rate": 1.0}))),
        ("fednova", "settings", strategy(json!({"name": "fednova"}))),
        ("median", "settings", aggregation(json!({"name": "median"}))),
        ("trimmed_mean", "settings", aggregation(json!({"name": "trimmed_mean", "trim": 0.2}))),
        ("krum", "settings", aggregation(json!({"name": "krum", "faulty": 2}))),
        ("multi_krum", "settings", aggregation(json!({"name": "multi_krum", "faulty": 2, "chosen": 3}))),
        ("clipping", "settings", aggregation(json!({"name": "clipping", "norm": 2.5}))),
        ("clipping at the median", "settings", aggregation(json!({"name": "clipping"}))),
        (
            "some are asked",
            "settings",
            json!({"/room/selection": {"by": "number", "clients": 3, "over_selection": 1.5}}),
        ),
        (
            "a share is asked",
            "settings",
            json!({"/room/selection": {"by": "share", "share": 0.5, "over_selection": 1.0}}),
        ),
        (
            "nobody waits",
            "settings",
            json!({"/room/pace": {"name": "asynchronous", "buffer": 4, "staleness_exponent": 0.5, "most_stale": 5}}),
        ),
        ("training diverged", "status", json!({"/clients/0/diverged": true})),
        ("in a masked room", "round", json!({"/attempt": 7})),
        (
            "in a masked room",
            "statistics_request",
            json!({"/masked": {"round": 1, "attempt": 7, "scale": {"mean": [0.5, -1.0], "deviation": [1.0, 2.0]}}}),
        ),
        (
            "masked",
            "settings",
            json!({"/room/least": 3, "/room/masking": {"server": "active", "encoding": "masked32", "clip": 1.0}}),
        ),
        (
            "with noise",
            "settings",
            json!({"/room/noise": {"clip": 0.5, "multiplier": 2.5, "clients": 100, "epsilon": 8.0, "delta": 1.0e-5}}),
        ),
        (
            "a privacy budget",
            "status",
            json!({"/budget": {"published": 3, "left": 17, "epsilon": 2.5, "best_guess": 0.625, "best_guess_at_end": 0.75,
                "clients": 100, "clients_needed": 1_141}}),
        ),
        (
            "masked in fewer bits",
            "settings",
            json!({"/room/least": 3, "/room/masking": {"server": "curious", "encoding": "masked16", "clip": 0.5}}),
        ),
        (
            "as a difference to zeros",
            "round",
            json!({"/difference": {"id": 2_147_483_648_u32, "bytes": 248, "encoding": "q8", "checksum": "0badcafe"}}),
        ),
        (
            "as a difference",
            "finished",
            json!({"/difference": {"from": 19, "id": 2_147_483_668_u32, "bytes": 124, "encoding": "q4", "checksum": "0badcafe"}}),
        ),
        ("with the sum of everyone's evaluations", "finished", json!({"/attempt": 7})),
        ("slow laptops do fewer steps", "settings", json!({"/room/stragglers": "fewer_steps"})),
        ("heard by their own scales", "settings", json!({"/room/normalisation": "own"})),
        ("ends with the mean of its models", "settings", json!({"/room/final_model": "mean"})),
        (
            "only what is said is looked at",
            "settings",
            json!({"/room/architecture": "compact-text", "/room/modalities": "text"}),
        ),
        (
            "signs and prompts of the class",
            "settings",
            json!({"/room/signs": ["Ä", "bird"], "/room/prompts": [["Say “ä” as in “Bär”.", "Sing it"], []]}),
        ),
        ("groups of the class", "settings", json!({"/room/groups": ["German at home", "another language"]})),
        (
            "by group, one of them too small",
            "status",
            json!({"/phase": "finished", "/final_evaluation":
                {"examples": 9, "loss": 1.25, "accuracy": 0.75, "confusion": [[4, 1], [1, 3]]},
                "/final_groups": [{"clients": 3, "examples": 4, "confusion": [[1, 1], [0, 2]]}, null]}),
        ),
        (
            "five speeds, half precision",
            "settings",
            json!({"/room/training/augmentation": "speed", "/room/encoding": "f16"}),
        ),
    ];
    hold("server.json", &good(&server_messages(), &more));
    for vector in read("server.json") {
        let message = parse_server(vector["text"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), vector["text"].as_str().unwrap());
    }
}

#[test]
fn what_no_client_may_say_is_refused_as_held() {
    let messages = texts(&client_messages());
    let with = |kind: &str, pointer: &str, value: Value| changed(&messages, kind, &json!({pointer: value}));
    let plain = |text: &str| text.to_owned();
    let nobody = json!({"clients": 0, "examples": 0, "confusion": [[0, 0], [0, 0]]});
    let cases = [
        ("no JSON", plain("hello"), 0),
        ("no object", plain("\"pause\""), 0),
        ("no type", plain("{}"), 0),
        ("a type that is a number", plain("{\"type\":7}"), 0),
        ("cut off", plain("{\"type\":\"pause\""), 0),
        ("something behind it", plain("{\"type\":\"pause\"} x"), 0),
        ("an unknown type", plain("{\"type\":\"sing\"}"), 0),
        ("a type in capitals", plain("{\"type\":\"Pause\"}"), 0),
        ("what a server says", plain("{\"type\":\"accepted\",\"round\":1}"), 0),
        ("too long", plain("{\"type\":\"pause\"}"), MAX_CLIENT_TEXT_BYTES + 1),
        ("a field is missing", plain("{\"type\":\"ready\",\"examples\":3}"), 0),
        ("a code that is none", with("hello", "/room", json!("KMP")), 0),
        ("a code with a letter that is left out", with("hello", "/room", json!("KMPLO")), 0),
        ("a token that is too short", with("hello", "/token", json!("7")), 0),
        ("a name of blanks", with("rename", "/name", json!("  ")), 0),
        ("a name that is too long", with("rename", "/name", json!("x".repeat(41))), 0),
        ("a name of two lines", with("rename", "/name", json!("a\nb")), 0),
        ("a name that turns around", with("rename", "/name", json!("a\u{202e}b")), 0),
        ("a program's name that is too long", with("hello", "/software", json!("x".repeat(121))), 0),
        ("no examples", with("ready", "/examples", json!(0)), 0),
        ("half an example", with("ready", "/examples", json!(1.5)), 0),
        ("counts that do not add up", with("ready", "/examples", json!(4)), 0),
        ("one label", with("ready", "/labels", json!([3])), 0),
        ("a step that takes no time", with("ready", "/step_ms", json!(0)), 0),
        ("a step of more than an hour", with("ready", "/step_ms", json!(3_600_001)), 0),
        ("no frames", with("statistics", "/frames", json!(0)), 0),
        ("no features", with("statistics", "/sum", json!([])), 0),
        ("as many squares as no sums", with("statistics", "/sum_squares", json!([1.0])), 0),
        ("a sum that is no number", with("statistics", "/sum/0", Value::Null), 0),
        ("a transfer below nothing", with("download", "/transfer", json!(-1)), 0),
        ("round nothing", with("progress", "/round", json!(0)), 0),
        ("an epoch after the last", with("progress", "/epoch", json!(3)), 0),
        ("a step after the last", with("progress", "/step", json!(10)), 0),
        ("a round after the last", with("update", "/round", json!(1_001)), 0),
        ("no steps", with("update", "/steps", json!(0)), 0),
        ("no bytes", with("update", "/update/bytes", json!(0)), 0),
        ("part of a number", with("update", "/update/bytes", json!(401)), 0),
        ("more bytes than a model may have", with("update", "/update/bytes", json!(268_435_460)), 0),
        ("an unknown encoding", with("update", "/update/encoding", json!("f64")), 0),
        ("a checksum of other letters", with("update", "/update/checksum", json!("nothex00")), 0),
        ("a loss below nothing", with("update", "/training/loss", json!(-0.1)), 0),
        ("more than all right", with("update", "/training/accuracy", json!(1.1)), 0),
        ("counts for other examples", with("evaluation", "/evaluation/examples", json!(5)), 0),
        ("a key in capitals", with("keys", "/seat", json!("AB".repeat(32))), 0),
        ("a key that is too long", with("keys", "/box_key", json!("ab".repeat(33))), 0),
        ("no signature", with("agree", "/signature", Value::Null), 0),
        (
            "a box for one alone",
            with(
                "shares",
                "/boxes",
                json!([{"client": 2, "sealed": "00".repeat(80), "self_check": "00".repeat(16), "mask_check": "00".repeat(16)}]),
            ),
            0,
        ),
        ("a box that is too short", with("shares", "/boxes/0/sealed", json!("00".repeat(79))), 0),
        ("nobody's boxes", with("unopened", "/clients", json!([])), 0),
        ("masked numbers of no bytes", with("masked", "/bytes", json!(0)), 0),
        ("nothing revealed", with("reveal", "/shares", json!([])), 0),
        ("a secret that is none", with("reveal", "/shares/0/secret", json!("both")), 0),
        ("an attempt below nothing", with("reveal", "/attempt", json!(-1)), 0),
        ("a confusion that is not square", with("evaluation", "/evaluation/confusion", json!([[4, 0], [0]])), 0),
        ("an edge for nobody", with("edge_ready", "/clients", json!(0)), 0),
        ("an edge for more than there may be", with("edge_ready", "/clients", json!(10_001)), 0),
        ("a key that is too short", with("edge_ready", "/key", json!("7")), 0),
        ("a sum of no weight", with("partial", "/weight", json!(0.0)), 0),
        ("fewer examples than clients", with("partial", "/examples", json!(199)), 0),
        ("more steps than were planned", with("partial", "/done", json!(9_751.0)), 0),
        ("a group below the first", with("evaluation", "/group", json!(-1)), 0),
        ("a ninth group", with("evaluation", "/group", json!(8)), 0),
        ("one group alone", with("evaluation", "/by_group", json!({"groups": [nobody], "others": 1})), 0),
        ("nobody by group", with("evaluation", "/by_group", json!({"groups": [nobody, nobody], "others": 0})), 0),
        (
            "counts of nobody",
            with(
                "evaluation",
                "/by_group",
                json!({"groups": [{"clients": 0, "examples": 1, "confusion": [[1, 0], [0, 0]]}, nobody], "others": 1}),
            ),
            0,
        ),
        ("declined for nothing", with("declined", "/opened", json!([])), 0),
        ("declined for a sum of one", with("declined", "/opened/0", json!(["01".repeat(32)])), 0),
        ("declined for three sums", with("declined", "/opened", json!(vec![vec!["01".repeat(32); 3]; 3])), 0),
    ];
    hold("bad_client.json", &bad::<ClientMessage>(cases.into(), parse_client));
}

#[test]
fn what_no_server_may_say_is_refused_as_held() {
    let messages = texts(&server_messages());
    let with = |kind: &str, pointer: &str, value: Value| changed(&messages, kind, &json!({pointer: value}));
    let difference = |pointer: &str, value: Value| {
        let mut difference =
            json!({"from": 19, "id": 2_147_483_668_u32, "bytes": 124, "encoding": "q4", "checksum": "0badcafe"});
        difference[pointer] = value;
        with("finished", "/difference", difference)
    };
    let cases = [
        ("no JSON", "welcome".to_owned(), 0),
        ("an unknown type", "{\"type\":\"sing\"}".to_owned(), 0),
        ("what a client says", "{\"type\":\"pause\"}".to_owned(), 0),
        ("too long", "{\"type\":\"statistics_request\"}".to_owned(), MAX_SERVER_TEXT_BYTES + 1),
        ("an unknown phase", with("status", "/phase", json!("resting")), 0),
        ("an unknown state", with("status", "/clients/0/state", json!("asleep")), 0),
        ("an unknown code", with("error", "/code", json!("tired")), 0),
        ("a label twice", with("settings", "/room/labels", json!(["sad", "sad"])), 0),
        ("a sign of three letters", with("settings", "/room/signs", json!(["ABC", ""])), 0),
        ("one sign for two labels", with("settings", "/room/signs", json!(["A", "A"])), 0),
        ("a prompt of two lines", with("settings", "/room/prompts", json!([["a\nb"], []])), 0),
        ("one group alone", with("settings", "/room/groups", json!(["a"])), 0),
        ("nine groups", with("settings", "/room/groups", json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"])), 0),
        ("a group twice", with("settings", "/room/groups", json!(["a", "a"])), 0),
        ("a group of two lines", with("settings", "/room/groups", json!(["a\nb", "c"])), 0),
        (
            "a group's counts for other examples",
            with(
                "status",
                "/final_groups",
                json!([{"clients": 3, "examples": 5, "confusion": [[1, 1], [0, 2]]}, null]),
            ),
            0,
        ),
        ("no parameters", with("settings", "/room/parameters", json!(0)), 0),
        ("a learning rate of nothing", with("settings", "/room/training/learning_rate", json!(0.0)), 0),
        ("an unknown strategy", with("settings", "/room/strategy", json!({"name": "fedmagic"})), 0),
        ("a cosine that is none", with("status", "/clients/0/agreement", json!(1.5)), 0),
        ("a name that is too long", with("renamed", "/name", json!("x".repeat(41))), 0),
        ("no epochs", with("round", "/training/epochs", json!(0)), 0),
        ("a deviation of nothing", with("round", "/standardisation/deviation", json!([1.0, 0.0])), 0),
        ("a deviation too few", with("round", "/standardisation/deviation", json!([1.0])), 0),
        ("a model of no bytes", with("finished", "/model/bytes", json!(0)), 0),
        ("a difference to the version itself", difference("from", json!(20)), 0),
        ("a difference with the model's id", difference("id", json!(1)), 0),
        ("part of a difference's group", difference("bytes", json!(125)), 0),
        ("a version after the last", with("finished", "/model_version", json!(1_001)), 0),
        ("round nothing", with("accepted", "/round", json!(0)), 0),
        ("a roster of one", with("roster", "/clients", json!([])), 0),
        ("survivors of no round", with("survivors", "/round", json!(0)), 0),
        ("more than may be masked together", with("survivors", "/clients", json!((1..=201).collect::<Vec<u32>>())), 0),
        ("a signature that is too short", with("agreed", "/agreements/0/signature", json!("00".repeat(63))), 0),
        (
            "noise of nothing",
            with(
                "settings",
                "/room/noise",
                json!({"clip": 0.5, "multiplier": 0.0, "clients": 9, "epsilon": 8.0, "delta": 1.0e-5}),
            ),
            0,
        ),
        (
            "a guess that is worse than a coin",
            with(
                "status",
                "/budget",
                json!({"published": 3, "left": 17, "epsilon": 2.5,
            "best_guess": 0.25, "best_guess_at_end": 0.75, "clients": 100, "clients_needed": 1_141}),
            ),
            0,
        ),
        ("masks in a room for two", with("settings", "/room/masking", json!({"clip": 1.0})), 0),
        ("a text that is too long", with("refused", "/message", json!("x".repeat(501))), 0),
    ];
    hold("bad_server.json", &bad::<ServerMessage>(cases.into(), parse_server));
}

// Binary frames, transfers and encodings.

#[test]
fn every_binary_frame_is_held() {
    let frame = |name, transfer, offset, payload: &[u8]| {
        let chunk = Chunk { transfer: TransferId(transfer), offset, payload: Bytes::copy_from_slice(payload) };
        assert_eq!(Chunk::parse(chunk.frame()), Ok(chunk.clone()));
        json!({"name": name, "frame": spelt(&chunk.frame()), "transfer": transfer, "offset": offset, "payload": spelt(payload)})
    };
    let good = [
        frame("one byte", 1, 0, b"x"),
        frame("little-endian", 0x0403_0201, 262_136, b"\0\0\x80\x3f"),
        frame("the largest numbers", u32::MAX, u32::MAX, b"\xff"),
        frame("full", 7, 0, &vec![0; MAX_CHUNK_PAYLOAD]),
    ];
    hold("frames.json", &good.into());
    let refused = |name, frame: Vec<u8>| {
        let error = Chunk::parse(frame.clone().into()).unwrap_err();
        json!({"name": name, "frame": spelt(&frame), "error": kind(&error), "says": error.to_string()})
    };
    let bad = [
        refused("empty", Vec::new()),
        refused("part of a header", vec![1, 0, 0, 0, 0, 0, 0]),
        refused("a header alone", vec![1, 0, 0, 0, 0, 0, 0, 0]),
        refused("one byte too many", vec![0; 8 + MAX_CHUNK_PAYLOAD + 1]),
    ];
    hold("bad_frames.json", &bad.into());
}

/// A transfer of two frames, the first of which is full of zeros.
fn two_frames() -> (Transfer, Vec<Bytes>) {
    let mut bytes = vec![0; MAX_CHUNK_PAYLOAD];
    bytes.extend([0, 0, 128, 63, 0, 0, 0, 192]);
    let transfer = Transfer {
        id: TransferId(3),
        bytes: bytes.len() as u32,
        encoding: Encoding::F32,
        checksum: Checksum::of(&bytes),
    };
    (transfer, chunks(TransferId(3), bytes.into()).collect())
}

fn assembled(transfer: Transfer, frames: &[Bytes]) -> Result<Option<Bytes>, AssemblyError> {
    let mut assembly = Assembly::new(transfer);
    frames.iter().try_fold(None, |_, frame| assembly.take(&Chunk::parse(frame.clone()).unwrap()))
}

#[test]
fn every_transfer_is_held() {
    let spelt_all = |frames: &[Bytes]| -> Value { frames.iter().map(|frame| spelt(frame)).collect() };
    let (two, frames) = two_frames();
    let small = Encoding::F16.encode(vec![1.0, -2.0]);
    let one = Transfer { id: TransferId(9), bytes: 4, encoding: Encoding::F16, checksum: Checksum::of(&small) };
    let small: Vec<Bytes> = chunks(TransferId(9), small).collect();
    let good = [("one frame", one, &small), ("two frames", two, &frames)].map(|(name, transfer, frames)| {
        let bytes = assembled(transfer, frames).unwrap().unwrap();
        json!({"name": name, "announced": transfer, "frames": spelt_all(frames), "bytes": spelt(&bytes)})
    });
    hold("transfers.json", &good.into());

    let frame = |transfer: u32, offset: u32, payload: &[u8]| -> Bytes {
        Chunk { transfer: TransferId(transfer), offset, payload: Bytes::copy_from_slice(payload) }.frame()
    };
    let last = MAX_CHUNK_PAYLOAD as u32;
    let first = frames[0].clone();
    let bad = [
        ("the second frame first", vec![frames[1].clone()]),
        ("the first frame twice", vec![first.clone(), first.clone()]),
        ("of another transfer", vec![first.clone(), frame(4, last, &[0; 8])]),
        ("an overlap", vec![first.clone(), frame(3, last - 4, &[0; 8])]),
        ("a frame that is not full", vec![frame(3, 0, &[1; 8])]),
        ("a frame past the end", vec![first.clone(), frame(3, last, &[1; 12])]),
        ("other bytes than announced", vec![first, frame(3, last, &[1; 8])]),
        ("one more after the end", vec![frames[0].clone(), frames[1].clone(), frame(3, last + 8, &[1; 8])]),
    ]
    .map(|(name, frames)| {
        let error = assembled(two, &frames).unwrap_err();
        json!({"name": name, "announced": two, "frames": spelt_all(&frames), "error": kind(&error), "says": error.to_string()})
    });
    hold("bad_transfers.json", &bad.into());
}

#[test]
fn every_encoding_is_held() {
    let values =
        [0.0, -0.0, 1.0, -2.0, 0.1, 1.0 / 3.0, 65_504.0, 65_519.0, -1.0e9, 5.960_464_5e-8, 6.1e-5, 3.0e-8, 1.0e-30];
    let bits =
        |values: &[f32]| -> Vec<String> { values.iter().map(|value| format!("{:08x}", value.to_bits())).collect() };
    let vector = |name: &str, encoding: Encoding, values: &[f32]| {
        let bytes = encoding.encode(values.to_vec());
        let back: Vec<f32> = encoding.values(&bytes).unwrap().collect();
        json!({
            "name": name, "encoding": encoding, "values": bits(values), "bytes": hex(&bytes),
            "checksum": Checksum::of(&bytes), "read": bits(&back),
        })
    };
    let infinite = [f32::INFINITY, f32::NEG_INFINITY];
    let good = [
        vector("f32", Encoding::F32, &values),
        vector("f16, rounded and held", Encoding::F16, &values),
        vector("f32, infinite", Encoding::F32, &infinite),
        vector("f16, infinite", Encoding::F16, &infinite),
        vector("q8", Encoding::Q8, &(0..300).map(|place| (place as f32 - 150.0) / 64.0).collect::<Vec<_>>()),
        vector("q4", Encoding::Q4, &(0..250).map(|place| (place as f32 - 125.0) / 64.0).collect::<Vec<_>>()),
        vector("q8, zeros", Encoding::Q8, &[0.0; 3]),
        vector("f16, ties to even", Encoding::F16, &[1.0 + 2.0_f32.powi(-11), 1.0 + 3.0 * 2.0_f32.powi(-11)]),
    ];
    hold("encodings.json", &good.into());
    let refused = |encoding: Encoding, bytes: &[u8]| {
        let error = encoding.values(bytes).err().unwrap();
        json!({"name": "a torn value", "encoding": encoding, "bytes": hex(bytes), "error": "encoding_error", "says": error.to_string()})
    };
    hold(
        "bad_encodings.json",
        &json!([
            refused(Encoding::F32, &[0; 7]),
            refused(Encoding::F16, &[0; 3]),
            refused(Encoding::Q8, &[0; 247]),
            refused(Encoding::Q4, &[0; 248 + 62]),
        ]),
    );
}

// Words: every name that stands for something in a message.

/// A reader that wants nothing but the names of an enum's variants.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(value::Error::custom("it is no enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = names;
        Err(value::Error::custom("that was all"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

fn names_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names = Names(&[]);
    assert!(T::deserialize(&mut names).is_err());
    names.0
}

/// The names of a tagged enum's variants, out of what serde says of one that there is not.
fn kinds_of<T: DeserializeOwned>(tag: &str) -> Vec<String> {
    let error = serde_json::from_value::<T>(json!({tag: "?"})).err().unwrap().to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

fn written<T: Serialize>(all: &[T]) -> Vec<String> {
    all.iter().map(|one| serde_json::to_value(one).unwrap().as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_list_has_all_there_is_and_every_kind_has_a_vector() {
    assert_eq!(written(&Phase::ALL), names_of::<Phase>());
    assert_eq!(written(&ClientState::ALL), names_of::<ClientState>());
    assert_eq!(written(&ErrorCode::ALL), names_of::<ErrorCode>());
    assert_eq!(written(&RefusalReason::ALL), names_of::<RefusalReason>()[..RefusalReason::ALL.len()]);
    assert_eq!(names_of::<RefusalReason>()[RefusalReason::ALL.len()..], ["unknown"]);
    hold(
        "words.json",
        &json!({
            "phase": written(&Phase::ALL),
            "client_state": written(&ClientState::ALL),
            "error_code": written(&ErrorCode::ALL),
            "refusal_reason": written(&RefusalReason::ALL),
            "encoding": names_of::<Encoding>(),
            "optimiser": names_of::<Optimiser>(),
            "augmentation": names_of::<Augmentation>(),
            "modalities": names_of::<Modalities>(),
            "stragglers": names_of::<Stragglers>(),
            "normalisation": names_of::<Normalisation>(),
            "final_model": names_of::<FinalModel>(),
        }),
    );
    let types = |file: &str| -> Vec<String> {
        let kind = |vector: Value| {
            let message: Value = serde_json::from_str(vector["text"].as_str().unwrap()).unwrap();
            message["type"].as_str().unwrap().to_owned()
        };
        read(file).into_iter().map(kind).collect()
    };
    for (file, kinds) in
        [("client.json", kinds_of::<ClientMessage>("type")), ("server.json", kinds_of::<ServerMessage>("type"))]
    {
        let held = types(file);
        assert!(kinds.len() > 10, "{kinds:?}");
        for kind in kinds {
            assert!(held.contains(&kind), "{file} has no {kind}");
        }
    }
    let settings: Vec<Value> = read("server.json")
        .iter()
        .map(|vector| serde_json::from_str::<Value>(vector["text"].as_str().unwrap()).unwrap()["room"].clone())
        .collect();
    let named = |field: &str, tag: &str, name: &str| settings.iter().any(|room| room[field][tag] == name);
    for name in kinds_of::<protocol::Strategy>("name") {
        assert!(named("strategy", "name", &name), "server.json has no room with the strategy {name}");
    }
    for name in kinds_of::<protocol::Aggregation>("name").iter().filter(|name| *name != "mean") {
        assert!(named("aggregation", "name", name), "server.json has no room with the aggregation {name}");
    }
    for name in kinds_of::<protocol::Selection>("by").iter().filter(|name| *name != "all") {
        assert!(named("selection", "by", name), "server.json has no room with the selection {name}");
    }
    for name in kinds_of::<protocol::Pace>("name").iter().filter(|name| *name != "synchronous") {
        assert!(named("pace", "name", name), "server.json has no room with the pace {name}");
    }
}
