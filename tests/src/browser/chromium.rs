//! Chromium through chromedriver, and the commands that it alone has.

use anyhow::{Context, Result, ensure};
use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use tokio::process::Command;

use super::webdriver::session;
use super::{Browser, Driver, INSECURE_NAME, LANGUAGE, Options, SIZE, free_port, spawn};

pub(super) async fn start(options: Options) -> Result<Browser> {
    ensure!(!options.private && !options.loudspeaker, "only Firefox is told that");
    let port = free_port().await?;
    let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
    let process = spawn(Command::new(program).arg(format!("--port={port}")))
        .context("chromedriver does not start; `cargo xtask setup` installs it or says how")?;
    let profile = tempfile::tempdir()?;
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--use-fake-device-for-media-stream",
    ]
    .map(str::to_owned)
    .into();
    let [width, height] = SIZE;
    arguments.push(format!("--window-size={width},{height}"));
    arguments.push(format!("--accept-lang={LANGUAGE}"));
    arguments.push(format!("--host-resolver-rules=MAP {INSECURE_NAME} 127.0.0.1"));
    let mut features = Vec::new();
    if options.throttles {
        features.push("IntensiveWakeUpThrottling:grace_period_seconds/10");
    } else {
        // Two tabs share one window here; a hidden one must go on as a visible one in a classroom would.
        arguments.extend(
            [
                "--disable-background-timer-throttling",
                "--disable-backgrounding-occluded-windows",
                "--disable-renderer-backgrounding",
            ]
            .map(str::to_owned),
        );
    }
    let answer = if options.refuses { "=deny" } else { "" };
    arguments.push(format!("--use-fake-ui-for-media-stream{answer}"));
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    if options.webgpu {
        arguments.extend(["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"].map(str::to_owned));
        features.push("Vulkan");
    }
    if !features.is_empty() {
        arguments.push(format!("--enable-features={}", features.join(",")));
    }
    if let Some(port) = options.proxy {
        arguments.push(format!("--proxy-server=127.0.0.1:{port}"));
        arguments.push("--proxy-bypass-list=<-loopback>".to_owned());
    }
    if let Some(clip) = options.microphone {
        arguments.push(format!("--use-file-for-fake-audio-capture={}", clip.display()));
    }
    let mut capabilities = serde_json::Map::new();
    let mut chrome = json!({ "args": arguments });
    if let Ok(chromium) = std::env::var("CHROMIUM") {
        chrome["binary"] = chromium.into();
    }
    if options.throttles {
        // chromedriver would keep tabs in the background awake.
        chrome["excludeSwitches"] = json!([
            "disable-background-timer-throttling",
            "disable-backgrounding-occluded-windows",
            "disable-renderer-backgrounding",
        ]);
    }
    capabilities.insert("goog:chromeOptions".into(), chrome);
    capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
    capabilities.insert("acceptInsecureCerts".into(), options.any_certificate.into());
    let client =
        session(port, capabilities).await.context("no browser session; is Chromium installed? `cargo xtask setup`")?;
    Ok(Browser { driver: Driver::WebDriver(client), process, _loudspeaker: None, profile })
}

/// Gives Chromium a command of its own, by way of chromedriver.
pub(super) async fn command(client: &Client, name: &'static str, parameters: Value) -> Result<Value> {
    Ok(client.issue_cmd(Own(name, parameters)).await?)
}

/// Chromium's own command.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}
