//! WebKitGTK's MiniBrowser through WebKitWebDriver. It needs a screen, if only a made-up one such as `xvfb-run` gives.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;

use super::webdriver::session;
use super::{Browser, Driver, Options, free_port, spawn};

/// Where Debian has it.
const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

pub(super) async fn start(options: &Options) -> Result<Browser> {
    let Options { microphone, refuses, webgpu, throttles, proxy, private, loudspeaker, .. } = options;
    let for_others =
        microphone.is_some() || *refuses || *webgpu || *throttles || proxy.is_some() || *private || *loudspeaker;
    ensure!(!for_others, "WebKitGTK cannot be told that");
    let port = free_port().await?;
    let program = std::env::var_os("WEBKIT_DRIVER").unwrap_or_else(|| "WebKitWebDriver".into());
    let process = spawn(Command::new(program).arg(format!("--port={port}")))
        .context("WebKitWebDriver does not start; it is in Debian's package webkit2gtk-driver")?;
    let mini_browser = std::env::var("MINI_BROWSER").unwrap_or_else(|_| MINI_BROWSER.to_owned());
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("webkitgtk:browserOptions".into(), json!({ "binary": mini_browser, "args": ["--automation"] }));
    capabilities.insert("acceptInsecureCerts".into(), options.any_certificate.into());
    let client = session(port, capabilities).await.context("WebKitGTK gives no session; is there a screen?")?;
    // Its profile is made by the driver, and goes with it.
    Ok(Browser { driver: Driver::WebDriver(client), process, _loudspeaker: None, profile: tempfile::tempdir()? })
}
