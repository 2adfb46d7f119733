//! WebGPU, computed in software by the browser, against the CPU backend: the same round from the same seed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tests::browser::{Browser, Options};
use tests::model::SharedModel;
use tests::program::{CODE, Server};
use tests::stand_in::StandIn;
use tests::voices::{Voices, labels};

/// One round of one tab on the given backend, and the model that came of it.
async fn one_round(browser: &Browser, backend: &str, clips: &[PathBuf]) -> Result<(Vec<f32>, Vec<f32>)> {
    let server = Server::start(&["--rounds", "1", "--least", "1", "--epochs", "1", "--seed", "11"]).await?;
    let before = SharedModel::download(&server).await?.parameters;
    let tab = browser.open(&server.page()).await?;
    tab.give(clips).await?;
    tab.run("document.querySelector('[data-test=\"settings\"]').open = true", vec![]).await?;
    tab.click(&format!("backend-{backend}")).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(1, Duration::from_secs(300)).await?;
    let kind = tab.run("return document.querySelector('[data-test=\"backend\"]').dataset.kind", vec![]).await?;
    assert_eq!(kind, backend, "the round was really trained there");
    tab.screenshot(&format!("backend-{backend}")).await?;
    let after = SharedModel::download(&server).await?.parameters;
    Ok((before, after))
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_on_webgpu_agrees_with_the_same_round_on_the_processor() -> Result<()> {
    let voices = Voices::open()?;
    let clips: Vec<PathBuf> = voices.of_speakers(0..2).iter().map(|clip| voices.path(clip)).collect();
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let (start, cpu) = one_round(&browser, "cpu", &clips).await?;
    let (same_start, gpu) = one_round(&browser, "webgpu", &clips).await?;
    assert_eq!(start, same_start, "the same seed gives the same initial model");

    let moved = norm(cpu.iter().zip(&start).map(|(after, before)| after - before));
    let apart = norm(cpu.iter().zip(&gpu).map(|(cpu, gpu)| cpu - gpu));
    println!("update's norm {moved:.4}, difference between CPU and WebGPU {apart:.6}: {:.4} of it", apart / moved);
    assert!(moved > 0.01, "training moved the model");
    // Adam divides by the gradient's own size, so rounding in a gradient near zero shows in full; what matters is
    // that the updates point the same way.
    assert!(apart < 1e-3 * moved, "the two backends' updates differ by more than a thousandth");
    Ok(())
}

/// What a step of 20 clips costs on any graphics processor, whatever it takes in software. The dispatches are at most a third
/// of what tensor operations took, one after another: 379 for `compact` and 302 for `conv`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_trained_on_webgpu_stays_there() -> Result<()> {
    const DISPATCHES: [(&str, u64); 3] = [("compact", 30), ("conv", 25), ("dense", 20)];
    let server = Server::start(&[]).await?;
    let host = server.origin().trim_start_matches("http://").to_owned();
    let script = "/js/worker/trainer-webgpu.js";
    let stand_in = StandIn::start(&host, script, include_str!("../src/counting-trainer.js")).await?;
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let tab = browser.open(&format!("{}/room/{CODE}", stand_in.origin())).await?;
    let start = "const worker = new Worker(arguments[0], { type: 'module' });
        worker.onmessage = ({ data }) => { window.costs = data; };
        worker.onerror = ({ message }) => { window.costs = { error: message }; };
        worker.postMessage(arguments[1]);";
    let models: Vec<&str> = DISPATCHES.iter().map(|(model, _)| *model).collect();
    tab.run(start, vec![script.into(), models.into()]).await?;
    tab.wait("counts of all networks", "return window.costs !== undefined", Duration::from_secs(300)).await?;
    let costs = tab.run("return window.costs", vec![]).await?;
    println!("{costs}");
    for (model, most) in DISPATCHES {
        let of = |what: &str| costs[model][what].as_u64();
        assert!(of("dispatches").is_some_and(|count| count <= most), "{model}: {costs}");
        assert!(of("bytesUp").is_some_and(|bytes| bytes <= 4096), "{model}: {costs}");
        assert_eq!(of("readBacks"), Some(1), "{model}: two epochs' figures come back together");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_that_are_far_out_stay_numbers_on_webgpu() -> Result<()> {
    let voices = Voices::open()?;
    let all = voices.of_speakers(0..1);
    // One clip of each label makes one step an epoch, and none is held back.
    let clips: Vec<PathBuf> = (0..labels().len())
        .filter_map(|label| all.iter().find(|clip| clip.label == label))
        .map(|clip| voices.path(clip))
        .collect();
    // Adam's first step moves each weight by about the rate. With it, the gates of 512 units are in the hundreds at the second.
    let steps = ["--optimiser", "adam", "--learning-rate", "1", "--epochs", "2", "--augmentation", "none"];
    let room = ["--model", "lstm", "--rounds", "1", "--least", "1", "--deadline", "600"];
    let server = Server::start(&[&room[..], &steps].concat()).await?;
    let before = SharedModel::download(&server).await?.parameters;
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&clips).await?;
    tab.run("document.querySelector('[data-test=\"settings\"]').open = true", vec![]).await?;
    tab.click("backend-webgpu").await?;
    tab.click("take-part").await?;
    // A result with anything in it that is no number would be refused, and the round would not end.
    server.wait_for_rounds(1, Duration::from_secs(500)).await?;
    let kind = tab.run("return document.querySelector('[data-test=\"backend\"]').dataset.kind", vec![]).await?;
    assert_eq!(kind, "webgpu", "the round was really trained there");
    let after = SharedModel::download(&server).await?.parameters;
    let far = after.iter().zip(&before).map(|(after, before)| (after - before).abs()).fold(0.0, f32::max);
    assert!(after.iter().all(|value| value.is_finite()) && far > 0.9, "weights moved by up to {far}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graphics_processor_lost_in_mid_round_costs_no_one_the_round() -> Result<()> {
    let voices = Voices::open()?;
    let clips: Vec<PathBuf> = voices.of_speakers(0..1).iter().map(|clip| voices.path(clip)).collect();
    let server = Server::start(&["--rounds", "2", "--least", "1", "--epochs", "3"]).await?;
    let browser = Browser::start(Options { webgpu: true, ..Options::default() }).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&clips).await?;
    tab.run("document.querySelector('[data-test=\"settings\"]').open = true", vec![]).await?;
    tab.click("backend-webgpu").await?;
    tab.click("take-part").await?;
    let kind = "document.querySelector('[data-test=\"backend\"]').dataset.kind";
    tab.wait("training on WebGPU", &format!("return {kind} === 'webgpu'"), Duration::from_secs(60)).await?;
    let stepping = "return /step [1-9]/i.test(document.querySelector('[data-test=\"work\"]').innerText)";
    tab.wait("the first steps", stepping, Duration::from_secs(120)).await?;

    // Chromium's own way to end its graphics process, as a failing driver would.
    browser.crash_graphics().await?;
    server.wait_for_rounds(2, Duration::from_secs(300)).await?;
    assert_eq!(tab.run(&format!("return {kind}"), vec![]).await?, "cpu", "the processor took over");
    tab.screenshot("graphics-lost").await?;
    Ok(())
}
