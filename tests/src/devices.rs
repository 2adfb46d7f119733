//! What a person meets who records on a device, or in a browser, that does not do what it should; and how much of what is said a
//! recording has. Each story is of one browser, whichever that is.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::browser::{Browser, Tab};
use crate::program::Server;
use crate::sounds::only_clip;
use crate::voices::Voices;

const SECONDS_10: Duration = Duration::from_secs(10);
/// Most seconds of what is said that may be missing at either end of a recording.
const MOST_LOST: f64 = 0.005;
/// More than this, that was said before or after it, is none of a recording's.
const MOST_MORE: f64 = 0.25;

const NEVER_STARTS: &str = "AudioContext.prototype.resume = () => new Promise(() => {});";
const UNANSWERED: &str = "const asked = mediaDevices.getUserMedia;
    mediaDevices.getUserMedia = (wanted) => new Promise((resolve) => { window.answer = () => resolve(asked(wanted)); });";
/// All waits of the page take a twentieth of their time.
const IN_A_HURRY: &str = "const later = window.setTimeout;
    window.setTimeout = (what, milliseconds, ...rest) => later(what, milliseconds / 20, ...rest);";
const UNPLUG: &str = "for (const track of tracks) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }";

/// The room's page where the microphone is watched, and something may be otherwise than usual.
async fn page<'a>(server: &Server, browser: &'a Browser, otherwise: &str) -> Result<Tab<'a>> {
    let script = format!("{{\n{}\n{otherwise}\n}}", include_str!("devices/microphone.js"));
    let tab = browser.open_after(&script, &server.page()).await?;
    tab.wait_for("record-0").await?;
    Ok(tab)
}

