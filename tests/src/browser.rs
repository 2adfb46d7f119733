//! A real browser, driven as a person would use the page: Chromium and WebKitGTK over WebDriver, Firefox over WebDriver BiDi.

mod bidi;
mod chromium;
mod firefox;
mod tab;
mod webdriver;
mod webkit;
mod window;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use fantoccini::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use bidi::Bidi;
pub use tab::Tab;
use window::Window;

/// The pages speak the language of the browser; these tests read English, whatever the system speaks.
const LANGUAGE: &str = "en-GB";
/// A name of this machine that Chromium knows: over it, plain http is no secure context, as on a network.
pub const INSECURE_NAME: &str = "chorus.test";
/// Size of a window.
const SIZE: [u32; 2] = [1280, 1000];

/// Which browser.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Which {
    /// Chromium or Chrome, whose chromedriver is `CHROMEDRIVER`.
    #[default]
    Chromium,
    /// Firefox, `FIREFOX`, which needs no driver.
    Firefox,
    /// WebKitGTK's MiniBrowser, `MINI_BROWSER`, whose WebKitWebDriver is `WEBKIT_DRIVER`. Where it can be had, [`webkit_lacks`] says.
    WebKit,
}

/// How a browser is to be.
#[derive(Default)]
pub struct Options {
    /// Which one it is.
    pub which: Which,
    /// A WAV file that the microphone hears, over and over; Chromium only. Without one both browsers hear tones.
    pub microphone: Option<PathBuf>,
    /// Whether the person refuses the page the microphone.
    pub refuses: bool,
    /// Whether WebGPU, computed in software, is there; Chromium only.
    pub webgpu: bool,
    /// Whether the browser treats tabs in the background as it does without a test: it wakes their timers once a minute at
    /// most, here after 10 s and not only after 5 minutes. Chromium only.
    pub throttles: bool,
    /// The port of a proxy on this machine that everything goes through, this machine's own servers included; Chromium only.
    pub proxy: Option<u16>,
    /// Whether its windows are private ones, which keep nothing on the disk; Firefox only.
    pub private: bool,
    /// Whether it has something to play on, if only a sound server of its own that nobody hears ([`has_loudspeaker`]); Firefox
    /// only. Without any, Firefox starts no sound at all on a machine that has no output; Chromium does.
    pub loudspeaker: bool,
    /// Whether the person goes on past the warning of a certificate that nobody vouches for.
    pub any_certificate: bool,
}

/// A browser of its own profile. Several windows of it are several tabs of one person's browser.
pub struct Browser {
    driver: Driver,
    process: Child,
    /// What it plays on.
    _loudspeaker: Option<Child>,
    profile: tempfile::TempDir,
}

/// The way in which it is told what to do.
enum Driver {
    WebDriver(Client),
    Bidi(Box<Bidi>),
}

impl Browser {
    /// Starts it.
    ///
    /// # Errors
    /// Where it, or its driver, is missing: `cargo xtask setup` installs them or says how. Where it cannot be as `options` say.
    pub async fn start(options: Options) -> Result<Self> {
        match options.which {
            Which::Chromium => chromium::start(options).await,
            Which::Firefox => firefox::start(&options).await,
            Which::WebKit => webkit::start(&options).await,
        }
    }

    /// Opens a page in a new tab and returns the tab.
    ///
    /// # Errors
    /// Where the browser does not.
    pub async fn open(&self, address: &str) -> Result<Tab<'_>> {
        self.open_after("", address).await
    }

    /// Opens a page in a new tab, where a script runs before any of the page's own, whenever it is loaded.
    ///
    /// # Errors
    /// Where the browser does not; WebKitGTK never does.
    pub async fn open_after(&self, script: &str, address: &str) -> Result<Tab<'_>> {
        let window = match &self.driver {
            Driver::WebDriver(client) => Window::WebDriver { client, handle: client.new_window(true).await?.handle },
            Driver::Bidi(connection) => Window::Bidi { connection, context: connection.new_tab().await? },
        };
        window.show().await?;
        if !script.is_empty() {
            window.run_before_pages(script).await?;
        }
        window.go(address).await?;
        Ok(Tab::of(window))
    }

    /// Ends the browser's graphics process, as a failing driver would; the browser starts another by itself.
    ///
    /// # Errors
    /// Where the browser refuses, as all but Chromium do.
    pub async fn crash_graphics(&self) -> Result<()> {
        let Driver::WebDriver(client) = &self.driver else { bail!("only Chromium can be told that") };
        chromium::command(client, "Browser.crashGpuProcess", json!({}))
            .await
            .context("the browser keeps its graphics process")?;
        Ok(())
    }

    /// The folder in which it keeps whatever it keeps.
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }
}

/// A laptop's lid: everything of the browser stands still while it is closed.
impl Browser {
    /// Closes the lid: every process of the browser is stopped where it is, and its network with it.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn close_lid(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Opens it again.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn open_lid(&self) -> Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let group = self.process.id().context("the browser has ended")?;
        let status = std::process::Command::new("kill").args([signal, "--", &format!("-{group}")]).status()?;
        if status.success() { Ok(()) } else { bail!("the browser could not be sent {signal}") }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Browsers are many processes, which outlive their driver or their parent; all are in a process group of their own.
        // One whose lid is closed has to be woken to end.
        let _ = self.signal("-TERM").and_then(|()| self.open_lid());
    }
}

/// What is missing for WebKitGTK here; None where it can be driven.
pub fn webkit_lacks() -> Option<&'static str> {
    webkit::missing()
}

/// Whether a sound server for [`Options::loudspeaker`] is here: PulseAudio, the package `pulseaudio` of any Linux.
pub fn has_loudspeaker() -> bool {
    let version = std::process::Command::new("pulseaudio").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Starts a program that says nothing, in a process group of its own.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true).spawn()
}

/// A port that nobody listens at.
async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
