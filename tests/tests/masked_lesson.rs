//! A masked lesson: a teacher, a board, and four laptops with another person's voice each. One tab is closed after it has dealt its
//! shares, one after its masked numbers are in; the rounds go on. All that each laptop sends is recorded: nothing of it tells how one
//! laptop has trained, or how many clips of each label it has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::recorder::{Frame, Recorder};
use tests::voices::{Voices, labels};
use tokio::time::{Instant, sleep};

const TOKEN: &str = "a-secret-of-the-test";
const LAPTOPS: usize = 4;
const ROUNDS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(240);
const TEXT: u8 = 1;
const BINARY: u8 = 2;
/// Values of a masked vector that have to be as good as chance: beyond so many deviations of a correlation of none.
const MOST_DEVIATIONS: f64 = 5.0;

/// The frames that a laptop has sent over its sockets, and those that it has heard.
fn frames(recorder: &Recorder) -> Vec<(Vec<Frame>, Vec<Frame>)> {
    let recorded = recorder.recorded();
    let sockets = recorded.iter().filter_map(|connection| {
        let (_, sent) = connection.requests().ok()?;
        let (head, heard) = connection.response().ok()?;
        head.to_ascii_lowercase().contains("upgrade: websocket").then_some((sent, heard))
    });
    sockets.collect()
}

fn texts(frames: &[Frame]) -> Vec<Value> {
    let texts = frames.iter().filter(|frame| frame.opcode == TEXT);
    texts.filter_map(|frame| serde_json::from_slice(&frame.payload).ok()).collect()
}

/// The bytes of each transfer that went whole, by its number.
fn transfers(frames: &[Frame]) -> BTreeMap<u32, Vec<u8>> {
    let mut all = BTreeMap::<u32, Vec<u8>>::new();
    for frame in frames.iter().filter(|frame| frame.opcode == BINARY) {
        let Some((&id, rest)) = frame.payload.split_first_chunk::<4>() else { continue };
        let Some((&offset, payload)) = rest.split_first_chunk::<4>() else { continue };
        let bytes = all.entry(u32::from_le_bytes(id)).or_default();
        bytes.truncate(u32::from_le_bytes(offset) as usize);
        bytes.extend_from_slice(payload);
    }
    all
}

/// What a laptop said of this kind in a round from `first` on, once it has.
async fn until_said(recorder: &Recorder, kind: &str, first: u64) -> Result<Value> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let said = frames(recorder).into_iter().flat_map(|(sent, _)| texts(&sent));
        let mut said = said.filter(|message| message["type"] == kind && message["round"].as_u64() >= Some(first));
        if let Some(message) = said.next() {
            return Ok(message);
        }
        ensure!(Instant::now() < patience, "no {kind} of round {first} or later");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn until_rounds(server: &Server, count: usize) -> Result<Vec<Value>> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let room = server.room().await?;
        let rounds = room["history"].as_array().context("a room has a history")?;
        if rounds.len() >= count {
            return Ok(rounds.clone());
        }
        ensure!(Instant::now() < patience, "round {count} does not come: {room:#}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn words(tab: &Tab<'_>) -> Result<String> {
    let script =
        "return document.querySelector('[data-test=\"masked-words\"]').innerText.trim().split(' ').length === 4";
    tab.wait("four words", script, PATIENCE).await?;
    let words = tab.run("return document.querySelector('[data-test=\"masked-words\"]').innerText", vec![]).await?;
    Ok(words.as_str().context("words are text")?.to_owned())
}

/// The tab is closed, as far as the room can tell; the browser stays open.
async fn closes(tab: &Tab<'_>) -> Result<()> {
    tab.run("location.href = 'about:blank'", vec![]).await?;
    Ok(())
}

async fn comes_back(tab: &Tab<'_>, page: &str) -> Result<()> {
    tab.run("location.href = arguments[0]", vec![json!(page)]).await?;
    tab.wait_for("connection").await
}

