//! What the one way in lets pass, and what it refuses and why.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::samples::{client_messages, room, server_messages};
use crate::{Aggregation, Pace, RefusalReason, RoomConfig, Stragglers};

fn kind(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

#[test]
fn every_client_message_comes_back_as_it_was() {
    let messages = client_messages();
    let mut kinds = Vec::new();
    for message in &messages {
        let json = serde_json::to_string(message).unwrap();
        assert_eq!(&parse_client(&json).unwrap(), message);
        kinds.push(kind(&json));
    }
    assert_eq!(kinds, CLIENT_TYPES);
}

#[test]
fn every_server_message_comes_back_as_it_was() {
    let messages = server_messages();
    let mut kinds = Vec::new();
    for message in &messages {
        let json = serde_json::to_string(message).unwrap();
        assert_eq!(&parse_server(&json).unwrap(), message);
        kinds.push(kind(&json));
    }
    assert_eq!(kinds, SERVER_TYPES);
}

#[test]
fn a_long_text_is_refused_before_it_is_parsed() {
    let text = format!("{{\"type\":\"pause\"{}}}", " ".repeat(MAX_CLIENT_TEXT_BYTES));
    let limit = MAX_CLIENT_TEXT_BYTES;
    assert_eq!(parse_client(&text), Err(ProtocolError::TextTooLong { bytes: text.len(), limit }));
}

#[test]
fn what_is_no_message_is_told_apart_from_an_unknown_one_and_a_damaged_one() {
    for text in ["", "null", "[]", "{}", "{\"type\":7}", "{\"type\":\"pause\"", "\u{0}", "{\"type\":\"pause\"} x"] {
        assert!(matches!(parse_client(text), Err(ProtocolError::NotAMessage { .. })), "{text:?}");
    }
    // A server's message is none of a client's.
    for kind in ["shout", "welcome", "Pause", &"x".repeat(9_000)] {
        let text = json!({ "type": kind }).to_string();
        let Err(ProtocolError::UnknownType { kind: shown }) = parse_client(&text) else { panic!("{kind} passed") };
        assert!(shown.len() <= 160 && kind.starts_with(&shown));
    }
    for text in ["{\"type\":\"ready\"}", "{\"type\":\"ready\",\"examples\":-1,\"labels\":[]}"] {
        assert!(matches!(parse_client(text), Err(ProtocolError::Malformed { .. })), "{text:?}");
    }
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    let text = format!("{{\"type\":\"pause\",\"x\":{}", "[".repeat(60_000));
    assert!(parse_client(&text).is_err());
}

#[test]
fn unknown_fields_are_passed_over() {
    assert_eq!(
        parse_client(r#"{"type":"pause","since":"later version"}"#),
        Ok(ClientMessage::Pause { diverged: false })
    );
}

#[test]
fn a_reason_of_a_later_version_is_a_reason_all_the_same() {
    let json = r#"{"type":"refused","reason":"too_blue","message":"no","present_round":2,"present_version":1}"#;
    let Ok(ServerMessage::Refused { reason, .. }) = parse_server(json) else { panic!("it was not read") };
    assert_eq!(reason, RefusalReason::Unknown);
}

#[test]
fn a_room_without_an_aggregation_takes_the_mean_and_does_not_say_so() {
    let json = serde_json::to_value(room()).unwrap();
    assert_eq!(json.get("aggregation"), None);
    let back: RoomConfig = serde_json::from_value(json).unwrap();
    assert_eq!(back.aggregation, Aggregation::Mean);
    let median = RoomConfig { aggregation: Aggregation::Median, ..room() };
    let json = serde_json::to_value(&median).unwrap();
    assert_eq!(json["aggregation"], json!({"name": "median"}));
    assert_eq!(serde_json::from_value::<RoomConfig>(json).unwrap(), median);
}

/// Changes one field of a good message and gives the error's field, or what else came of it.
fn with(index: usize, pointer: &str, value: Value) -> Result<&'static str, ProtocolError> {
    let mut json = serde_json::to_value(&client_messages()[index]).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    match parse_client(&json.to_string()) {
        Err(ProtocolError::Invalid { field, .. }) => Ok(field),
        Err(other) => Err(other),
        Ok(message) => panic!("{message:?} passed"),
    }
}

#[test]
fn every_field_has_its_bounds() {
    let cases: Vec<(usize, &str, Value, &str)> = vec![
        (0, "/name", json!(""), "name"),
        (0, "/name", json!(" \u{2003}"), "name"),
        (0, "/name", json!("x".repeat(41)), "name"),
        (0, "/name", json!("a\nb"), "name"),
        (0, "/name", json!("a\u{1b}[31mb"), "name"),
        (0, "/name", json!("a\u{202e}b"), "name"),
        (0, "/name", json!("a\u{61c}b"), "name"),
        (0, "/name", json!("\u{2800}\u{3164}"), "name"),
        (0, "/name", json!("\u{301}\u{200d}"), "name"),
        (0, "/software", json!("x".repeat(121)), "software"),
        (1, "/name", json!("\u{0}"), "name"),
        (2, "/examples", json!(0), "examples"),
        (2, "/examples", json!(100_001), "examples"),
        (2, "/examples", json!(4), "labels"),
        (2, "/labels", json!([3]), "labels"),
        (2, "/labels", json!(vec![0; 17]), "labels"),
        (2, "/labels", json!([u32::MAX, u32::MAX]), "labels"),
        (5, "/frames", json!(0), "frames"),
        (5, "/frames", json!(100_000_001), "frames"),
        (5, "/sum", json!([]), "sum"),
        (5, "/sum", json!(vec![0.0; 257]), "sum"),
        (5, "/sum_squares", json!([1.0]), "sum_squares"),
        (7, "/round", json!(0), "round"),
        (7, "/round", json!(1_001), "round"),
        (7, "/epoch", json!(3), "epoch"),
        (7, "/epochs", json!(101), "epochs"),
        (7, "/step", json!(10), "step"),
        (7, "/steps", json!(0), "steps"),
        (8, "/model_version", json!(1_001), "model_version"),
        (8, "/examples", json!(0), "examples"),
        (8, "/update/bytes", json!(0), "bytes"),
        (8, "/update/bytes", json!(401), "bytes"),
        (8, "/update/bytes", json!(268_435_460_u32), "bytes"),
        (8, "/training/loss", json!(-0.1), "training.loss"),
        (8, "/training/loss", json!(1.0e7), "training.loss"),
        (8, "/training/accuracy", json!(1.1), "training.accuracy"),
        (8, "/evaluation/accuracy", json!(-0.1), "evaluation.accuracy"),
        (8, "/evaluation/examples", json!(5), "evaluation.confusion"),
        (9, "/evaluation/confusion", json!([[4]]), "evaluation.confusion"),
        (9, "/evaluation/confusion", json!([[4, 0], [0]]), "evaluation.confusion"),
        (18, "/clients", json!(0), "clients"),
        (18, "/clients", json!(10_001), "clients"),
        (18, "/examples", json!(1_000_000_001), "examples"),
        (18, "/held_back", json!(1_000_000_001), "held_back"),
        (18, "/labels", json!([3]), "labels"),
        (19, "/clients", json!(10_001), "clients"),
        (19, "/examples", json!(199), "examples"),
        (19, "/weight", json!(0.5), "weight"),
        (19, "/steps", json!(1.0e9), "steps"),
        (19, "/done", json!(9_751.0), "done"),
        (19, "/planned", json!(-1.0), "planned"),
    ];
    for (message, pointer, value, field) in cases {
        assert_eq!(with(message, pointer, value.clone()), Ok(field), "{pointer} = {value}");
    }
}

#[test]
fn identifiers_and_kinds_of_number_are_held_too() {
    let cases = [
        (0, "/room", json!("KMP")),
        (0, "/token", json!("7")),
        (0, "/protocol", json!(-1)),
        (2, "/examples", json!(1.5)),
        (2, "/examples", json!(4_294_967_296_u64)),
        (5, "/sum/0", Value::Null),
        (8, "/update/checksum", json!("nothex00")),
        (8, "/update/encoding", json!("f64")),
        (8, "/update/id", json!("1")),
    ];
    for (message, pointer, value) in cases {
        let error = with(message, pointer, value.clone()).unwrap_err();
        assert!(matches!(error, ProtocolError::Malformed { .. }), "{pointer} = {value}: {error}");
    }
    // A number that no f64 holds.
    let huge = r#"{"type":"statistics","frames":1,"sum":[1e999],"sum_squares":[1]}"#;
    assert!(parse_client(huge).is_err());
}

#[test]
fn a_server_is_not_trusted_either() {
    let wrong: Vec<(usize, &str, Value)> = vec![
        (0, "/room/labels", json!(["a", "a"])),
        (0, "/room/parameters", json!(0)),
        (0, "/room/parameters", json!(u32::MAX)),
        (0, "/room/training/learning_rate", json!(0.0)),
        (0, "/room/goal", json!(1)),
        (2, "/clients/0/name", json!("x".repeat(50))),
        (2, "/clients/0/agreement", json!(1.5)),
        (2, "/clients/0/update_norm", json!(-1.0)),
        (12, "/room/labels", json!(["a", "a"])),
        (13, "/name", json!("")),
        (3, "/rounds", json!(vec![serde_json::to_value(&server_messages()[9]).unwrap()["record"].clone(); 33])),
        (5, "/model/bytes", json!(0)),
        (5, "/standardisation/deviation", json!([1.0, 0.0])),
        (5, "/standardisation/deviation", json!([1.0])),
        (5, "/standardisation/mean", json!([1.0e39, 0.0])),
        (5, "/training/epochs", json!(0)),
        (8, "/message", json!("x".repeat(501))),
    ];
    for (message, pointer, value) in wrong {
        let mut json = serde_json::to_value(&server_messages()[message]).unwrap();
        *json.pointer_mut(pointer).unwrap() = value.clone();
        assert!(parse_server(&json.to_string()).is_err(), "{pointer} = {value} passed");
    }
}

/// The most groups of the most labels: what an edge says of them, and their part of a masked sum.
#[test]
fn the_largest_results_by_group_fit_into_a_frame() {
    let largest = u64::from(MAX_EDGE_EXAMPLES / (MAX_LABELS * MAX_LABELS) as u32);
    let counts = vec![vec![largest; MAX_LABELS]; MAX_LABELS];
    let examples = largest * (MAX_LABELS * MAX_LABELS) as u64;
    let of_group = json!({"clients": 1_000, "examples": examples, "confusion": counts});
    let evaluation = json!({"examples": examples, "loss": 1.0 / 3.0, "accuracy": 1.0 / 16.0, "confusion": counts});
    let by_group = json!({"groups": vec![of_group; MAX_GROUPS], "others": 1_000});
    let text = json!({"type": "evaluation", "model_version": 1_000, "evaluation": evaluation, "by_group": by_group});
    assert!(parse_client(&text.to_string()).is_ok());
    let masked = |words: usize| {
        let words = vec!["0123456789abcdef"; words];
        parse_client(
            &json!({"type": "masked_statistics", "round": 1_000, "attempt": u32::MAX, "words": words}).to_string(),
        )
    };
    assert!(masked(MAX_MASKED_WORDS).is_ok());
    assert!(matches!(masked(MAX_MASKED_WORDS + 1), Err(ProtocolError::Invalid { field: "words", .. })));
}

#[test]
fn a_room_refuses_settings_that_can_not_work() {
    assert_eq!(room().check(), Ok(()));
    type Change = fn(&mut RoomConfig);
    let wrong: [(&str, Change); 15] = [
        ("name", |room| room.name.clear()),
        ("labels", |room| room.labels.truncate(1)),
        ("labels", |room| room.labels[1] = room.labels[0].clone()),
        ("parameters", |room| room.parameters = 64 * 1024 * 1024 + 1),
        ("features", |room| room.features = 0),
        ("rounds", |room| room.rounds = 0),
        ("least", |room| room.least = 0),
        ("least", |room| room.least = room.max_clients + 1),
        ("goal", |room| room.goal = 1),
        ("deadline_ms", |room| room.deadline_ms = 999),
        ("stragglers", |room| (room.stragglers, room.pace) = (Stragglers::FewerSteps, Pace::asynchronous(room.least))),
        ("grace_ms", |room| room.grace_ms = room.deadline_ms + 1),
        ("learning_rate", |room| room.training.learning_rate = f64::NAN),
        ("weight_cap", |room| room.weight_cap = 0),
        ("norm_limit", |room| room.norm_limit = f64::INFINITY),
    ];
    for (expected, change) in wrong {
        let mut room = room();
        change(&mut room);
        let Err(ProtocolError::Invalid { field, .. }) = room.check() else { panic!("{expected} passed") };
        assert_eq!(field, expected);
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_message_or_an_error(text in "\\PC{0,200}") {
        let _ = parse_client(&text);
        let _ = parse_server(&text);
    }

    #[test]
    fn any_damage_to_a_message_gives_a_message_or_an_error(
        which in 0usize..22, position in 0usize..400, replacement in any::<char>(),
    ) {
        let mut messages: Vec<String> = client_messages().iter().map(|message| serde_json::to_string(message).unwrap()).collect();
        messages.extend(server_messages().iter().map(|message| serde_json::to_string(message).unwrap()));
        let letters: Vec<char> = messages[which].chars().collect();
        let position = position % letters.len();
        let damaged: String = letters.iter().enumerate().map(|(at, &letter)| if at == position { replacement } else { letter }).collect();
        if let Ok(message) = parse_client(&damaged) {
            prop_assert_eq!(message.check(), Ok(()));
        }
        if let Ok(message) = parse_server(&damaged) {
            prop_assert_eq!(message.check(), Ok(()));
        }
    }
}
