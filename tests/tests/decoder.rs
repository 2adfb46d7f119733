//! What a sound file may do to the worker that decodes it, and what becomes of the tab then. The decoder here fails on
//! files that are marked for it; no file harms any other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tests::browser::{Browser, Options, Tab};
use tests::program::{CODE, Server};
use tests::stand_in::StandIn;
use tests::voices::Voices;

const SECONDS_10: Duration = Duration::from_secs(10);
const MINUTES_2: Duration = Duration::from_secs(120);

/// A little longer than an idle decoder waits that is to end.
const IDLE: Duration = Duration::from_secs(33);

/// The room's page with a decoder that knows marks.
async fn with_marks(server: &Server) -> Result<StandIn> {
    let host = server.origin().trim_start_matches("http://").to_owned();
    StandIn::start(&host, "/js/worker/decoder.js", include_str!("../src/failing-decoder.js")).await
}

fn marked(folder: &Path, name: &str, mark: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, format!("marked: {mark}"))?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_ends_its_decoder_is_refused_and_the_sound_after_it_is_taken() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let stand_in = with_marks(&server).await?;
    let browser = Browser::start(Options::default()).await?;
    let tab = browser.open(&format!("{}/room/{CODE}", stand_in.origin())).await?;
    let folder = tempfile::tempdir()?;
    let mut files = voices.paths_of(0);
    let good = files.len();
    for (place, name, mark) in [
        (1, "panics.wav", "panics"),
        (3, "never-ends.wav", "never ends"),
        (5, "takes-all-memory.wav", "takes all memory"),
    ] {
        files.insert(place, marked(folder.path(), name, mark)?);
    }
    tab.wait_for("take-part").await?;
    tab.choose_files("file-input", &files).await?;
    tab.wait_for_clips(good, MINUTES_2).await?;
    for name in ["panics.wav", "never-ends.wav", "takes-all-memory.wav"] {
        let script = format!("return document.body.innerText.includes('{name}: the file is damaged')");
        tab.wait(&format!("a word about {name}"), &script, SECONDS_10).await?;
    }
    assert_eq!(stand_in.asked(), 4, "one decoder, and another after each that ended");
    tab.screenshot("damaged").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_decoder_that_holds_much_memory_gives_it_back_and_one_that_holds_little_stays() -> Result<()> {
    let voices = Voices::open()?;
    let server = Server::start(&[]).await?;
    let stand_in = with_marks(&server).await?;
    let browser = Browser::start(Options::default()).await?;
    let page = format!("{}/room/{CODE}", stand_in.origin());
    let (much, little) = (browser.open(&page).await?, browser.open(&page).await?);
    let folder = tempfile::tempdir()?;
    let large = marked(folder.path(), "angry.wav", "holds much")?;
    let small = voices.paths_of(0);
    // Both wait at the same time, each with a decoder of its own.
    for (tab, clips, file, decoders) in [(&much, 1, &large, 1), (&little, 1, &small[0], 2)] {
        give_one(tab, file, clips).await?;
        assert_eq!(stand_in.asked(), decoders, "a first decoder in each tab");
    }
    tokio::time::sleep(IDLE).await;
    give_one(&little, &small[1], 2).await?;
    assert_eq!(stand_in.asked(), 2, "who holds little has stayed");
    give_one(&much, &small[0], 2).await?;
    assert_eq!(stand_in.asked(), 3, "who held much has gone");
    Ok(())
}

/// Gives a tab one file, which makes so many clips in it.
async fn give_one(tab: &Tab<'_>, file: &Path, clips: usize) -> Result<()> {
    tab.wait_for("take-part").await?;
    tab.choose_files("file-input", &[file.to_owned()]).await?;
    tab.wait_for_clips(clips, MINUTES_2).await
}