#[tokio::test(flavor = "multi_thread")]
async fn four_laptops_hold_a_masked_lesson() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&[
        "--host-token",
        TOKEN,
        "--masking",
        "active",
        "--least",
        "4",
        "--rounds",
        &rounds,
        "--epochs",
        "6",
        "--grace",
        "2",
        "--deadline",
        "90",
    ])
    .await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    let board = desk.open(&format!("{}/board", server.page())).await?;

    let (mut recorders, mut laptops) = (Vec::new(), Vec::new());
    for _ in 0..LAPTOPS {
        let recorder = Recorder::start(&host).await?;
        laptops.push(Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?);
        recorders.push(recorder);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&server.page()).await?;
        let clips: Vec<PathBuf> = voices.paths_of(student);
        tab.give(&clips).await?;
        students.push(tab);
    }
    for tab in &students {
        tab.click("take-part").await?;
    }

    // Everyone sees the same four words, and that there are four laptops.
    let said = words(&students[0]).await?;
    for tab in students.iter().skip(1).chain([&board]) {
        assert_eq!(words(tab).await?, said);
    }
    students[0].screenshot("masked-student").await?;
    board.screenshot("masked-board").await?;
    for (tab, what) in [(&students[0], "the student's page"), (&board, "the board")] {
        let found = tab.violations().await?;
        ensure!(found.is_empty(), "{what} violates WCAG 2.2:\n{}", found.join("\n"));
    }
    teacher.screenshot("masked-teacher").await?;

    // One goes after it has dealt its shares: that round is the others', or repeated with them.
    let before = until_rounds(&server, 1).await?.len() as u64;
    let gone = until_said(&recorders[3], "shares", before + 1).await?;
    closes(&students[3]).await?;
    let round = gone["round"].as_u64().context("shares are of a round")? as usize;
    let record = until_rounds(&server, round).await?[round - 1].clone();
    assert!(record["clients"] == 3 || record["clients"] == 4, "{record}");
    comes_back(&students[3], &server.page()).await?;

    // One goes once its numbers are in: they are in the sum.
    let before = until_rounds(&server, round).await?.len() as u64;
    let given = until_said(&recorders[2], "masked", before + 1).await?;
    let id = given["transfer"].as_u64().context("a transfer has a number")? as u32;
    let patience = Instant::now() + PATIENCE;
    let sent = |id| {
        frames(&recorders[2]).iter().any(|(sent, _)| {
            transfers(sent)
                .get(&id)
                .is_some_and(|bytes| bytes.len() as u64 == given["bytes"].as_u64().unwrap_or_default())
        })
    };
    while !sent(id) {
        ensure!(Instant::now() < patience, "the masked numbers are never sent");
        sleep(Duration::from_millis(5)).await;
    }
    closes(&students[2]).await?;
    let round = given["round"].as_u64().context("numbers are of a round")? as usize;
    let record = until_rounds(&server, round).await?[round - 1].clone();
    println!("round {round}, one of whose laptops went once its numbers were in: {record}");
    comes_back(&students[2], &server.page()).await?;

    let history = until_rounds(&server, ROUNDS).await?;
    let clients: Vec<u64> = history.iter().filter_map(|record| record["clients"].as_u64()).collect();
    println!("laptops in the rounds: {clients:?}");
    assert!(clients.iter().all(|count| (3..=4).contains(count)) && clients[0] == 4, "{clients:?}");
    // The curve is there, though nobody told how one laptop did.
    for tab in [&students[0], &board] {
        tab.wait_for("chart-accuracy").await?;
    }
    students[0].screenshot("masked-finished").await?;
    let room = server.room().await?;
    assert!(
        room["status"]["clients"].as_array().context("clients")?.iter().all(|client| client["labels"] == json!([]))
    );

    // What was recorded.
    let mut compared = 0;
    let mut updates = BTreeMap::new();
    for recorder in &recorders {
        for (_, heard) in frames(recorder) {
            updates.extend(models_heard(&heard));
        }
    }
    for recorder in &recorders {
        for (sent, _) in frames(recorder) {
            let messages = texts(&sent);
            for message in &messages {
                let kind = message["type"].as_str().context("a message has a type")?;
                let plain = ["update", "evaluation", "statistics"].contains(&kind);
                assert!(!plain, "a masked laptop sends {message}");
                if kind == "ready" {
                    assert_eq!(message["labels"], json!([]));
                }
                let text = message.to_string();
                assert!(labels().iter().all(|label| !text.contains(label.as_str())), "{text}");
            }
            let vectors = transfers(&sent);
            for message in messages.iter().filter(|message| message["type"] == "masked") {
                let (Some(round), Some(id)) = (message["round"].as_u64(), message["transfer"].as_u64()) else {
                    continue;
                };
                let (Some(from), Some(to)) = (updates.get(&(round as u32 - 1)), updates.get(&(round as u32))) else {
                    continue;
                };
                let Some(bytes) = vectors.get(&(id as u32)).filter(|bytes| bytes.len() >= 4 * from.len()) else {
                    continue;
                };
                let values: Vec<f64> = bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .take(from.len())
                    .map(|value| f64::from(i32::from_le_bytes(*value)))
                    .collect();
                let change: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
                let deviations = correlation(&values, &change) * (values.len() as f64).sqrt();
                assert!(deviations.abs() < MOST_DEVIATIONS, "round {round}: {deviations} deviations from chance");
                // With an eighth of the round's change in it, the same numbers would show.
                let part = spread(&values) / spread(&change) / 8.0;
                let planted: Vec<f64> =
                    values.iter().zip(&change).map(|(value, change)| value + part * change).collect();
                let deviations = correlation(&planted, &change) * (values.len() as f64).sqrt();
                assert!(deviations.abs() > 2.0 * MOST_DEVIATIONS, "a planted part is found: {deviations}");
                compared += 1;
            }
        }
    }
    println!("{compared} masked vectors compared with what their round made of the model");
    assert!(compared >= 2 * LAPTOPS, "{compared}");
    Ok(())
}

/// The models that a laptop has heard whole, by version.
fn models_heard(heard: &[Frame]) -> BTreeMap<u32, Vec<f64>> {
    let bytes = transfers(heard);
    let announced = texts(heard)
        .into_iter()
        .filter(|message| ["round", "finished"].contains(&message["type"].as_str().unwrap_or_default()));
    let whole = announced.filter_map(|message| {
        let version = message["model_version"].as_u64()? as u32;
        let bytes = bytes.get(&(message["model"]["id"].as_u64()? as u32))?;
        let whole = bytes.len() as u64 == message["model"]["bytes"].as_u64()?;
        let values = bytes.as_chunks::<4>().0.iter().map(|value| f64::from(f32::from_le_bytes(*value))).collect();
        whole.then_some((version, values))
    });
    whole.collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn spread(values: &[f64]) -> f64 {
    let middle = mean(values);
    mean(&values.iter().map(|value| (value - middle).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// Pearson's, -1 to 1.
fn correlation(one: &[f64], two: &[f64]) -> f64 {
    let (first, second) = (mean(one), mean(two));
    let products: Vec<f64> = one.iter().zip(two).map(|(one, two)| (one - first) * (two - second)).collect();
    mean(&products) / spread(one) / spread(two)
}
