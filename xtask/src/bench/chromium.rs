//! Headless Chromium, driven through chromedriver (W3C WebDriver) as far as benchmarks need it: open a page, call an
//! asynchronous function there. WebGPU is computed in software, so that it is there on any machine.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{process, setup::Browser};

/// How long one measurement may take: TensorFlow.js needs a minute for some single steps.
const SCRIPT_LIMIT_MS: u64 = 20 * 60 * 1000;

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
        let mut command = process::program(&browser.chromedriver);
        let driver = command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = driver.with_context(|| format!("cannot start {}", browser.chromedriver.display()))?;
        let port = port(&mut driver);
        // From here on the driver ends with this value, whatever fails.
        let mut chromium = Chromium { driver, session: String::new(), name: String::new() };
        let sessions = format!("http://127.0.0.1:{}/session", port?);

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

/// The port in "… was started successfully on port 43111."
fn port(driver: &mut Child) -> Result<u16> {
    let output = driver.stdout.take().context("chromedriver has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((_, port)) = line.rsplit_once("on port ")
            && let Ok(port) = port.trim_end_matches('.').parse()
        {
            return Ok(port);
        }
    }
    bail!("chromedriver ended before it named its port")
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
