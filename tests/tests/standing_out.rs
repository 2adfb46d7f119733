//! What the teacher's page says of somebody who is unlike the others and of training that diverges, and what it can do about it. The laptops are played, message by
//! message, so that one of them can be as hostile as it likes.

#[allow(dead_code, reason = "the aggregator's tests use all of it")]
#[path = "../../aggregator/tests/support/raw_client.rs"]
mod raw_client;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::{ClientMessage, Evaluation, RoomCode, RoomConfig, ServerMessage, TrainingResult};
use raw_client::{OpenRound, RawClient};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::program::{CODE, Server};

const TOKEN: &str = "a-secret-of-the-test";
const SECONDS_10: Duration = Duration::from_secs(10);
/// Clips that each says to test on.
const TESTED: u32 = 10;

/// One played laptop.
struct Played {
    client: RawClient,
    room: RoomConfig,
    hostile: bool,
    /// The loss that it says to have measured.
    loss: f64,
}

impl Played {
    async fn enter(server: &Server, hostile: bool) -> Result<Self> {
        let code = RoomCode::parse(CODE)?;
        let (mut client, welcome) = RawClient::enter(&server.origin(), &code, None).await?;
        let room = welcome.room;
        let mut labels = vec![0; room.labels.len()];
        labels[0] = 20;
        client.say(&ClientMessage::Ready { examples: 20, labels, held_back: Some(TESTED), step_ms: None }).await?;
        Ok(Self { client, room, hostile, loss: if hostile { 900.0 } else { 0.9 } })
    }

    /// Answers the request for statistics, and gives the round that follows.
    async fn measure(&mut self) -> Result<OpenRound> {
        self.client.wait(|message| matches!(message, ServerMessage::StatisticsRequest { .. }).then_some(())).await?;
        if self.hostile {
            let features = self.room.features as usize;
            let (sum, sum_squares) = (vec![100.0 * 5.0e5; features], vec![100.0 * 2.5e11; features]);
            self.client.say(&ClientMessage::Statistics { frames: 100, sum, sum_squares }).await?;
        } else {
            self.client.say_statistics().await?;
        }
        self.client.next_round().await
    }

    /// Sends the result of a round. The hostile one moves the model 40,000 times as far, and says that it is always wrong.
    async fn give(&mut self, round: &OpenRound) -> Result<()> {
        let update = self.client.same_everywhere(if self.hostile { 40.0 } else { 0.001 })?;
        let transfer = self.client.transfer(round, &update)?;
        let id = transfer.id;
        let labels = self.room.labels.len();
        let mut confusion = vec![vec![0; labels]; labels];
        let right = if self.hostile { 0 } else { TESTED - 2 };
        (confusion[0][0], confusion[0][1]) = (right, TESTED - right);
        let accuracy = f64::from(right) / f64::from(TESTED);
        let message = ClientMessage::Update {
            round: round.round,
            model_version: round.model_version,
            examples: 20,
            steps: 1,
            update: transfer,
            evaluation: Some(Evaluation { examples: TESTED, loss: self.loss, accuracy, confusion }),
            training: TrainingResult { loss: 1.0, accuracy: 0.5 },
        };
        self.client.say(&message).await?;
        self.client
            .wait(|message| matches!(message, ServerMessage::Upload { transfer } if transfer == id).then_some(()))
            .await?;
        for frame in protocol::chunks(id, update) {
            self.client.say_bytes(frame).await?;
        }
        self.client.wait(|message| matches!(message, ServerMessage::Accepted { .. }).then_some(())).await
    }
}

