//! WebKitGTK's MiniBrowser through WebKitWebDriver. It needs a screen: where there is none, `xvfb-run` makes one up.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;

use super::webdriver::session;
use super::{Browser, Driver, Options, free_port, spawn};

/// Where Debian has it.
const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

fn driver() -> String {
    std::env::var("WEBKIT_DRIVER").unwrap_or_else(|_| "WebKitWebDriver".to_owned())
}

fn mini_browser() -> String {
    std::env::var("MINI_BROWSER").unwrap_or_else(|_| MINI_BROWSER.to_owned())
}

fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

/// What is missing for it here, with the packages of Debian that have it; None where nothing is.
pub(super) fn missing() -> Option<&'static str> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_here = |program: &str| std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
    if !is_here(&driver()) || !is_here(&mini_browser()) {
        Some("WebKitWebDriver or MiniBrowser (webkit2gtk-driver)")
    } else if !has_screen() && !is_here("xvfb-run") {
        Some("a screen, or xvfb-run (xvfb)")
    } else {
        None
    }
}

pub(super) async fn start(options: &Options) -> Result<Browser> {
    let Options { microphone, refuses, webgpu, throttles, proxy, private, loudspeaker, .. } = options;
    let for_others =
        microphone.is_some() || *refuses || *webgpu || *throttles || proxy.is_some() || *private || *loudspeaker;
    ensure!(!for_others, "WebKitGTK cannot be told that");
    let port = free_port().await?;
    let mut command = if has_screen() { Command::new(driver()) } else { Command::new("xvfb-run") };
    if !has_screen() {
        command.arg("--auto-servernum").arg(driver());
    }
    let process = spawn(command.arg(format!("--port={port}"))).context("WebKitWebDriver does not start")?;
    let mini_browser = mini_browser();
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("webkitgtk:browserOptions".into(), json!({ "binary": mini_browser, "args": ["--automation"] }));
    capabilities.insert("acceptInsecureCerts".into(), options.any_certificate.into());
    let client = session(port, capabilities).await.context("WebKitGTK gives no session; is there a screen?")?;
    // Its profile is made by the driver, and goes with it.
    Ok(Browser { driver: Driver::WebDriver(client), process, _loudspeaker: None, profile: tempfile::tempdir()? })
}
