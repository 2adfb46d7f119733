//! The main job: two tabs, each with its own speakers' voices, train one model together.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tests::browser::{Browser, Options};
use tests::model::SharedModel;
use tests::program::Server;
use tests::voices::Voices;

/// Rounds that are trained.
const ROUNDS: usize = 10;
/// Clips of these many speakers go into each tab.
const SPEAKERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_train_one_model_that_knows_unseen_speakers() -> Result<()> {
    let voices = Voices::open()?;
    let rounds = ROUNDS.to_string();
    let server = Server::start(&["--rounds", &rounds, "--epochs", "3", "--least", "2", "--seed", "7"]).await?;
    let browser = Browser::start(Options::default()).await?;

    let (mut tabs, mut held_back) = (Vec::new(), 0);
    for seat in 0..2 {
        let tab = browser.open(&server.page()).await?;
        let clips = voices.of_speakers(seat * SPEAKERS..(seat + 1) * SPEAKERS);
        let paths: Vec<PathBuf> = clips.iter().map(|clip| voices.path(clip)).collect();
        tab.give(&paths).await?;
        let labels: Vec<usize> = clips.iter().map(|clip| clip.label).collect();
        held_back += client::held_back(&labels).iter().filter(|held_back| **held_back).count();
        tab.screenshot(&format!("federation-{seat}-clips")).await?;
        tabs.push(tab);
    }
    for tab in &tabs {
        tab.click("take-part").await?;
    }
    let history = server.wait_for_rounds(ROUNDS, Duration::from_secs(420)).await?;
    // Both tabs hold clips back, and the result is that of all of them, not of whoever said it first.
    let evaluated = server.wait_for_final_evaluation(held_back, Duration::from_secs(60)).await?;
    let right = (held_back as f64 * evaluated["accuracy"].as_f64().unwrap_or_default()).round();
    let score = format!("{right} of {held_back}");
    for (seat, tab) in tabs.iter().enumerate() {
        tab.wait_for("chart-accuracy").await?;
        let said = format!("return document.querySelector('[data-test=\"finished\"]').innerText.includes('{score}')");
        tab.wait(&format!("the finished model's {score}"), &said, Duration::from_secs(10)).await?;
        let charted = format!("return document.getElementById('chart-confusion').innerHTML.includes('/{held_back}. ')");
        tab.wait("the confusion matrix of everyone's clips", &charted, Duration::from_secs(10)).await?;
        tab.screenshot(&format!("federation-{seat}-finished")).await?;
    }

    for record in &history {
        println!(
            "round {}: {} clients, evaluation {}",
            record["round"], record["clients"], record["evaluation"]["accuracy"]
        );
        assert_eq!(record["clients"], 2, "both tabs are in every round");
    }
    let unseen = voices.of_speakers(2 * SPEAKERS..4 * SPEAKERS);
    let uar = SharedModel::download(&server).await?.evaluate(&voices, &unseen).await?.uar();
    println!(
        "after {ROUNDS} rounds: UAR {uar:.3} on {} clips of {SPEAKERS} + {SPEAKERS} unseen speakers ({} voices; chance is 0.25)",
        unseen.len(),
        if voices.real { "real" } else { "made-up" },
    );
    // With about 220 test clips one standard error of UAR is 0.03: 0.37 is four of them above chance.
    assert!(uar > 0.37, "UAR {uar:.3} is not clearly above chance");
    Ok(())
}
