//! Headless Chromium, driven through chromedriver (W3C WebDriver) as far as benchmarks need it: open a page, call an
//! asynchronous function there. WebGPU is computed in software, so that it is there on any machine.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{process, setup::Browser};

/// How long one measurement may take: TensorFlow.js needs a minute for some single steps.
const SCRIPT_LIMIT_MS: u64 = 20 * 60 * 1000;

/// How long chromedriver may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One window of a browser, which ends with this.
pub struct Chromium {
    driver: Child,
    session: String,
    /// Name and version.
    pub name: String,
}

impl Chromium {
    /// Starts the driver and the browser, with an empty profile in `folder`.
    pub fn start(browser: &Browser, folder: &Path) -> Result<Chromium> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        // Free now; that another program takes it before chromedriver does is not worth guarding against here.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = process::program(&browser.chromedriver);
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().with_context(|| format!("cannot start {}", browser.chromedriver.display()))?;
        // From here on the driver ends with this value, whatever fails.
        let mut chromium = Chromium { driver, session: String::new(), name: String::new() };
        let driver = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        while ureq::get(format!("{driver}/status")).call().is_err() {
            ensure!(started.elapsed() < START_LIMIT, "chromedriver does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        let sessions = format!("{driver}/session");

        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--enable-features=Vulkan",
            &format!("--user-data-dir={}", folder.display()),
        ];
        let options = json!({ "binary": browser.chromium, "args": arguments });
        let wanted = json!({ "goog:chromeOptions": options, "timeouts": { "script": SCRIPT_LIMIT_MS } });
        let answer = post(&sessions, &json!({ "capabilities": { "alwaysMatch": wanted } }))?;
        let id = answer["sessionId"].as_str().context("chromedriver opened no session")?;
        chromium.session = format!("{sessions}/{id}");
        let version = answer["capabilities"]["browserVersion"].as_str().unwrap_or("of unknown version");
        chromium.name = format!("Chromium {version}");
        Ok(chromium)
    }

    /// Opens a page and waits until it has loaded.
    pub fn open(&self, url: &str) -> Result<()> {
        post(&format!("{}/url", self.session), &json!({ "url": url })).map(|_| ())
    }

    /// Calls an asynchronous function of the page and waits for its answer.
    pub fn call(&self, function: &str, arguments: Value) -> Result<Value> {
        // WebDriver adds a callback as the last argument.
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             window.{function}(...[...arguments].slice(0, -1)).then(done, (error) => done({{ error: String(error) }}));"
        );
        post(&format!("{}/execute/async", self.session), &json!({ "script": script, "args": arguments }))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Whatever is gone already is what was wanted.
        if !self.session.is_empty() {
            let _ = ureq::delete(&self.session).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn post(url: &str, body: &Value) -> Result<Value> {
    let request = ureq::post(url).config().http_status_as_error(false).build();
    let mut answer: Value = request.send_json(body)?.body_mut().read_json()?;
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str().filter(|_| value["stacktrace"].is_string()) {
        bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
    }
    Ok(value)
}
