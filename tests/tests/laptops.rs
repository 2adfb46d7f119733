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
async fn a_full_storage_loses_neither_the_recording_nor_the_clips() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let clips = voices.of_speakers(0..1);
    let sound = speech::decode(&std::fs::read(voices.path(clips[0]))?, clips[0].path.to_str())?.sound;
    let microphone = folder.path().join("voice.wav");
    std::fs::write(&microphone, sound.to_wav())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&voices.paths_of(0)).await?;
    let count = "return parseInt(document.getElementById('clip-list-title').innerText)";
    let before = tab.run(count, vec![]).await?;

    tab.storage_limit(Some(1)).await?;
    // Chromium asks for what is left only every 30 s.
    tokio::time::sleep(Duration::from_secs(35)).await;
    tab.click("record-next").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tab.click("stop-recording").await?;
    tab.wait_for("keep-clip").await?;
    tab.click("keep-clip").await?;
    let words = "return document.body.innerText.includes('no room left for more clips')";
    tab.wait("words about the full storage", words, SECONDS_10).await?;
    tab.screenshot("student-full-storage").await?;
    // As a file it goes where there is room.
    let file = tab.saved("save-recording").await?;
    assert_eq!(tab.run("return window.saved.type", vec![]).await?, "audio/wav");
    assert!(file.starts_with(b"RIFF") && file.len() > 40_000, "the recording as WAV, not {} bytes", file.len());
    assert_eq!(tab.run(count, vec![]).await?, before);

    // With room again, the same recording is kept, and all of it survives a reload.
    tab.storage_limit(None).await?;
    tab.click("keep-clip").await?;
    let one_more = format!("{count} === {}", before.as_u64().unwrap_or_default() + 1);
    tab.wait("one clip more", &one_more, MINUTE).await?;
    tab.reload().await?;
    tab.wait("all clips after a reload", &one_more, MINUTE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_in_the_background_keeps_training_with_the_others() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "500", "--least", "2", "--epochs", "1"]).await?;
    let background = Browser::start(Options { throttles: true, ..Options::default() }).await?;
    let foreground = Browser::start(Options::default()).await?;
    let hidden = background.open(&server.page()).await?;
    hidden.give(&voices.paths_of(0)).await?;
    hidden.click("take-part").await?;
    hidden.minimise().await?;
    hidden.run("window.turns = 0; setInterval(() => { window.turns += 1; }, 100)", vec![]).await?;
    let seen = foreground.open(&server.page()).await?;
    seen.give(&voices.paths_of(1)).await?;
    seen.click("take-part").await?;
    // Each round takes both; these go on for long enough that the browser has slowed the hidden page down.
    let first = server.wait_for_rounds(1, MINUTE).await?.len();
    tokio::time::sleep(Duration::from_secs(25)).await;
    let rounds = server.wait_for_rounds(first + 1, MINUTE).await?.len() - first;
    let slowed = hidden.run("return [document.visibilityState, window.turns]", vec![]).await?;
    println!("{rounds} rounds while the hidden page woke {slowed} times");
    assert_eq!(slowed[0], "hidden");
    assert!(slowed[1].as_u64().is_some_and(|turns| turns < 100), "the browser did not slow the page down: {slowed}");
    assert!(rounds >= 3, "{rounds} rounds in 25 s");
    Ok(())
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