/// Presses a button, and what its dialog asks for once more.
async fn press_and_confirm(tab: &Tab<'_>, button: &str, dialog: &str) -> Result<()> {
    tab.click(button).await?;
    tab.wait_for(dialog).await?;
    ensure!(tab.violations().await?.is_empty(), "{dialog} violates WCAG 2.2: {:?}", tab.violations().await?);
    tab.click("dialog-confirm").await?;
    tab.wait("the dialog to close", "return !document.querySelector('dialog')", SECONDS_10).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_teacher_sees_who_stands_out_and_takes_it_back() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN, "--rounds", "6", "--least", "4"]).await?;
    let mut laptops = Vec::new();
    for number in 0..4 {
        laptops.push(Played::enter(&server, number == 3).await?);
    }
    let mut rounds = Vec::new();
    let measured = laptops.iter_mut().map(Played::measure);
    for round in futures_util::future::join_all(measured).await {
        rounds.push(round?);
    }
    for (laptop, round) in laptops.iter_mut().zip(&rounds) {
        laptop.give(round).await?;
    }
    for laptop in &mut laptops {
        let round = laptop.client.next_round().await?;
        laptop.give(&round).await?;
    }
    server.wait_for_rounds(2, SECONDS_10).await?;

    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&format!("{}/teach?room={CODE}#{TOKEN}", server.origin())).await?;
    tab.wait_for("standing-out-summary").await?;
    tab.reads("Who stands out? 1 laptop", SECONDS_10).await?;
    let folded = "return !document.querySelector('[data-test=\"standing-out\"]').open";
    assert_eq!(tab.run(folded, vec![]).await?, true, "nobody reads it who did not ask for it");
    tab.click("standing-out-summary").await?;
    let told = "return [...document.querySelectorAll('[data-test=\"contributor\"]')].map((row) => [row.dataset.standing, row.innerText])";
    let told: Vec<(String, String)> = serde_json::from_value(tab.run(told, vec![]).await?)?;
    assert_eq!(
        told.iter().map(|(standing, _)| standing.as_str()).collect::<Vec<_>>(),
        ["true", "false", "false", "false"]
    );
    for words in [
        "Laptop 4",
        "times as large as the others’ (in 2 of 2 rounds).",
        "The sums of its sounds lie far from the others’",
        "the model is right on 0 of 10 test clips there; with the others it is on 24 of 30.",
        "a loss of 900.0, with the others 0.9.",
    ] {
        assert!(told[0].1.contains(words), "“{words}” is not in “{}”", told[0].1);
    }
    assert!(told[1].1.contains("Nothing stands out."), "{told:?}");
    assert_eq!(tab.violations().await?, Vec::<String>::new());
    tab.screenshot("teach-standing-out").await?;

    // Its evaluations are left out, of the rounds that are over as well.
    let examples = |room: &Value| room["history"][0]["evaluation"]["examples"].as_u64();
    let before = examples(&server.room().await?).context("the first round was measured")?;
    press_and_confirm(&tab, "leave-out", "leave-out-dialog").await?;
    tab.reads("The test results of Laptop 4 are left out.", SECONDS_10).await?;
    let room = server.room().await?;
    assert_eq!((before, examples(&room)), (40, Some(30)), "{room:#}");
    assert_eq!(room["history"][0]["evaluation"]["accuracy"], json!(0.8));
    let out = "const row = document.querySelector('[data-test=\"contributor\"]');
        return row.innerText.includes('test results left out') && !row.querySelector('[data-test=\"leave-out\"]').checkVisibility()";
    tab.wait("that they are left out", out, SECONDS_10).await?;

    // The scale is measured anew: all are asked for their sums again, and the open round is repeated.
    press_and_confirm(&tab, "renormalise", "renormalise-dialog").await?;
    tab.reads("The scale is measured anew with the next round.", SECONDS_10).await?;
    let asked = |message| matches!(message, ServerMessage::StatisticsRequest { .. }).then_some(());
    tokio::time::timeout(SECONDS_10, laptops[0].client.wait(asked)).await.context("nobody is asked")??;

    // What it gave is taken back: the dialog says where that leads before it is done.
    tab.click("take-back").await?;
    tab.fill("undo-rounds", "9").await?;
    tab.reads("Type a whole number from 1 to 2.", SECONDS_10).await?;
    tab.fill("undo-rounds", "1").await?;
    tab.reads("goes back to what it was after round 1", SECONDS_10).await?;
    tab.fill("undo-rounds", "2").await?;
    tab.reads("The model goes back to the very beginning", SECONDS_10).await?;
    tab.screenshot("teach-take-back").await?;
    tab.click("dialog-cancel").await?;
    assert_eq!(server.room().await?["status"]["model_version"], 2, "nothing has changed");
    press_and_confirm(&tab, "take-back", "undo-dialog").await?;
    tab.reads("What Laptop 4 gave is taken back. The model begins anew.", SECONDS_10).await?;
    let room = server.room().await?;
    assert_eq!((&room["status"]["model_version"], &room["history"]), (&json!(0), &json!([])));
    let names: Vec<&str> = room["status"]["clients"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|client| client["name"].as_str())
        .collect();
    assert!(!names.contains(&"Client 4"), "it is out: {names:?}");
    Ok(())
}

/// Training that diverges is a state with words: on the teacher's page with what to do, on the board and the students' page.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_that_training_diverges() -> Result<()> {
    let server = Server::start(&["--host-token", TOKEN, "--rounds", "6", "--least", "2"]).await?;
    let mut laptops = [Played::enter(&server, false).await?, Played::enter(&server, false).await?];
    let measured = laptops.iter_mut().map(Played::measure);
    let rounds: Vec<OpenRound> = futures_util::future::try_join_all(measured).await?;
    for (laptop, round) in laptops.iter_mut().zip(&rounds) {
        laptop.give(round).await?;
    }
    for loss in [0.9, 250.0] {
        for laptop in &mut laptops {
            let round = laptop.client.next_round().await?;
            laptop.loss = loss;
            laptop.give(&round).await?;
        }
    }
    server.wait_for_rounds(3, SECONDS_10).await?;
    let browser = Browser::start(Options::default()).await?;
    let teacher = browser.open(&format!("{}/teach?room={CODE}#{TOKEN}", server.origin())).await?;
    teacher
        .reads(
            "Training gets worse and worse: the loss was 0.9 and is 250 now. Press “Go back to a version”",
            SECONDS_10,
        )
        .await?;
    for page in [format!("{}/board", server.page()), server.page()] {
        let tab = browser.open(&page).await?;
        tab.reads("The model gets worse and worse: its loss was 0.9 and is 250 now.", SECONDS_10).await?;
    }

    // In the first round there is no loss yet: the laptops say that they gave up, and why.
    let server = Server::start(&["--host-token", TOKEN, "--least", "2"]).await?;
    let mut given_up = Played::enter(&server, false).await?;
    given_up.client.say(&ClientMessage::Pause { diverged: true }).await?;
    let teacher = browser.open(&format!("{}/teach?room={CODE}#{TOKEN}", server.origin())).await?;
    teacher
        .reads(
            "On one laptop training came to numbers that are of no use, and it has stopped taking part. Open",
            SECONDS_10,
        )
        .await?;
    let board = browser.open(&format!("{}/board", server.page())).await?;
    board.reads("On one laptop training came to numbers that are of no use.", SECONDS_10).await?;
    Ok(())
}
