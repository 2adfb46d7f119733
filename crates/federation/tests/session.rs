//! Plays the session that `docs/protocol.md` shows against the real coordinator, and compares every line and byte.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::VecDeque;
use std::path::Path;

use bytes::Bytes;
use federation::{Action, ConnectionId, Coordinator, Event, MemorySpool, Millis};
use protocol::{Chunk, RoomCode, RoomConfig, ServerMessage, Token, parse_client};
use serde_json::Value;

const CONNECTION: ConnectionId = ConnectionId(1);
const NOW: Millis = Millis(5_000);

/// A line of the page: who speaks, and what.
enum Line {
    Text(bool, Value),
    Binary(bool, Bytes),
}

fn session() -> Vec<Line> {
    let path = Path::new("../../docs/protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, section) = page.split_once("## A session").unwrap();
    let (_, block) = section.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().map(line).collect()
}

fn line(line: &str) -> Line {
    let (speaker, content) = line.split_at(2);
    let client = speaker == "> ";
    match content.strip_prefix("binary ") {
        None => Line::Text(client, serde_json::from_str(content).unwrap()),
        Some(binary) => {
            let digits: String = binary.split('(').next().unwrap().split_whitespace().collect();
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            Line::Binary(client, (0..digits.len()).step_by(2).map(byte).collect())
        }
    }
}

/// What the coordinator sends, as it goes over the wire; `status` is left out, as on the page.
fn sent(coordinator: &mut Coordinator, wire: &mut VecDeque<Line>) {
    while let Some(action) = coordinator.poll_action() {
        match action {
            Action::Send { message: ServerMessage::Status(_), .. }
            | Action::Broadcast { message: ServerMessage::Status(_), .. } => {}
            Action::Send { message, .. } | Action::Broadcast { message, .. } => {
                let text = serde_json::to_string(&message).unwrap();
                wire.push_back(Line::Text(false, serde_json::from_str(&text).unwrap()));
            }
            Action::SendModel { transfer, bytes, .. } => {
                wire.extend(protocol::chunks(transfer, bytes).map(|frame| Line::Binary(false, frame)));
            }
            Action::Close { .. } | Action::Checkpoint { .. } => {}
        }
    }
}

#[test]
fn the_session_on_the_page_is_what_happens() {
    let mut config =
        RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "tiny", 3, vec!["no".to_owned(), "yes".to_owned()]);
    config.features = 2;
    config.rounds = 1;
    config.least = 1;
    config.deadline_ms = 60_000;
    config.training.epochs = 1;
    let mut coordinator = Coordinator::new(config, vec![1.0, 2.0, 3.0], Box::<MemorySpool>::default()).unwrap();
    let fresh_token = Token::from_random(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    coordinator.handle(NOW, Event::Connected { connection: CONNECTION, fresh_token });
    let mut wire = VecDeque::new();
    let mut lines = 0;
    for line in session() {
        lines += 1;
        match line {
            Line::Text(true, text) => {
                let message = parse_client(&text.to_string()).unwrap();
                coordinator.handle(NOW, Event::Message { connection: CONNECTION, message });
                sent(&mut coordinator, &mut wire);
            }
            Line::Binary(true, frame) => {
                let chunk = Chunk::parse(frame).unwrap();
                coordinator.handle(NOW, Event::Chunk { connection: CONNECTION, chunk });
                sent(&mut coordinator, &mut wire);
            }
            Line::Text(false, expected) => match wire.pop_front() {
                Some(Line::Text(_, text)) => assert_eq!(text, expected, "line {lines}"),
                _ => panic!("line {lines}: the server sends no text here"),
            },
            Line::Binary(false, expected) => match wire.pop_front() {
                Some(Line::Binary(_, frame)) => assert_eq!(frame, expected, "line {lines}"),
                _ => panic!("line {lines}: the server sends no binary frame here"),
            },
        }
    }
    assert!(wire.is_empty(), "the server says more than the page");
    assert!(lines > 15);
}
