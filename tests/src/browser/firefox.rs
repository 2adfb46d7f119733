//! Firefox, which is told what to do without a driver between.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::bidi::Bidi;
use super::{Browser, Driver, LANGUAGE, Options, SIZE, free_port, spawn};

/// A browser that starts for the first time, beside others that compute.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the browser answers for the microphone without asking a person (`permissions.default.microphone`).
const REFUSED: u32 = 2;

pub(super) async fn start(options: &Options) -> Result<Browser> {
    let Options { microphone, webgpu, throttles, proxy, .. } = options;
    let for_chromium = microphone.is_some() || *webgpu || *throttles || proxy.is_some();
    ensure!(!for_chromium, "only Chromium can be told that");
    let profile = tempfile::tempdir()?;
    std::fs::write(profile.path().join("user.js"), preferences(options))?;
    let port = free_port().await?;
    let [width, height] = SIZE;
    let program = std::env::var_os("FIREFOX").unwrap_or_else(|| "firefox-esr".into());
    let mut command = Command::new(program);
    command.args(["--headless", "--no-remote", "--new-instance"]).arg("--profile").arg(profile.path());
    command.env("MOZ_HEADLESS_WIDTH", width.to_string()).env("MOZ_HEADLESS_HEIGHT", height.to_string());
    command.args(["--remote-debugging-port", &port.to_string()]);
    let mut loudspeaker = None;
    if options.loudspeaker {
        let socket = profile.path().join("sound");
        command.env("PULSE_SERVER", format!("unix:{}", socket.display()));
        loudspeaker = Some(sound_server(profile.path(), &socket)?);
    }
    let process = spawn(&mut command).context("Firefox does not start; `cargo xtask setup` installs it or says how")?;
    let deadline = Instant::now() + PATIENCE;
    let connection = loop {
        match Bidi::connect(port, options.any_certificate).await {
            Ok(connection) => break connection,
            Err(error) if Instant::now() > deadline => return Err(error.context("Firefox does not answer")),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    };
    Ok(Browser { driver: Driver::Bidi(Box::new(connection)), process, _loudspeaker: loudspeaker, profile })
}

/// A sound server that listens at this socket, and plays to nobody.
fn sound_server(home: &Path, socket: &Path) -> Result<Child> {
    let protocol = format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
    let mut command = Command::new("pulseaudio");
    command.args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--load=module-null-sink"]);
    command.arg(format!("--load={protocol}")).env("HOME", home).env("XDG_RUNTIME_DIR", home);
    spawn(&mut command).context("PulseAudio does not start")
}

/// A profile's `user.js`. What keeps a browser under test to itself (no updates, no reports, no first pages) Firefox sets
/// where it is started so.
fn preferences(options: &Options) -> String {
    let mut preferences: Vec<(&str, Value)> = vec![
        ("intl.accept_languages", json!(LANGUAGE)),
        // A microphone that hears a tone.
        ("media.navigator.streams.fake", json!(true)),
        ("media.navigator.permission.disabled", json!(!options.refuses)),
    ];
    if options.refuses {
        preferences.push(("permissions.default.microphone", json!(REFUSED)));
    }
    if options.private {
        preferences.push(("browser.privatebrowsing.autostart", json!(true)));
    }
    preferences.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect()
}
