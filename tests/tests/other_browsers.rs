//! Other browsers than Chromium. The lesson from joining to the results, in Firefox: beside Chromium in one room, and in a private
//! window over https with a certificate that nobody vouches for; in WebKitGTK, where that is here. And in Firefox what the
//! page makes of sound files, and of devices that do not do what they should.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::browser::{self, Browser, Options, Tab, Which};
use tests::program::{CODE, Server};
use tests::stand_in::StandIn;
use tests::voices::Voices;
use tests::{devices, sounds};

const ROUNDS: usize = 4;
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES_4: Duration = Duration::from_secs(240);

/// Gives the page a file and a made-up voice, and says how many clips that makes. The page has tried what this browser can.
async fn bring_clips(tab: &Tab<'_>, voices: &Voices) -> Result<usize> {
    let able = "return ['program', 'storage'].every((what) =>
        document.querySelector(`[data-test=\"capability-${what}\"]`)?.dataset.verdict === 'good')";
    tab.wait("a browser that can do it", able, MINUTE).await?;
    tab.fill("name", "Ada").await?;
    tab.give(&voices.paths_of(0)[..1]).await?;
    tab.click("made-up").await?;
    let all = "return parseInt(document.getElementById('clip-list-title').innerText) > 8 && \
               !document.querySelector('[data-test=\"made-up\"]').hasAttribute('aria-disabled')";
    tab.wait("a made-up voice's clips", all, MINUTE).await?;
    tab.clips().await
}

/// Looks at the finished room as the page shows it, and loads it again: the clips are still there.
async fn see_results(tab: &Tab<'_>, clips: usize, picture: Option<&str>) -> Result<()> {
    tab.wait_for("finished").await?;
    for chart in ["chart-accuracy", "chart-confusion"] {
        tab.wait_for(chart).await?;
    }
    let script = "const { kind, threads } = document.querySelector('[data-test=\"backend\"]').dataset;
        const several = crossOriginIsolated && typeof Atomics.waitAsync === 'function' && navigator.hardwareConcurrency > 1;
        return [kind, Number(threads), several]";
    let (kind, threads, several): (String, u32, bool) = serde_json::from_value(tab.run(script, vec![]).await?)?;
    assert_eq!(kind, "cpu", "the processor trained");
    println!("trained on {threads} cores");
    // Those that can wait for shared memory may still lack the instructions.
    ensure!(several || threads == 1, "{threads} threads in a browser that has none");
    // A personal model is made by itself after the last round.
    tab.wait_for("save-mine-onnx").await?;
    if let Some(picture) = picture {
        tab.screenshot(picture).await?;
    }
    tab.reload().await?;
    tab.wait_for_clips(clips, MINUTE).await
}

