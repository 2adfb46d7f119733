//! A newcomer to the demo: opens its link in a browser, adds the made-up voice and takes part, as the pages ask them to.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::{
    bench::chromium::{Chromium, Graphics},
    setup::Browser,
};

/// How long the page may take for what it does by itself.
const PAGE_LIMIT: Duration = Duration::from_secs(120);
/// How long a round may take, from the newcomer's part on.
const ROUND_LIMIT: Duration = Duration::from_secs(15 * 60);
/// A server that does not answer for so long has a fault.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Takes part until the first round is over. Fails where the newcomer's update is not in it, beside those of the native
/// participants. The browser has no WebGPU: where there is none the processor trains, which is what comes first.
pub fn takes_part(browser: &Browser, profile: &Path, link: &str, native: u64) -> Result<()> {
    let tab = Chromium::start(browser, profile, Graphics::None)?;
    tab.open(link)?;
    tab.click("made-up", PAGE_LIMIT)?;
    // The button is free again when all clips are there.
    let clips = "return parseInt(document.getElementById('clip-list-title').innerText) > 0 \
                 && !document.querySelector('[data-test=\"made-up\"]')?.hasAttribute('aria-disabled')";
    tab.wait("the made-up clips", clips, PAGE_LIMIT)?;
    tab.click("step-train", PAGE_LIMIT)?;
    tab.click("take-part", PAGE_LIMIT)?;

    let begun = Instant::now();
    loop {
        let room = get_json(&link.replacen("/room/", "/api/rooms/", 1))?;
        if let Some(round) = room["history"].get(0) {
            let updates = round["clients"].as_u64();
            ensure!(updates == Some(native + 1), "the first round has not {} updates: {round}", native + 1);
            return Ok(());
        }
        if begun.elapsed() > ROUND_LIMIT {
            bail!("no round is over after {} s; the page says:\n{}", ROUND_LIMIT.as_secs(), tab.text());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn get_json(url: &str) -> Result<Value> {
    let request = ureq::get(url).config().timeout_global(Some(ANSWER_LIMIT)).build();
    Ok(request.call()?.body_mut().read_json()?)
}

/// What is served under an address.
pub fn get(url: &str) -> Result<String> {
    let request = ureq::get(url).config().timeout_global(Some(ANSWER_LIMIT)).build();
    Ok(request.call()?.body_mut().read_to_string()?)
}
