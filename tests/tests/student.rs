//! What a student does at the page during a lesson: follows the prompts, is warned of a bad recording, corrects the live
//! model, and puts a model of their own beside the group's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use client::personal::{Expectation, Says};
use models::Architecture;
use protocol::Normalisation;
use serde_json::Value;
use tests::browser::{Browser, Options, Tab};
use tests::program::Server;
use tests::voices::Voices;

const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// A microphone that hears a clip of this label, over and over.
fn microphone(voices: &Voices, label: usize, folder: &Path) -> Result<PathBuf> {
    let clips = voices.of_speakers(0..1);
    let clip = clips.iter().find(|clip| clip.label == label).context("every label has a clip")?;
    voices.microphone(clip, folder, "voice")
}

/// The label of the prompt.
async fn prompted(tab: &Tab<'_>) -> Result<String> {
    tab.wait_for("prompt").await?;
    let label = tab.run("return document.querySelector('[data-test=\"prompt\"]').dataset.label", vec![]).await?;
    Ok(label.as_str().context("a prompt has a label")?.to_owned())
}

async fn record(tab: &Tab<'_>, seconds: u64) -> Result<()> {
    tab.click("record-next").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    tab.click("stop-recording").await?;
    tab.wait_for("keep-clip").await
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_move_on_to_the_label_with_the_fewest_clips_and_every_deletion_comes_back() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let microphone = microphone(&voices, 0, folder.path())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    assert_eq!(prompted(&tab).await?, "angry", "with no clips it is the first label");
    tab.click("skip-prompt").await?;
    assert_eq!(prompted(&tab).await?, "happy", "a label that is skipped waits");
    record(&tab, 2).await?;
    tab.screenshot("student-review").await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    assert_eq!(prompted(&tab).await?, "angry", "the label that was skipped has the fewest again");
    record(&tab, 3).await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(2, SECONDS_10).await?;
    assert_eq!(prompted(&tab).await?, "neutral");
    tab.screenshot("student-prompt").await?;

    // Two deletions in a row, the second of all that is left, and both come back, the last one first.
    tab.click("delete").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    record(&tab, 2).await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(2, SECONDS_10).await?;
    tab.click("delete-all").await?;
    tab.wait_for_clips(0, SECONDS_10).await?;
    tab.click("undo").await?;
    tab.wait_for_clips(2, SECONDS_10).await?;
    tab.click("undo").await?;
    tab.wait_for_clips(3, SECONDS_10).await?;
    let left = tab.run("return document.getElementById('undo-bar').hidden", vec![]).await?;
    assert_eq!(left, true, "nothing is left to be undone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_recording_is_warned_about_and_may_be_kept() -> Result<()> {
    let server = Server::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let microphone = folder.path().join("silence.wav");
    std::fs::write(&microphone, speech::Sound::from_pcm(&[0.0; 48_000], 1, speech::SAMPLE_RATE)?.to_wav())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    record(&tab, 2).await?;
    tab.wait_for("quality-advice").await?;
    let found =
        tab.run("return document.querySelector('[data-test=\"quality-advice\"]').dataset.complaints", vec![]).await?;
    assert_eq!(found, "silent");
    tab.screenshot("student-silent").await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    tab.wait_for("clip-advice").await?;
    tab.reload().await?;
    tab.wait_for("clip-advice").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_language_keeps_a_recording_that_is_not_decided_about() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let folder = tempfile::tempdir()?;
    let microphone = microphone(&voices, 0, folder.path())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    record(&tab, 2).await?;
    let choose = "const picker = document.querySelector('[data-test=\"language\"]');
        picker.value = 'de';
        picker.dispatchEvent(new Event('change'));";
    tab.run(choose, vec![]).await?;
    tab.wait("the page in German", "return document.documentElement.lang === 'de'", MINUTE).await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    let seconds = "return parseFloat(document.querySelector('.clip-length').textContent.replace(',', '.'))";
    let seconds = tab.run(seconds, vec![]).await?.as_f64().context("a clip has a length")?;
    assert!(seconds > 1.5, "{seconds} s of at least two were kept");
    let left = tab.run("return sessionStorage.getItem('chorus.recording')", vec![]).await?;
    assert!(left.is_null(), "it is there once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_correction_becomes_a_clip_and_is_trained_on() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "400", "--least", "1", "--epochs", "1"]).await?;
    let folder = tempfile::tempdir()?;
    let microphone = microphone(&voices, 0, folder.path())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    let clips = voices.paths_of(1);
    tab.give(&clips).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(1, MINUTE).await?;
    tab.click("try-live").await?;
    tab.wait(
        "bars that move",
        "return Number(document.querySelector('[data-test=\"try-probabilities\"]').dataset.latencyMs) > 0",
        MINUTE,
    )
    .await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let latency =
        tab.run("return {...document.querySelector('[data-test=\"try-probabilities\"]').dataset}", vec![]).await?;
    println!(
        "from sound to bar, while training: {} ms for the newest sound, {} ms for the one that waited longest",
        latency["latencyMs"], latency["latencyLongestMs"]
    );
    tab.screenshot("student-live").await?;
    let before = examples(&server).await?;
    tab.click("correct-3").await?;
    tab.wait_for_clips(clips.len() + 1, SECONDS_10).await?;
    let label =
        tab.run("return document.querySelector('[data-test=\"clip\"][data-corrected]').dataset.label", vec![]).await?;
    assert_eq!(label, "sad", "the clip is marked, and has the label that was tapped");
    let rounds = server.wait_for_rounds(1, MINUTE).await?.len();
    server.wait_for_rounds(rounds + 2, MINUTE).await?;
    assert_eq!(examples(&server).await?, before + 1, "a correction is never held back");
    tab.click("correction-undo").await?;
    tab.wait_for_clips(clips.len(), SECONDS_10).await?;
    Ok(())
}

/// How many clips the newest round was trained on.
async fn examples(server: &Server) -> Result<u64> {
    let history = server.wait_for_rounds(1, MINUTE).await?;
    history.last().and_then(|record| record["examples"].as_u64()).context("a round has examples")
}

#[tokio::test(flavor = "multi_thread")]
async fn mine_stands_beside_ours_after_the_last_round_and_survives_a_reload() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "3", "--least", "2", "--epochs", "2"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let first = browser.open(&server.page()).await?;
    first.give(&voices.paths_of(0)).await?;
    let second = browser.open(&server.page()).await?;
    second.give(&voices.paths_of(1)).await?;
    first.click("take-part").await?;
    second.click("take-part").await?;
    server.wait_for_rounds(3, Duration::from_secs(240)).await?;
    let labels: Vec<usize> = voices.of_speakers(0..1).iter().map(|clip| clip.label).collect();
    let held_back = client::held_back(&labels).iter().filter(|held_back| **held_back).count();
    let compared = format!("return document.querySelectorAll('[data-test=\"compared\"]').length === {held_back}");
    first.wait("both models' answers to the test clips", &compared, MINUTE).await?;
    let scores = "return ['mine', 'ours'].map((who) => [document.querySelector(`[data-test=\"score-${who}\"]`).innerText, \
         document.querySelectorAll(`[data-test=\"compared\"] td:nth-child(${who === 'mine' ? 2 : 3})[data-right=\"true\"]`).length])";
    let shown = first.run(scores, vec![]).await?;
    for who in [0, 1] {
        let right = shown[who][1].as_u64().context("a count")?;
        assert_eq!(shown[who][0], Value::from(format!("{right} of {held_back}")), "the number is that of the list");
    }
    // What is promised is what was measured with no more clips than this voice has of each label.
    let training = client::held_back(&labels).into_iter().zip(&labels).filter(|(held_back, _)| !held_back);
    let holdings = client::per_label(training.map(|(_, label)| *label), 4);
    let Expectation { says, clips, gained: [less, more] } =
        Expectation::of(Architecture::Compact, Normalisation::Group, &holdings);
    assert!(matches!(says, Says::HelpedOnce | Says::Helped), "{holdings:?}");
    let said = first.run("return document.querySelector('[data-test=\"mine-expected\"]').innerText", vec![]).await?;
    let said = said.as_str().context("a sentence")?;
    for number in [clips, less, more].into_iter().filter(|number| *number > 0) {
        assert!(said.split(|letter: char| !letter.is_ascii_digit()).any(|word| word == number.to_string()), "{said}");
    }
    first.run("document.getElementById('mine').scrollIntoView()", vec![]).await?;
    first.screenshot("student-mine").await?;
    let before = server.room().await?["status"]["bytes_up"].clone();
    first.click("tune").await?;
    first.wait("the personal model, made anew", &compared, MINUTE).await?;
    assert_eq!(server.room().await?["status"]["bytes_up"], before, "nothing of it is sent");

    first.reload().await?;
    first.wait("the personal model after a reload", &compared, MINUTE).await?;
    assert_eq!(first.run(scores, vec![]).await?, shown);
    first.click("try-mine").await?;
    Ok(())
}
