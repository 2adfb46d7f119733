//! Headless Chromium, driven through chromedriver (W3C WebDriver) as far as benchmarks need it: open a page, call an
//! asynchronous function there, click and wait. WebGPU is there in software or not at all, so that any machine is alike, but
//! where the machine's own graphics processor is measured.

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

/// How long chromedriver may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_millis(SCRIPT_LIMIT_MS + 60_000);

/// What a page finds for WebGPU.
#[derive(Clone, Copy, PartialEq)]
pub enum Graphics {
    /// An adapter that the processor computes.
    InSoftware,
    /// What the machine has, in whatever state Chromium's lists take its driver to be.
    Chip,
    /// No adapter.
    None,
}

/// One window of a browser, which ends with this.
pub struct Chromium {
    driver: Child,
    session: String,
    /// Name and version.
    pub name: String,
}

impl Chromium {
    /// Starts the driver and the browser, with an empty profile in `folder`.
    pub fn start(browser: &Browser, folder: &Path, graphics: Graphics) -> Result<Chromium> {
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

        let profile = format!("--user-data-dir={}", folder.display());
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
        ];
        arguments.extend(match graphics {
            Graphics::InSoftware => {
                &["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"][..]
            }
            Graphics::Chip => &["--enable-unsafe-webgpu", "--ignore-gpu-blocklist", "--enable-features=Vulkan"],
            Graphics::None => &[],
        });
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

    /// Waits until a script's value is true; fails after `limit` with what the page says.
    pub fn wait(&self, what: &str, script: &str, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        // While a page is still on its way, a script may fail.
        while !self.run(script).is_ok_and(|value| value == true) {
            ensure!(begun.elapsed() < limit, "waited {limit:?} for {what}; the page says:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(150));
        }
        Ok(())
    }

    /// Clicks the element with a test name as soon as it is seen and no news above it pushes it away.
    pub fn click(&self, name: &str, limit: Duration) -> Result<()> {
        let selector = format!("[data-test=\"{name}\"]");
        let rests = format!(
            "const element = document.querySelector('{selector}');
             if (!element?.checkVisibility()) return false;
             element.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
             const before = window.topOfClicked;
             window.topOfClicked = Math.round(element.getBoundingClientRect().top);
             return window.topOfClicked === before"
        );
        self.wait(&format!("“{name}” to be seen"), &rests, limit)?;
        let query = json!({ "using": "css selector", "value": selector });
        let element = post(&format!("{}/element", self.session), &query)?;
        let id = element.as_object().and_then(|element| element.values().next()).and_then(Value::as_str);
        let id = id.with_context(|| format!("chromedriver has no “{name}”"))?;
        post(&format!("{}/element/{id}/click", self.session), &json!({})).map(|_| ())
    }

    /// All that one can read on the page.
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText").unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    fn run(&self, script: &str) -> Result<Value> {
        post(&format!("{}/execute/sync", self.session), &json!({ "script": script, "args": [] }))
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
    let request = ureq::post(url).config().http_status_as_error(false);
    let request = request.timeout_global(Some(ANSWER_LIMIT)).build();
    let mut answer: Value = request.send_json(body)?.body_mut().read_json()?;
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str().filter(|_| value["stacktrace"].is_string()) {
        bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
    }
    Ok(value)
}
