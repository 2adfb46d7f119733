//! A student attacks an update of their own on their own laptop: in the plain one labels and sound are found, in the masked and the
//! noised one they are not; and nothing of it leaves the laptop.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, Options, Tab};
use tests::overheard::{BINARY, frames, texts};
use tests::program::Server;
use tests::recorder::Recorder;
use tests::voices::Voices;

const MINUTES: Duration = Duration::from_secs(180);

/// What the attacker is said to have found: whether it is right, and the figure where there is one.
async fn found(tab: &Tab<'_>, name: &str) -> Result<(bool, Option<f64>)> {
    let script = "const said = document.querySelector(`[data-test=\"${arguments[0]}\"]`);
        return said && [said.querySelector('[data-found]').dataset.found, said.dataset.value ?? null]";
    let said = tab.run(script, vec![json!(name)]).await?;
    let value = said[1].as_str().map(str::parse).transpose()?;
    Ok((said[0].as_str().with_context(|| format!("nothing is said of {name}"))? == "true", value))
}

async fn attacks(tab: &Tab<'_>, of: &str) -> Result<()> {
    let script = "const choice = document.querySelector('[data-test=\"exposure-clip\"]');
        choice.value = arguments[0] === 'all' ? 'all' : choice.options[Number(arguments[0])].value;
        document.querySelector('[data-test=\"exposure-result\"]').hidden = true;";
    tab.run(script, vec![json!(of)]).await?;
    tab.click("expose").await?;
    let over = "return document.querySelector('[data-test=\"exposure-result\"]').checkVisibility()
        || document.querySelector('[data-test=\"exposure-problem\"]').checkVisibility()";
    tab.wait("the attack to be over", over, MINUTES).await?;
    let problem = "return document.querySelector('[data-test=\"exposure-problem\"]').innerText";
    assert_eq!(tab.run(problem, vec![]).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_s_own_update_is_attacked_on_one_s_own_laptop() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "1", "--least", "1", "--epochs", "2"]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let recorder = Recorder::start(&host).await?;
    let browser = Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    let clips = voices.paths_of(0);
    tab.give(&clips[..12.min(clips.len())]).await?;
    tab.wait_for("exposure-none").await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(1, MINUTES).await?;
    tab.wait_for("download").await?;
    tab.wait_for("expose").await?;
    // What comes after a lesson by itself has come: the personal model is made here, too.
    tab.wait("the personal model", "return !!document.querySelector('[data-test=\"compared\"]')", MINUTES).await?;
    let sent = |recorder: &Recorder| -> usize { frames(recorder).iter().map(|(sent, _)| sent.len()).sum() };
    let before = sent(&recorder);

    attacks(&tab, "0").await?;
    let mut said = Vec::new();
    for way in ["plain", "masked", "noised"] {
        let (labels, _) = found(&tab, &format!("{way}-labels")).await?;
        let (voice, _) = found(&tab, &format!("{way}-voice")).await?;
        let (sound, alike) = found(&tab, &format!("{way}-sound")).await?;
        said.push((labels, voice, sound, alike.context("a score stands there")?));
    }
    println!("labels, voice, sound, alike; plain, masked, noised: {said:?}");
    assert!(said[0].0, "the label is found in the plain update");
    ensure!(said[0].2, "the sound is found in the plain update: {said:?}");
    ensure!(said[1..].iter().all(|way| !way.0 && !way.1 && !way.2 && way.3.abs() < 0.2), "and in no other: {said:?}");
    tab.screenshot("exposure").await?;
    assert_eq!(tab.violations().await?, Vec::<String>::new());

    attacks(&tab, "all").await?;
    println!("labels of all clips, plain: {:?}", found(&tab, "plain-labels").await?);
    tab.screenshot("exposure-all").await?;
    assert_eq!(tab.violations().await?, Vec::<String>::new());

    // Nothing was told of it: at most that the laptop is still there.
    let all: Vec<_> = frames(&recorder).into_iter().flat_map(|(sent, _)| sent).collect();
    let after = &all[before..];
    assert!(after.iter().all(|frame| frame.opcode != BINARY), "numbers were sent");
    let said: Vec<Value> = texts(after);
    assert!(said.is_empty(), "{said:?}");
    Ok(())
}
