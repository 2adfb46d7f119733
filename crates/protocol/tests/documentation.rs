//! `docs/protocol.md` is what others write clients from: every JSON example of it has to be a message of this crate.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use protocol::{Aggregation, Choice, Strategy, parse_client, parse_server};
use serde_json::Value;

/// The messages that each direction has, by the page's own headings.
fn examples() -> Vec<(bool, String, String)> {
    let path = Path::new("../../docs/protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut examples = Vec::new();
    let (mut from_client, mut heading, mut block) = (true, String::new(), None::<String>);
    for line in page.lines() {
        match (&mut block, line) {
            (None, "## From the client") => from_client = true,
            (None, "## From the server") => from_client = false,
            (None, "```json") => block = Some(String::new()),
            (None, line) => {
                if let Some(title) = line.strip_prefix("### `") {
                    heading = title.trim_end_matches('`').to_owned();
                }
            }
            (Some(_), "```") => examples.extend(block.take().map(|text| (from_client, heading.clone(), text))),
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    examples
}

#[test]
fn every_example_is_a_message_under_its_own_heading() {
    for (from_client, heading, text) in examples() {
        let read = if from_client {
            parse_client(&text).map(|message| serde_json::to_value(message).unwrap())
        } else {
            parse_server(&text).map(|message| serde_json::to_value(message).unwrap())
        };
        let read = read.unwrap_or_else(|error| panic!("the example of {heading}: {error}"));
        assert_eq!(read["type"], Value::String(heading.clone()));
        let written: Value = serde_json::from_str(&text).unwrap();
        assert_same_fields(&heading, &written, &read);
    }
}

/// The example has the fields that a message has, and no others.
fn assert_same_fields(at: &str, written: &Value, read: &Value) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            let fields = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(fields(written), fields(read), "{at}");
            for (field, value) in written {
                assert_same_fields(&format!("{at}.{field}"), value, &read[field]);
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            assert_eq!(written.len(), read.len(), "{at}");
            for (written, read) in written.iter().zip(read) {
                assert_same_fields(at, written, read);
            }
        }
        _ => {}
    }
}

#[test]
fn every_message_has_an_example() {
    let mut shown: Vec<String> = examples().into_iter().map(|(_, heading, _)| heading).collect();
    // The vectors have every type, which `vectors.rs` holds them to.
    let mut expected = BTreeSet::new();
    for file in ["client.json", "server.json"] {
        let text = std::fs::read_to_string(Path::new("../../tests/vectors/v1").join(file)).unwrap();
        for vector in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
            let message: Value = serde_json::from_str(vector["text"].as_str().unwrap()).unwrap();
            expected.insert(message["type"].as_str().unwrap().to_owned());
        }
    }
    assert!(expected.len() > 20, "{expected:?}");
    shown.sort();
    assert_eq!(shown, Vec::from_iter(expected), "each once");
}

/// The rows of the table under a heading, cell by cell, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = std::fs::read_to_string("../../docs/protocol.md").unwrap();
    let lines = page.lines().skip_while(|line| *line != heading).skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Words in code quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A table of the page names what the crate has, in its order: each choice with its settings.
fn lists<T: Choice>(heading: &str) {
    let rows = table(heading);
    let names: Vec<&str> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(names, T::NAMES, "{heading}");
    for (row, choice) in rows.iter().zip(T::ALL) {
        let settings: Vec<&str> = choice.settings().iter().map(|setting| setting.name).collect();
        assert_eq!(quoted(&row[1]), settings, "{heading}: {}", choice.name());
    }
}

#[test]
fn every_strategy_and_aggregation_is_listed_with_its_settings() {
    lists::<Strategy>("## Strategies");
    lists::<Aggregation>("## Aggregations");
}
