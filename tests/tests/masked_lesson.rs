//! A masked lesson: a teacher, a board, and four laptops with another person's voice each. One tab is closed after it has dealt its
//! shares, one after its masked numbers are in; the rounds go on. All that each laptop sends is recorded: nothing of it tells how one
//! laptop has trained, or how many clips of each label it has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::overheard::{change, frames, hides, masked_vectors, models_heard, recorded_laptops, texts, transfers};
use tests::program::Server;
use tests::recorder::Recorder;
use tests::voices::{Voices, labels};
use tokio::time::{Instant, sleep};

const TOKEN: &str = "a-secret-of-the-test";
const LAPTOPS: usize = 4;
const ROUNDS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(240);

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
    let desk = Browser::start(Options::default()).await?;
    let teacher = desk.open(&format!("{}/teach#{TOKEN}", server.origin())).await?;
    let board = desk.open(&format!("{}/board", server.page())).await?;

    let (recorders, laptops) = recorded_laptops(&server, LAPTOPS).await?;
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
    let cut = "return [...document.querySelectorAll('.laptop')].filter((card) => card.scrollHeight > card.clientHeight + 1).length;";
    assert_eq!(board.run(cut, vec![]).await?, 0, "the words leave the laptops' cards whole");
    students[0].screenshot("masked-student").await?;
    board.screenshot("masked-board").await?;
    for (tab, what) in [(&students[0], "the student's page"), (&board, "the board")] {
        tab.no_violations(what).await?;
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
    // And so is its last point: how the finished model does, a sum as well.
    let patience = Instant::now() + PATIENCE;
    let found = loop {
        let found = server.room().await?["status"]["final_evaluation"].take();
        if !found.is_null() {
            break found;
        }
        ensure!(Instant::now() < patience, "nobody was asked how the finished model does");
        sleep(Duration::from_millis(50)).await;
    };
    let most = history.iter().filter_map(|record| record["evaluation"]["examples"].as_u64()).max();
    println!("the finished model: {found}");
    assert!(found["examples"].as_u64() > Some(0) && found["examples"].as_u64() <= most, "{found}");
    students[0].screenshot("masked-finished").await?;
    let room = server.room().await?;
    assert!(
        room["status"]["clients"].as_array().context("clients")?.iter().all(|client| client["labels"] == json!([]))
    );

    // What was recorded.
    let mut compared = 0;
    let mut models = BTreeMap::new();
    for recorder in &recorders {
        for (_, heard) in frames(recorder) {
            models.extend(models_heard(&heard));
        }
    }
    let parameters = models.values().next().context("models were heard")?.len();
    for recorder in &recorders {
        for (sent, _) in frames(recorder) {
            for message in texts(&sent) {
                let kind = message["type"].as_str().context("a message has a type")?;
                let plain = ["update", "evaluation", "statistics"].contains(&kind);
                assert!(!plain, "a masked laptop sends {message}");
                if kind == "ready" {
                    assert_eq!(message["labels"], json!([]));
                }
                let text = message.to_string();
                assert!(labels().iter().all(|label| !text.contains(label.as_str())), "{text}");
            }
            for (round, values) in masked_vectors(&sent, parameters) {
                let (Some(from), Some(to)) = (models.get(&(round - 1)), models.get(&round)) else { continue };
                hides(&values, &change(from, to)).with_context(|| format!("round {round}"))?;
                compared += 1;
            }
        }
    }
    println!("{compared} masked vectors compared with what their round made of the model");
    assert!(compared >= 2 * LAPTOPS, "{compared}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn laptops_add_the_noise_that_hides_a_clip() -> Result<()> {
    let voices = Voices::open()?;
    // dp-accounting 0.6: 4.377 for one round with z = 1, for which 69.1 of 100 guesses are right; a second would cost more than 5.
    let server = Server::start(&[
        "--masking",
        "active",
        "--least",
        "3",
        "--rounds",
        "4",
        "--noise-hides",
        "clip",
        "--noise-multiplier",
        "1",
        "--epsilon",
        "5",
        "--clip",
        "1",
        "--noise-clients",
        "60",
    ])
    .await?;
    let mut laptops = Vec::new();
    for _ in 0..3 {
        laptops.push(Browser::start(Options::default()).await?);
    }
    let mut students = Vec::new();
    for (student, laptop) in laptops.iter().enumerate() {
        let tab = laptop.open(&server.page()).await?;
        tab.give(&voices.paths_of(student)).await?;
        students.push(tab);
    }
    let before =
        "whoever knows everything else will guess right at most 70 times in 100 whether one given clip was used";
    for tab in &students {
        tab.reads(before, PATIENCE).await?;
        tab.click("take-part").await?;
    }
    let after = "Whoever knows everything else guesses right at most 70 times in 100 whether one given clip was used";
    for tab in &students {
        tab.reads(after, PATIENCE).await?;
        tab.reads("nor how they usually sound over all their clips", PATIENCE).await?;
    }
    let room = server.room().await?;
    let (status, history) = (&room["status"], room["history"].as_array().context("a room has a history")?);
    assert_eq!((&status["phase"], history.len(), &history[0]["clients"]), (&json!("finished"), 1, &json!(3)));
    assert_eq!(status["budget"]["published"], 1);
    students[0].screenshot("masked-noise").await?;
    assert_eq!(students[0].violations().await?, Vec::<String>::new());
    Ok(())
}