/// Waits until the room's list says of somebody that they record, or of nobody any more.
async fn class_sees_recording(server: &Server, recording: bool) -> Result<()> {
    let deadline = tokio::time::Instant::now() + SECONDS_10;
    loop {
        let room = server.room().await?;
        let people = room["status"]["clients"].as_array().context("the room has clients")?;
        if people.iter().any(|person| person["state"] == "recording") == recording {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "does somebody record? not {recording}: {people:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the page has given back all of the microphone that it was given, and the class knows.
async fn is_over(server: &Server, tab: &Tab<'_>, given: usize) -> Result<()> {
    let script =
        format!("return tracks.length === {given} && tracks.every(({{ readyState }}) => readyState === 'ended')");
    tab.wait("the microphone given back", &script, SECONDS_10).await?;
    class_sees_recording(server, false).await
}

async fn says(tab: &Tab<'_>, words: &str) -> Result<()> {
    let script = format!("return document.body.innerText.includes('{words}')");
    tab.wait(&format!("“{words}”"), &script, SECONDS_10).await
}

/// Sound that never starts, as in Firefox without a sound output: one may cancel, and is told where one doesn't.
///
/// # Errors
/// Where the page waits on, or keeps the microphone.
pub async fn sound_that_never_starts(server: &Server, browser: &Browser) -> Result<()> {
    let tab = page(server, browser, NEVER_STARTS).await?;
    tab.click("record-0").await?;
    class_sees_recording(server, true).await?;
    tab.click("cancel-recording").await?;
    is_over(server, &tab, 1).await?;
    tab.click("record-0").await?;
    says(&tab, "sound does not start").await?;
    is_over(server, &tab, 2).await?;
    tab.wait_for("record-0").await?;
    // Nor can anything be played.
    tab.give(&Voices::open()?.paths_of(0)[..1]).await?;
    tab.click("play").await?;
    says(&tab, "nothing can be played").await
}

/// The browser's question about the microphone stays open: one may cancel, and is told where one doesn't. An answer that comes
/// later opens nothing.
///
/// # Errors
/// Where the page waits on, or keeps the microphone.
pub async fn a_question_that_stays_open(server: &Server, browser: &Browser) -> Result<()> {
    let tab = page(server, browser, UNANSWERED).await?;
    tab.click("record-0").await?;
    class_sees_recording(server, true).await?;
    tab.click("cancel-recording").await?;
    is_over(server, &tab, 0).await?;
    tab.wait_for("record-0").await?;
    tab.run("answer()", vec![]).await?;
    is_over(server, &tab, 1).await?;

    let hurried = page(server, browser, &format!("{UNANSWERED}\n{IN_A_HURRY}")).await?;
    hurried.click("record-0").await?;
    class_sees_recording(server, true).await?;
    says(&hurried, "was not answered").await?;
    is_over(server, &hurried, 0).await?;
    hurried.run("answer()", vec![]).await?;
    is_over(server, &hurried, 1).await
}

/// The microphone is unplugged: while the seconds are counted down, and in the middle of a recording, which keeps what it has.
///
/// # Errors
/// Where the page waits on, keeps the microphone, or loses what was said.
pub async fn a_microphone_that_is_unplugged(server: &Server, browser: &Browser) -> Result<()> {
    let tab = page(server, browser, "").await?;
    tab.click("record-0").await?;
    tab.wait("the countdown", "return document.querySelector('.count')?.innerText === '3'", SECONDS_10).await?;
    tab.run(UNPLUG, vec![]).await?;
    says(&tab, "The microphone went away").await?;
    is_over(server, &tab, 1).await?;
    tab.click("record-0").await?;
    tab.wait_for("stop-recording").await?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    tab.run(UNPLUG, vec![]).await?;
    says(&tab, "The microphone went away").await?;
    is_over(server, &tab, 2).await?;
    tab.click("keep-clip").await?;
    tab.wait_for_clips(1, SECONDS_10).await?;
    let seconds = only_clip(&tab.saved("save-clips").await?)?.seconds();
    ensure!((1.0..4.0).contains(&seconds), "{seconds} s are left of what was said until then");
    Ok(())
}

/// What the page recorded of a microphone that says what time it is, in seconds of that clock.
#[derive(Deserialize, Debug)]
struct Recorded {
    begun: f64,
    first: f64,
    last: f64,
    stopped: f64,
    rate: f64,
    seconds: f64,
}

/// Records at the rate that the browser's sound has by itself, and at others, and looks what is lost at either end.
///
/// # Errors
/// Where that is more than 5 ms.
pub async fn nothing_is_lost_of_a_recording(server: &Server, browser: &Browser) -> Result<()> {
    let clock = include_str!("devices/speaking-clock.js");
    let mut lost = Vec::new();
    for rate in [None, Some(16_000), Some(44_100), Some(96_000)] {
        let of_rate = rate.map_or(String::new(), |rate| {
            format!(
                "window.AudioContext = class extends Context {{
                   constructor(options) {{ super({{ sampleRate: {rate}, ...options }}); }}
                 }};"
            )
        });
        let tab = browser.open_after(&format!("{{\n{clock}\n{of_rate}\n}}"), &server.page()).await?;
        for nth in 1..=2 {
            tab.click("record-0").await?;
            tab.wait_for("stop-recording").await?;
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            tab.click("stop-recording").await?;
            tab.click("drop-clip").await?;
            let recordings = tab.run("return window.recordings", vec![]).await?;
            let recordings: Vec<Recorded> = serde_json::from_value(recordings)?;
            ensure!(recordings.len() == nth, "one recording each: {recordings:?}");
            let Recorded { begun, first, last, stopped, rate, seconds } = recordings[nth - 1];
            let ends = [first - begun, stopped - last];
            println!(
                "at {rate} Hz: lost {:.1} ms at the beginning, {:.1} ms at the end, {:.1} ms within",
                ends[0] * 1e3,
                ends[1] * 1e3,
                (last - first - seconds) * 1e3
            );
            lost.extend(ends.into_iter().filter(|lost| !(-MOST_MORE..=MOST_LOST).contains(lost)));
        }
    }
    ensure!(lost.is_empty(), "seconds lost (or, below 0, too much): {lost:?}");
    Ok(())
}
