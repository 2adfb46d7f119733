//! What real laptops do in a lesson, and that the page says a way on. `docs/laptops.md` lists all of it.

use std::time::Duration;

use anyhow::Result;
use tests::browser::{Browser, Options};
use tests::program::Server;
use tests::voices::Voices;

const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// Asks for the microphone after `before` has run in the page, and waits for these words.
async fn records_and_reads(refuses: bool, before: &str, words: &str) -> Result<()> {
    let server = Server::start(&[]).await?;
    let browser = Browser::start(Options { refuses, ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("record-next").await?;
    tab.run(before, vec![]).await?;
    tab.click("record-next").await?;
    let script = format!("return document.body.innerText.includes({words:?})");
    tab.wait(&format!("the words “{words}”"), &script, SECONDS_10).await?;
    // There is another way, and it is open.
    tab.click("made-up").await?;
    tab.wait("clips", "return parseInt(document.getElementById('clip-list-title').innerText) > 0", MINUTE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_microphone_is_no_dead_end() -> Result<()> {
    records_and_reads(true, "", "This page may not use the microphone.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_without_a_microphone_takes_part_all_the_same() -> Result<()> {
    // Chromium's fake devices cannot be none; this is what it answers where there is none.
    let none = "navigator.mediaDevices.getUserMedia = () => \
                Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))";
    records_and_reads(false, none, "No microphone was found.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_tab_does_not_keep_the_others_and_goes_on_when_it_is_looked_at() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "500", "--least", "1", "--epochs", "1", "--deadline", "10"]).await?;
    let awake = Browser::start(Options::default()).await?;
    let asleep = Browser::start(Options::default()).await?;
    let first = awake.open(&server.page()).await?;
    first.give(&voices.paths_of(0)).await?;
    let second = asleep.open(&server.page()).await?;
    second.give(&voices.paths_of(1)).await?;
    first.click("take-part").await?;
    second.click("take-part").await?;
    server.wait_for_rounds(2, MINUTE).await?;
    second.freeze(true).await?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let without = server.wait_for_rounds(1, MINUTE).await?.len();
    server.wait_for_rounds(without + 2, MINUTE).await?;
    second.freeze(false).await?;
    second
        .wait(
            "the connection",
            "return document.querySelector('[data-test=\"connection\"]').dataset.connection === 'open'",
            MINUTE,
        )
        .await?;
    let before = server.wait_for_rounds(1, MINUTE).await?.len();
    let deadline = tokio::time::Instant::now() + MINUTE;
    loop {
        let history = server.wait_for_rounds(before + 1, MINUTE).await?;
        if history[before..].iter().any(|record| record["clients"] == 2) {
            return Ok(());
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "the tab that was frozen trains no more");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
