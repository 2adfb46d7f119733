//! Devices that do not do what they should, and what a recording has of what is said, in Chromium; `other_browsers.rs` has the
//! same in Firefox.

use anyhow::Result;
use tests::browser::{Browser, Options};
use tests::devices;
use tests::program::Server;

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_never_starts_is_given_up_and_the_microphone_given_back() -> Result<()> {
    let (server, browser) = (Server::start(&[]).await?, Browser::start(Options::default()).await?);
    devices::sound_that_never_starts(&server, &browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_the_microphone_that_stays_open_is_given_up() -> Result<()> {
    let (server, browser) = (Server::start(&[]).await?, Browser::start(Options::default()).await?);
    devices::a_question_that_stays_open(&server, &browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_microphone_was_unplugged_is_kept() -> Result<()> {
    let (server, browser) = (Server::start(&[]).await?, Browser::start(Options::default()).await?);
    devices::a_microphone_that_is_unplugged(&server, &browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_at_any_rate_has_all_that_was_said_from_its_beginning_to_its_end() -> Result<()> {
    let (server, browser) = (Server::start(&[]).await?, Browser::start(Options::default()).await?);
    devices::nothing_is_lost_of_a_recording(&server, &browser).await
}
