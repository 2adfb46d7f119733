//! What a person takes home: their clips as a zip file, and the model as one page that works from disk.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::Augmentation;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use speech::Sound;
use tests::browser::{Browser, Options, Tab};
use tests::model::SharedModel;
use tests::program::{CODE, Server};
use tests::recorder::Recorder;
use tests::voices::{Voices, labels};

const MINUTE: Duration = Duration::from_secs(60);

/// Labels of the clips in the page's list.
async fn listed(tab: &Tab<'_>) -> Result<Vec<String>> {
    let script = "document.getElementById('show-all').checkVisibility() && document.getElementById('show-all').click();
        return [...document.querySelectorAll('[data-test=\"clip\"]')].map((clip) => clip.dataset.label).sort()";
    Ok(serde_json::from_value(tab.run(script, vec![]).await?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_go_home_as_a_zip_file_and_come_back_on_another_laptop() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let clips = voices.of_speakers(0..1);
    let paths: Vec<PathBuf> = clips.iter().map(|clip| voices.path(clip)).collect();
    let folder = tempfile::tempdir()?;
    let zip = folder.path().join("clips.zip");
    let before = {
        let browser = Browser::start(Options::default()).await?;
        let tab = browser.open(&server.page()).await?;
        tab.give(&paths).await?;
        std::fs::write(&zip, tab.saved("save-clips").await?)?;
        listed(&tab).await?
    };

    // Another program reads it, and the folder that comes out is a corpus.
    let mut archive = zip::ZipArchive::new(Cursor::new(std::fs::read(&zip)?))?;
    assert_eq!(archive.len(), clips.len() + 1);
    let unpacked = folder.path().join("unpacked");
    archive.extract(&unpacked)?;
    let corpus = corpus::Corpus::open(&unpacked, &labels())?;
    assert_eq!(corpus.clips.len(), clips.len());
    let mut after: Vec<String> = corpus.clips.iter().map(|clip| labels()[clip.label].clone()).collect();
    after.sort();
    assert_eq!(after, before);
    for clip in &corpus.clips {
        speech::decode(&std::fs::read(&clip.path)?, None)?;
    }

    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("take-part").await?;
    tab.choose_files("file-input", &[zip]).await?;
    tab.wait_for_clips(clips.len(), MINUTE).await?;
    assert_eq!(listed(&tab).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_at_home_answers_as_in_the_room_and_asks_nobody() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "2", "--least", "1", "--epochs", "3"]).await?;
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("model.html");
    let clips = voices.of_speakers(0..1);
    let paths: Vec<PathBuf> = clips.iter().map(|clip| voices.path(clip)).collect();
    let sound = speech::decode(&std::fs::read(&paths[3])?, paths[3].to_str())?.sound;
    let wav = folder.path().join("voice.wav");
    std::fs::write(&wav, sound.to_wav())?;
    let in_the_room = {
        let browser = Browser::start(Options::default()).await?;
        let tab = browser.open(&server.page()).await?;
        tab.give(&paths).await?;
        tab.click("take-part").await?;
        server.wait_for_rounds(2, Duration::from_secs(120)).await?;
        tab.wait_for("finished").await?;
        tab.choose_files("try-file", std::slice::from_ref(&wav)).await?;
        tab.wait_for("try-probabilities").await?;
        let shares = shares(&tab).await?;
        let card = String::from_utf8(tab.saved("download-card").await?)?;
        assert!(card.starts_with("# Model card: ") && card.contains("It learnt for 2 rounds, from 1 laptop"), "{card}");
        for label in labels() {
            assert!(card.contains(&format!("| {label} | ")), "how it was tested on {label}: {card}");
        }
        std::fs::write(&page, tab.saved("save-model").await?)?;
        shares
    };
    println!("the page is {} bytes", std::fs::metadata(&page)?.len());

    // Whatever this browser asks for is refused.
    let nobody = Recorder::start("nobody:1").await?;
    let browser = Browser::start(Options { proxy: Some(nobody.port()), ..Options::default() }).await?;
    let tab = browser.open(&format!("file://{}", page.display())).await?;
    tab.wait_for("offline-choose").await?;
    tab.choose_files("offline-file", &[wav]).await?;
    tab.wait("an answer", "return document.querySelectorAll('[data-share]').length === 4", MINUTE).await?;
    tab.screenshot("offline").await?;
    let at_home = shares(&tab).await?;
    println!("in the room {in_the_room:?}, at home {at_home:?}");
    for (room, home) in in_the_room.iter().zip(&at_home) {
        // The room's page writes four digits.
        assert!((room - home).abs() <= 1e-4 + 0.5e-4, "{in_the_room:?} {at_home:?}");
    }
    assert!(at_home.iter().any(|share| *share > 0.3), "an answer that says something");
    let card = tab.run("return document.querySelector('[data-test=\"offline-card\"] pre').textContent", vec![]).await?;
    assert!(card.as_str().is_some_and(|card| card.contains("What it must not be used for")), "{card}");
    let asked = tab.run("return performance.getEntriesByType('resource').map(({ name }) => name)", vec![]).await?;
    assert!(asked.as_array().is_some_and(|all| all.iter().all(is_local)), "only addresses inside of the page: {asked}");
    Ok(())
}

fn is_local(address: &Value) -> bool {
    address.as_str().is_some_and(|address| address.starts_with("data:") || address.starts_with("blob:"))
}

/// What the shared model says of a sound to somebody who trains on these clips and hears by their own scale.
async fn by_own_scale(server: &Server, voices: &Voices, clips: &[&corpus::Clip], sound: &Sound) -> Result<Vec<f32>> {
    let shared = SharedModel::download(server).await?;
    let held_back = client::held_back(&clips.iter().map(|clip| clip.label).collect::<Vec<_>>());
    let mut training = Vec::new();
    for (clip, _) in clips.iter().zip(held_back).filter(|(_, held_back)| !*held_back) {
        let sound = speech::decode(&std::fs::read(voices.path(clip))?, clip.path.to_str())?.sound;
        training.push(client::example_of(&sound, clip.label, Augmentation::None)?);
    }
    let scale = client::OwnScale::of(&training, labels().len()).within(shared.scale());
    shared.by(scale).probabilities(sound)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_hears_by_its_own_scale_where_the_room_wants_it() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "2", "--least", "1", "--epochs", "3", "--normalisation", "own"]).await?;
    let folder = tempfile::tempdir()?;
    let path = |clips: &[&corpus::Clip]| -> Vec<PathBuf> { clips.iter().map(|clip| voices.path(clip)).collect() };
    let (first, both) = (voices.of_speakers(0..1), voices.of_speakers(0..2));
    let sound = speech::decode(&std::fs::read(voices.path(first[3]))?, first[3].path.to_str())?.sound;
    let (wav, page) = (folder.path().join("voice.wav"), folder.path().join("model.html"));
    std::fs::write(&wav, sound.to_wav())?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&path(&first)).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(2, Duration::from_secs(120)).await?;
    tab.wait_for("finished").await?;
    let close = |page: &[f64], own: &[f32]| {
        // The page writes four digits.
        page.iter().zip(own).all(|(page, own)| (page - f64::from(*own)).abs() <= 2e-4 + 0.5e-4)
    };
    let before = by_own_scale(&server, &voices, &first, &sound).await?;
    tab.choose_files("try-file", std::slice::from_ref(&wav)).await?;
    tab.wait_for("try-probabilities").await?;
    let heard = shares(&tab).await?;
    assert!(close(&heard, &before), "{heard:?} {before:?}");

    // With more clips it is another, at once.
    tab.choose_files("file-input", &path(&both[first.len()..])).await?;
    tab.wait_for_clips(both.len(), MINUTE).await?;
    let after = by_own_scale(&server, &voices, &both, &sound).await?;
    assert!(!close(&heard, &after), "{heard:?} {after:?}");
    tab.choose_files("try-file", std::slice::from_ref(&wav)).await?;
    let wanted = format!(
        "return Math.abs(Number(document.querySelector('[data-share]').dataset.share) - {}) < 0.00025",
        after[0]
    );
    tab.wait("another answer", &wanted, MINUTE).await?;
    let heard = shares(&tab).await?;
    assert!(close(&heard, &after), "{heard:?} {after:?}");
    let card = String::from_utf8(tab.saved("download-card").await?)?;
    assert!(card.contains("by a scale of its own"), "{card}");

    // And so it goes home.
    std::fs::write(&page, tab.saved("save-model").await?)?;
    let tab = browser.open(&format!("file://{}", page.display())).await?;
    tab.wait_for("offline-choose").await?;
    tab.choose_files("offline-file", &[wav]).await?;
    tab.wait("an answer", "return document.querySelectorAll('[data-share]').length === 4", MINUTE).await?;
    let at_home = shares(&tab).await?;
    assert!(close(&at_home, &after), "{at_home:?} {after:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_goes_home_for_other_programs() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&["--rounds", "2", "--least", "1", "--epochs", "3"]).await?;
    let folder = tempfile::tempdir()?;
    let paths: Vec<PathBuf> = voices.of_speakers(0..1).iter().map(|clip| voices.path(clip)).collect();
    let sound = speech::decode(&std::fs::read(&paths[3])?, paths[3].to_str())?.sound;
    let wav = folder.path().join("voice.wav");
    std::fs::write(&wav, sound.to_wav())?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&server.page()).await?;
    tab.give(&paths).await?;
    tab.click("take-part").await?;
    server.wait_for_rounds(2, Duration::from_secs(120)).await?;
    // It is made by itself after the last round.
    tab.wait_for("save-mine-safetensors").await?;
    tab.click("try-mine").await?;
    tab.choose_files("try-file", std::slice::from_ref(&wav)).await?;
    tab.wait_for("try-probabilities").await?;
    let on_the_page = shares(&tab).await?;
    let files = [tab.saved("save-mine-safetensors").await?, tab.saved("save-mine-onnx").await?];
    keep("mine", &files)?;
    let [mine, onnx] = files;
    let card = String::from_utf8(tab.saved("save-mine-card").await?)?;
    assert!(card.contains("of one person alone"), "{card}");
    let beside: Value = serde_json::from_slice(&tab.saved("save-mine-json").await?)?;
    let shared = SharedModel::download(&server).await?;
    keep(
        "ours",
        &[
            server.get(&format!("/api/rooms/{CODE}/model.safetensors")).await?,
            server.get(&format!("/api/rooms/{CODE}/model.onnx")).await?,
        ],
    )?;

    let model = SharedModel::read(&mine)?;
    assert!(model.parameters != shared.parameters, "it has learnt on");
    let heard = model.probabilities(&sound)?;
    println!("on the page {on_the_page:?}, from the file {heard:?}");
    for (page, file) in on_the_page.iter().zip(&heard) {
        // The page writes four digits.
        assert!((page - f64::from(*file)).abs() <= 1e-4 + 0.5e-4, "{on_the_page:?} {heard:?}");
    }
    let (_, header) = SafeTensors::read_metadata(&mine)?;
    let about = header.metadata().clone().context("the file says what it is")?;
    let clips = client::held_back(&voices.of_speakers(0..1).iter().map(|clip| clip.label).collect::<Vec<_>>());
    assert_eq!(about["personal_clips"], clips.iter().filter(|held_back| !**held_back).count().to_string());
    assert!(!about.contains_key("updates"));
    // What a program has to know that cannot look into the file: the same in JSON.
    assert_eq!(beside["labels"], json!(labels()));
    for list in ["mean", "deviation", "labels", "features"] {
        assert_eq!(serde_json::from_str::<Value>(&about[list])?, beside[list], "{list}");
    }
    assert_eq!(about["max_frames"], beside["max_frames"].to_string());
    let of_the_room: Value = serde_json::from_slice(&server.get(&format!("/api/rooms/{CODE}/model.json")).await?)?;
    assert_eq!((&of_the_room["mean"], &of_the_room["round"]), (&beside["mean"], &json!(2)));
    // The same numbers, and what they mean, are in the other file.
    let within = |bytes: &[u8]| onnx.windows(bytes.len()).any(|window| window == bytes);
    let last: Vec<u8> = model.parameters.iter().rev().take(4).rev().flat_map(|value| value.to_le_bytes()).collect();
    assert!(within(&last) && within(b"personal_clips") && within(b"probabilities"));
    Ok(())
}

/// Keeps a model's two files in `CHORUS_TEST_OUTPUT`, for onnxruntime: `tests/reference/onnx/check.py` says how.
fn keep(name: &str, [safetensors, onnx]: &[Vec<u8>; 2]) -> Result<()> {
    let folder = std::env::var_os("CHORUS_TEST_OUTPUT").map_or_else(|| "output".into(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{name}.safetensors")), safetensors)?;
    Ok(std::fs::write(folder.join(format!("{name}.onnx")), onnx)?)
}

/// The probabilities that a page shows, in the order of the labels.
async fn shares(tab: &Tab<'_>) -> Result<Vec<f64>> {
    let script = "return [...document.querySelectorAll('[data-share]')].map(({ dataset }) => Number(dataset.share))";
    let shares: Vec<f64> = serde_json::from_value(tab.run(script, vec![]).await?)?;
    assert_eq!(json!(shares.len()), json!(labels().len()));
    Ok(shares)
}