/// Folders in which a profile keeps what belongs to a server on this machine, under a name such as
/// `http+++localhost+8080`.
fn kept(profile: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    if let Ok(folder) = std::fs::read_dir(profile.join("storage/default")) {
        for entry in folder {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    names.retain(|name| name.contains("localhost"));
    Ok(names)
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_and_chromium_train_one_model_together() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--model", "compact", "--rounds", &rounds, "--epochs", "1", "--least", "2"]).await?;
    let firefox = Browser::start(Options { which: Which::Firefox, ..Options::default() }).await?;
    let chromium = Browser::start(Options::default()).await?;
    let ada = firefox.open(&server.page()).await?;
    let clips = bring_clips(&ada, &voices).await?;
    let bob = chromium.open(&server.page()).await?;
    bob.give(&voices.paths_of(1)).await?;
    for tab in [&ada, &bob] {
        tab.click("take-part").await?;
    }
    let history = server.wait_for_rounds(ROUNDS, MINUTES_4).await?;
    for record in &history {
        assert_eq!(record["clients"], 2, "both browsers are in every round: {record}");
    }
    let room = server.room().await?;
    assert_eq!(room["status"]["phase"], "finished");
    let people = room["status"]["clients"].as_array().context("the room has clients")?;
    ensure!(people.iter().any(|person| person["name"] == "Ada"), "who is in Firefox has a name: {people:?}");
    see_results(&ada, clips, Some("firefox-finished")).await?;
    ensure!(!kept(firefox.profile())?.is_empty(), "an ordinary window keeps its clips on the disk");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_trains_a_whole_room_where_its_pages_are_not_isolated() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--model", "compact", "--rounds", &rounds, "--epochs", "1", "--least", "1"]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let headers = &["cross-origin-opener-policy", "cross-origin-embedder-policy"];
    let stand_in = StandIn::without(&host, headers).await?;
    let firefox = Browser::start(Options { which: Which::Firefox, ..Options::default() }).await?;
    let tab = firefox.open(&format!("{}/room/{CODE}", stand_in.origin())).await?;
    assert_eq!(tab.run("return crossOriginIsolated", vec![]).await?, false);
    let clips = bring_clips(&tab, &voices).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(ROUNDS, MINUTES_4).await?;
    see_results(&tab, clips, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_window_that_took_a_certificate_of_our_own_trains_to_the_end() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let options = ["--rounds", &rounds, "--epochs", "1", "--least", "1", "--tls", "self-signed"];
    let server = Server::start(&options).await?;
    ensure!(server.origin().starts_with("https://"), "{}", server.origin());
    let private = Options { which: Which::Firefox, private: true, any_certificate: true, ..Options::default() };
    let firefox = Browser::start(private).await?;
    let tab = firefox.open(&server.page()).await?;
    let clips = bring_clips(&tab, &voices).await?;
    tab.click("take-part").await?;
    let trained = format!(
        "return fetch('/api/rooms/{CODE}').then((answer) => answer.json())
           .then(({{ history, status }}) => history.length === {ROUNDS} && status.phase === 'finished')"
    );
    tab.wait("the last round", &trained, MINUTES_4).await?;
    see_results(&tab, clips, Some("firefox-private")).await?;
    assert_eq!(kept(firefox.profile())?, Vec::<String>::new(), "a private window keeps nothing on the disk");
    Ok(())
}

/// A server with its room, and a Firefox.
async fn room_and_firefox(loudspeaker: bool) -> Result<(Server, Browser)> {
    let firefox = Options { which: Which::Firefox, loudspeaker, ..Options::default() };
    Ok((Server::start(&[]).await?, Browser::start(firefox).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_reads_every_sound_file_in_full_or_refuses_it_by_its_name() -> Result<()> {
    let (server, firefox) = room_and_firefox(false).await?;
    sounds::all_are_read_or_refused(&server, &firefox, Which::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_sound_that_never_starts_is_given_up_and_the_microphone_given_back() -> Result<()> {
    let (server, firefox) = room_and_firefox(false).await?;
    devices::sound_that_never_starts(&server, &firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_a_question_about_the_microphone_that_stays_open_is_given_up() -> Result<()> {
    let (server, firefox) = room_and_firefox(false).await?;
    devices::a_question_that_stays_open(&server, &firefox).await
}

/// Whether Firefox can have a sound output, without which it records nothing.
fn can_record() -> bool {
    let can = browser::has_loudspeaker();
    if !can {
        println!("LEFT OUT: there is no PulseAudio here, which Firefox needs to record");
    }
    can
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_what_was_said_before_the_microphone_was_unplugged_is_kept() -> Result<()> {
    if !can_record() {
        return Ok(());
    }
    let (server, firefox) = room_and_firefox(true).await?;
    devices::a_microphone_that_is_unplugged(&server, &firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_a_recording_at_any_rate_has_all_that_was_said() -> Result<()> {
    if !can_record() {
        return Ok(());
    }
    let (server, firefox) = room_and_firefox(true).await?;
    devices::nothing_is_lost_of_a_recording(&server, &firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_trains_to_the_end() -> Result<()> {
    if let Some(missing) = browser::webkit_lacks() {
        println!("LEFT OUT: WebKitGTK needs {missing}, which is not here");
        return Ok(());
    }
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--rounds", &rounds, "--epochs", "1", "--least", "1"]).await?;
    let webkit = Browser::start(Options { which: Which::WebKit, ..Options::default() }).await?;
    let tab = webkit.open(&server.page()).await?;
    let clips = bring_clips(&tab, &voices).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(ROUNDS, MINUTES_4).await?;
    // It takes no pictures without a real screen.
    see_results(&tab, clips, None).await
}
