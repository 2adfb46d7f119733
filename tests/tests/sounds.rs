//! The sound files that people have, given to the page in Chromium; `other_browsers.rs` has the same in Firefox.

use anyhow::Result;
use tests::browser::{Browser, Options, Which};
use tests::program::Server;
use tests::sounds;

#[tokio::test(flavor = "multi_thread")]
async fn every_sound_file_is_read_in_full_or_refused_by_its_name() -> Result<()> {
    let server = Server::start(&[]).await?;
    let browser = Browser::start(Options::default()).await?;
    sounds::all_are_read_or_refused(&server, &browser, Which::Chromium).await
}
