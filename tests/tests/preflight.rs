//! The pre-flight: a tab times a few steps in each way of computing before its first job, goes the quickest, keeps what it found
//! and tells the room, which has slow laptops do fewer steps.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::browser::{Browser, Options, Tab};
use tests::program::{CODE, Server};
use tests::stand_in::StandIn;
use tests::voices::Voices;

const MINUTES_3: Duration = Duration::from_secs(180);

/// Lets software say that it is a chip: only a look shows how quick it is.
macro_rules! as_a_chip {
    () => {
        "for (const [name, value] of Object.entries({ vendor: 'acme', architecture: 'quick', description: 'A chip', isFallbackAdapter: false })) {
            Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
        }\n"
    };
}

/// What is kept with the only seat of this browser.
async fn kept(tab: &Tab<'_>) -> Result<Value> {
    let script = "return new Promise((resolve, reject) => {
        const opening = indexedDB.open('chorus');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
            const asking = opening.result.transaction('seats').objectStore('seats').getAll();
            asking.onerror = () => reject(asking.error);
            asking.onsuccess = () => { opening.result.close(); resolve(asking.result[0]?.preflight ?? null); };
        };
    })";
    tab.run(script, vec![]).await
}

async fn text(tab: &Tab<'_>, name: &str) -> Result<String> {
    let script = format!("return document.querySelector('[data-test=\"{name}\"]').textContent");
    Ok(tab.run(&script, vec![]).await?.as_str().context("an element has text")?.to_owned())
}

async fn take_part(tab: &Tab<'_>) -> Result<()> {
    let voices = Voices::open()?;
    tab.give(&voices.paths_of(0)[..12]).await?;
    tab.click("take-part").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_that_is_too_slow_says_so_and_does_as_many_steps_as_fit() -> Result<()> {
    // A step of one clip takes more than 4 ms anywhere, so that all of a thousand do not fit into 4 s.
    let room = ["--model", "conv", "--rounds", "1", "--least", "1", "--epochs", "100", "--batch-size", "1"];
    let late = ["--deadline", "5", "--stragglers", "fewer_steps"];
    let server = Server::start(&[&room[..], &late].concat()).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    take_part(&tab).await?;
    let slow = "return /does about [0-9]+ of its 1,?000 steps/.test(document.querySelector('[data-test=\"too-slow\"]').textContent)";
    tab.wait("a word that it is too slow", slow, MINUTES_3).await?;
    assert_eq!(text(&tab, "quicker").await?, "", "there is no graphics processor to compare with");
    let history = server.wait_for_rounds(1, MINUTES_3).await?;
    assert_eq!(history[0]["clients"], 1, "what it did came in time: {history:?}");

    let found = kept(&tab).await?;
    let step_ms = found["processor_ms"].as_f64().context("a step was measured")?;
    println!("a step takes {step_ms:.1} ms; {}", text(&tab, "too-slow").await?);
    ensure!(step_ms > 4.0 && found["graphics_ms"].is_null(), "{found}");
    tab.run("document.getElementById('laptop').scrollIntoView()", vec![]).await?;
    tab.screenshot("preflight-slow").await?;
    tab.reload().await?;
    tab.wait("the same word after a reload", slow, MINUTES_3).await?;
    assert_eq!(kept(&tab).await?, found, "it is not measured again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_processor_and_graphics_processor_the_quicker_one_trains() -> Result<()> {
    let server = Server::start(&["--model", "compact", "--rounds", "1", "--least", "1", "--epochs", "1"]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let body = concat!(as_a_chip!(), include_str!("../../www/js/worker/worker.js"));
    let stand_in = StandIn::start(&host, "/js/worker/worker.js", body).await?;
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let tab = browser.open(&format!("{}/room/{CODE}", stand_in.origin())).await?;
    take_part(&tab).await?;
    server.wait_for_rounds(1, MINUTES_3).await?;
    let trains = "return document.querySelector('[data-test=\"backend\"]').dataset.kind";
    let found = kept(&tab).await?;
    let of = |what: &str| found[what].as_f64().with_context(|| format!("{what} was measured: {found}"));
    let (processor, graphics) = (of("processor_ms")?, of("graphics_ms")?);
    let said = text(&tab, "quicker").await?;
    println!("{found}: {said}");
    let (kind, begins) =
        if processor <= graphics { ("cpu", "Your processor is ") } else { ("webgpu", "Your graphics chip is ") };
    assert_eq!(tab.run(trains, vec![]).await?, kind, "{found}");
    let alike = processor.max(graphics) < 1.2 * processor.min(graphics);
    let wanted = if alike { "Your processor and your graphics chip are about equally quick" } else { begins };
    ensure!(said.starts_with(wanted) && said.ends_with(" for this model."), "{said}, of {found}");
    tab.run("document.getElementById('laptop').scrollIntoView()", vec![]).await?;
    tab.screenshot("preflight-quicker").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graphics_processor_that_fails_in_the_preflight_is_left_out_and_said() -> Result<()> {
    let server = Server::start(&["--model", "compact", "--rounds", "1", "--least", "1", "--epochs", "1"]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let body = concat!(
        as_a_chip!(),
        "const Real = self.Worker;
        self.Worker = class extends Real {
            constructor(address, ...given) {
                super(address.endsWith('trainer-webgpu.js') ? '/js/worker/no-such-worker.js' : address, ...given);
            }
        };\n",
        include_str!("../../www/js/worker/worker.js")
    );
    let stand_in = StandIn::start(&host, "/js/worker/worker.js", body).await?;
    goes_on_with_the_processor(&server, &stand_in).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graphics_processor_that_is_lost_in_the_preflight_is_left_out_and_said() -> Result<()> {
    let server = Server::start(&["--model", "compact", "--rounds", "1", "--least", "1", "--epochs", "1"]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    // The device is there, computes, and is gone when the first figures are read back from it.
    let body = concat!(
        "let device;
        const open = GPUAdapter.prototype.requestDevice;
        GPUAdapter.prototype.requestDevice = async function (...given) { return (device = await open.apply(this, given)); };
        const map = GPUBuffer.prototype.mapAsync;
        GPUBuffer.prototype.mapAsync = function (...given) { device.destroy(); return map.apply(this, given); };\n",
        include_str!("../../www/js/worker/trainer-webgpu.js")
    );
    let trainer = StandIn::start(&host, "/js/worker/trainer-webgpu.js", body).await?;
    let host = trainer.origin().trim_start_matches("http://").to_owned();
    let body = concat!(as_a_chip!(), include_str!("../../www/js/worker/worker.js"));
    let stand_in = StandIn::start(&host, "/js/worker/worker.js", body).await?;
    goes_on_with_the_processor(&server, &stand_in).await?;
    ensure!(trainer.asked() > 0, "the graphics processor was never tried");
    Ok(())
}

/// Takes part in a round, for which no graphics processor is left after the pre-flight.
async fn goes_on_with_the_processor(server: &Server, stand_in: &StandIn) -> Result<()> {
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let tab = browser.open(&format!("{}/room/{CODE}", stand_in.origin())).await?;
    take_part(&tab).await?;
    server.wait_for_rounds(1, MINUTES_3).await?;
    let page = tab.run("return document.body.textContent", vec![]).await?;
    let page = page.as_str().unwrap_or_default();
    ensure!(
        page.contains("The graphics chip failed, so the processor goes on."),
        "it is said once: {}",
        text(&tab, "backend").await?
    );
    ensure!(kept(&tab).await?["graphics_ms"].is_null(), "it was not measured");
    ensure!(tab.clips().await? == 12, "no clip is lost");
    Ok(())
}
