//! The main job: two tabs, each with its own speakers' voices, train one model together.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tests::browser::{Browser, Options, Tab};
use tests::program::{CODE, Server};
use tests::voices::{Voices, labels};

/// Rounds that are trained.
const ROUNDS: usize = 10;
/// Clips of these many speakers go into each tab.
const SPEAKERS: usize = 4;

/// Gives a tab the clips of some speakers and waits until all are in the list.
async fn give(tab: &Tab<'_>, paths: &[PathBuf]) -> Result<()> {
    tab.wait_for("take-part").await?;
    tab.choose_files("file-input", paths).await?;
    tab.wait_for_count("clip", paths.len(), Duration::from_secs(120)).await
}

/// UAR (mean of the recalls) of the room's published model on clips that no tab had.
async fn uar_on(server: &Server, voices: &Voices, clips: &[&corpus::Clip]) -> Result<f64> {
    let file = server.get(&format!("/api/rooms/{CODE}/model.safetensors")).await?;
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&file)?;
    let metadata = metadata.metadata().clone().context("the model has metadata")?;
    let field = |name: &str| metadata.get(name).with_context(|| format!("the model's metadata has no {name}"));
    let architecture: models::Architecture = field("architecture")?.parse()?;
    let standardisation: models::Standardisation = serde_json::from_str(field("standardisation")?)?;

    // The tensors in the order of the model's own layout make the flat vector again.
    let tensors = safetensors::SafeTensors::deserialize(&file)?;
    let mut parameters = Vec::new();
    for spec in architecture.layout(labels().len()).tensors {
        let tensor = tensors.tensor(&spec.name)?;
        parameters.extend(tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])));
    }
    let mut learner = models::Learner::new(architecture, labels().len(), models::Backend::Cpu).await?;
    learner.set_parameters(&parameters).await?;
    learner.set_standardisation(standardisation);

    let mut examples = Vec::new();
    for clip in clips {
        let bytes = std::fs::read(voices.path(clip))?;
        let sound = speech::decode(&bytes, clip.path.to_str())?;
        let input = speech::input(&speech::features(&sound)?);
        examples.push(models::Example { values: input.values, frames: input.frames, label: clip.label });
    }
    let evaluation = learner.evaluate(&examples).await?;
    Ok(evaluation.uar())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_train_one_model_that_knows_unseen_speakers() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--rounds", &rounds, "--epochs", "3", "--least", "2", "--seed", "7"]).await?;
    let browser = Browser::start(Options::default()).await?;

    let mut tabs = Vec::new();
    for seat in 0..2 {
        let tab = browser.open(&server.page()).await?;
        let clips = voices.of_speakers(seat * SPEAKERS..(seat + 1) * SPEAKERS);
        let paths: Vec<PathBuf> = clips.iter().map(|clip| voices.path(clip)).collect();
        give(&tab, &paths).await?;
        tab.screenshot(&format!("federation-{seat}-clips")).await?;
        tabs.push(tab);
    }
    for tab in &tabs {
        tab.click("take-part").await?;
    }
    let history = server.wait_for_rounds(ROUNDS, Duration::from_secs(420)).await?;
    for (seat, tab) in tabs.iter().enumerate() {
        tab.wait_for("chart-accuracy").await?;
        tab.screenshot(&format!("federation-{seat}-finished")).await?;
    }

    for record in &history {
        println!("round {}: {} clients, evaluation {}", record["round"], record["clients"], record["evaluation"]["accuracy"]);
        assert_eq!(record["clients"], 2, "both tabs are in every round");
    }
    let unseen = voices.of_speakers(2 * SPEAKERS..4 * SPEAKERS);
    let uar = uar_on(&server, &voices, &unseen).await?;
    println!(
        "after {ROUNDS} rounds: UAR {uar:.3} on {} clips of {SPEAKERS} + {SPEAKERS} unseen speakers ({} voices; chance is 0.25)",
        unseen.len(),
        if voices.real { "real" } else { "made-up" },
    );
    // With about 220 test clips one standard error of UAR is 0.03: 0.37 is four of them above chance.
    assert!(uar > 0.37, "UAR {uar:.3} is not clearly above chance");
    Ok(())
}
