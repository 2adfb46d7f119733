//! What a person does at the page, and what can go wrong there.

use std::time::Duration;

use anyhow::{Context, Result};
use fantoccini::key::Key;
use serde_json::json;
use tests::browser::{Browser, Options};
use tests::program::{CODE, Server};
use tests::voices::Voices;

const SECONDS_10: Duration = Duration::from_secs(10);
const SECONDS_30: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_leads_into_the_room() -> Result<()> {
    let server = Server::start(&[]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.origin()).await?;
    tab.wait_for("join-code").await?;
    tab.screenshot("front").await?;
    tab.run("document.querySelector('[data-test=\"join-code\"]').value = 'zzzzz'", vec![]).await?;
    tab.click("join-button").await?;
    tab.wait(
        "a plain word about the unknown code",
        "return /no room|not find|unknown/i.test(document.body.innerText)",
        SECONDS_10,
    )
    .await?;
    // Blanks and small letters are forgiven.
    tab.run("document.querySelector('[data-test=\"join-code\"]').value = ' harps '", vec![]).await?;
    tab.click("join-button").await?;
    tab.wait_for("take-part").await?;
    tab.screenshot("room-empty").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_leads_through_a_lesson() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "2", "--least", "1", "--epochs", "1"]).await?;
    let folder = tempfile::tempdir()?;
    let microphone = folder.path().join("voice.wav");
    let clip = voices.of_speakers(0..1).first().copied().context("there is a speaker")?;
    let sound = speech::decode(&std::fs::read(voices.path(clip))?, clip.path.to_str())?.sound;
    std::fs::write(&microphone, sound.to_wav())?;
    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.origin()).await?;
    tab.tab_to("join-code").await?;
    tab.type_text(CODE).await?;
    tab.press(Key::Enter).await?;

    tab.tab_to("name").await?;
    tab.type_text("Ada").await?;
    tab.tab_to("record-next").await?;
    tab.press(Key::Space).await?;
    // The focus follows the recording: to the button that ends it, and to the one that keeps it.
    let focused = |name: &str| format!("return document.activeElement.matches('[data-test=\"{name}\"]')");
    tab.wait("the focus on “stop-recording”", &focused("stop-recording"), SECONDS_30).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tab.press(Key::Enter).await?;
    tab.wait(
        "the focus on the next step",
        "return document.activeElement.closest('.stage-buttons') !== null",
        SECONDS_30,
    )
    .await?;
    tab.tab_to("keep-clip").await?;
    tab.press(Key::Enter).await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    tab.tab_to("made-up").await?;
    tab.press(Key::Enter).await?;
    let count = "return parseInt(document.getElementById('clip-list-title').innerText)";
    let all = "return parseInt(document.getElementById('clip-list-title').innerText) > 8 && \
               !document.querySelector('[data-test=\"made-up\"]').hasAttribute('aria-disabled')";
    tab.wait("more clips", all, MINUTE).await?;
    // The list follows a moment later.
    let before = tab.clips().await?;
    tab.tab_to("delete").await?;
    tab.press(Key::Enter).await?;
    tab.wait("a clip less", &format!("{count} === {before} - 1"), SECONDS_10).await?;
    // The focus went to the way back by itself.
    tab.wait("the focus on “undo”", &focused("undo"), SECONDS_10).await?;
    tab.press(Key::Enter).await?;
    tab.wait("the clip back", &format!("{count} === {before}"), SECONDS_10).await?;

    tab.tab_to("take-part").await?;
    tab.press(Key::Space).await?;
    tab.wait_for("finished").await?;
    tab.tab_to("try-live").await?;
    tab.tab_to("save-mine-onnx").await?;
    tab.tab_to("search-voice").await?;
    let name = server.room().await?["status"]["clients"][0]["name"].clone();
    assert_eq!(name, "Ada");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_from_the_microphone_becomes_a_clip() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    // Chromium's fake microphone plays WAV files.
    let clip = voices.of_speakers(0..1).first().copied().context("there is a speaker")?;
    let sound = speech::decode(&std::fs::read(voices.path(clip))?, clip.path.to_str())?.sound;
    let folder = tempfile::tempdir()?;
    let microphone = folder.path().join("voice.wav");
    std::fs::write(&microphone, sound.to_wav())?;

    let browser = Browser::start(Options { microphone: Some(microphone), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.click("record-0").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tab.screenshot("recording").await?;
    tab.click("stop-recording").await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    let clip = tab
        .run(
            "const clip = document.querySelector('[data-test=\"clip\"]'); return [clip.dataset.label, clip.dataset.id]",
            vec![],
        )
        .await?;
    assert_eq!(clip[0], "angry", "a clip recorded as the first emotion is labelled so");

    tab.reload().await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    tab.screenshot("recorded").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_text_file_is_refused_in_plain_words_and_the_sound_beside_it_is_taken() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("drop-zone").await?;
    let clip = voices.of_speakers(0..1).first().copied().context("there is a speaker")?;
    let sound = std::fs::read(voices.path(clip))?;
    let name = clip.path.file_name().and_then(|name| name.to_str()).context("a clip has a name")?;
    tab.run(
        "const [name, sound] = arguments;
         const transfer = new DataTransfer();
         transfer.items.add(new File(['this is a shopping list, not a voice'], 'angry.wav'));
         transfer.items.add(new File([new Uint8Array(sound)], name));
         const zone = document.querySelector('[data-test=\"drop-zone\"]');
         for (const type of ['dragenter', 'dragover', 'drop']) {
           zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
         }",
        vec![json!(name), json!(sound)],
    )
    .await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    tab.wait("the refused file's name", "return document.body.innerText.includes('angry.wav')", SECONDS_10).await?;
    tab.screenshot("dropped").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_in_mid_round_keeps_clips_and_identity_and_the_room_goes_on() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "6", "--least", "2", "--epochs", "4"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let first = browser.open(&server.page()).await?;
    let clips = voices.paths_of(0);
    first.give(&clips).await?;
    let second = browser.open(&server.page()).await?;
    second.give(&voices.paths_of(1)).await?;
    first.click("take-part").await?;
    second.click("take-part").await?;
    server.wait_for_rounds(1, MINUTE).await?;
    first.reload().await?;
    first.wait_for_clips(clips.len(), MINUTE).await?;
    let history = server.wait_for_rounds(6, Duration::from_secs(240)).await?;
    let room = server.room().await?;
    let people = room["status"]["clients"].as_array().context("the room has clients")?;
    assert_eq!(people.len(), 2, "the reloaded tab is the same client as before: {people:?}");
    assert_eq!(history.last().context("six rounds")?["clients"], 2, "and takes part again by itself");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_waits_for_a_server_that_was_killed_and_goes_on() -> Result<()> {
    let voices = Voices::open()?;
    let mut server = Server::start(&["--rounds", "6", "--least", "1", "--epochs", "2"]).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&voices.paths_of(0)).await?;
    tab.click("take-part").await?;
    let before = server.wait_for_rounds(2, MINUTE).await?;
    server.kill();
    tab.wait(
        "the page to say that the connection is lost",
        "return /lost|again|retry/i.test(document.querySelector('[data-test=\"connection\"]').innerText)",
        SECONDS_10,
    )
    .await?;
    tab.screenshot("connection-lost").await?;
    server.start_again().await?;
    let after = server.wait_for_rounds(6, Duration::from_secs(120)).await?;
    assert_eq!(before[0], after[0], "the rounds before the crash are still there");
    Ok(())
}
