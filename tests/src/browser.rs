//! A headless Chromium, driven over WebDriver as a person would use the page.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// No page has so many places for the focus.
const MOST_STOPS: usize = 300;

/// How a browser is to be.
#[derive(Default)]
pub struct Options {
    /// A WAV file that the microphone hears, over and over.
    pub microphone: Option<PathBuf>,
    /// Whether the person refuses the page the microphone.
    pub refuses: bool,
    /// Whether WebGPU, computed in software, is there.
    pub webgpu: bool,
    /// Whether the browser treats tabs in the background as it does without a test: it wakes their timers once a minute at
    /// most, here after 10 s and not only after 5 minutes.
    pub throttles: bool,
    /// The port of a proxy on this machine that everything goes through, this machine's own servers included.
    pub proxy: Option<u16>,
}

/// A browser of its own profile. Several windows of it are several tabs of one person's browser.
pub struct Browser {
    client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts chromedriver and Chromium.
    ///
    /// # Errors
    /// Where one of them is missing: `cargo xtask setup` installs them or says how.
    pub async fn start(options: Options) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
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
            "--window-size=1280,1000",
            // The pages speak the language of the browser; these tests read English, whatever the system speaks.
            "--accept-lang=en-GB",
            "--use-fake-device-for-media-stream",
        ]
        .map(str::to_owned)
        .into();
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
        let deadline = Instant::now() + Duration::from_secs(20);
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.clone());
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("no browser session; is Chromium installed? `cargo xtask setup`");
                }
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        };
        Ok(Self { client, driver, _profile: profile })
    }

    /// Opens a page in a new tab and returns the tab.
    ///
    /// # Errors
    /// Where the browser does not.
    pub async fn open(&self, address: &str) -> Result<Tab<'_>> {
        let window = self.client.new_window(true).await?.handle;
        let tab = Tab { client: &self.client, window };
        tab.show().await?;
        self.client.goto(address).await?;
        Ok(tab)
    }

    /// Ends the browser's graphics process, as a failing driver would; the browser starts another by itself.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn crash_graphics(&self) -> Result<()> {
        self.client
            .issue_cmd(Chromium("Browser.crashGpuProcess", json!({})))
            .await
            .context("the browser keeps its graphics process")?;
        Ok(())
    }
}

/// Chromium's own command, by way of chromedriver.
#[derive(Debug)]
struct Chromium(&'static str, Value);

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
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
        let group = self.driver.id().context("the browser has ended")?;
        let status = std::process::Command::new("kill").args([signal, "--", &format!("-{group}")]).status()?;
        if status.success() { Ok(()) } else { bail!("the browser could not be sent {signal}") }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium is chromedriver's child and outlives it; both are in a process group of their own. One whose lid is closed
        // has to be woken to end.
        let _ = self.signal("-TERM").and_then(|()| self.open_lid());
    }
}

/// One tab. Its methods first bring it to the front.
pub struct Tab<'a> {
    client: &'a Client,
    window: WindowHandle,
}

/// The selector of an element by its test name.
fn named(name: &str) -> String {
    format!("[data-test=\"{name}\"]")
}

impl Tab<'_> {
    async fn show(&self) -> Result<()> {
        Ok(self.client.switch_to_window(self.window.clone()).await?)
    }

    /// Runs a script and returns its value.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.show().await?;
        Ok(self.client.execute(script, arguments).await?)
    }

    /// Waits until the script's value is true.
    ///
    /// # Errors
    /// After `limit`, with the page's visible text.
    pub async fn wait(&self, what: &str, script: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.run(script, vec![]).await.is_ok_and(|value| value == Value::Bool(true)) {
                return Ok(());
            }
            sleep(Duration::from_millis(150)).await;
        }
        // A picture of what was there instead says more than words, wherever the browser still answers.
        let _ = self.picture("failed").await;
        let text = self.run("return document.body.innerText", vec![]).await.unwrap_or_default();
        bail!("waited {limit:?} for {what}; the page says:\n{}", text.as_str().unwrap_or_default())
    }

    /// Waits for a named element to be there and seen.
    ///
    /// # Errors
    /// After 30 seconds.
    pub async fn wait_for(&self, name: &str) -> Result<()> {
        let script = format!("return !!document.querySelector('{}')?.checkVisibility()", named(name));
        self.wait(&format!("“{name}” to be seen"), &script, Duration::from_secs(30)).await
    }

    /// Clicks a named element, as a person would: it has to be seen.
    ///
    /// # Errors
    /// Where it is not there or not clickable within 30 seconds.
    pub async fn click(&self, name: &str) -> Result<()> {
        self.wait_for(name).await?;
        self.keeps_its_place(name).await?;
        let element = self.client.find(Locator::Css(&named(name))).await?;
        element.click().await.with_context(|| format!("could not click “{name}”"))
    }

    /// Waits, not for ever, until an element is where it was a moment ago: a click on one that is just pushed away
    /// by news above it meets something else, or nothing.
    async fn keeps_its_place(&self, name: &str) -> Result<()> {
        let script = "const element = document.querySelector(arguments[0]);
            element?.scrollIntoView({ block: 'nearest', behavior: 'instant' });
            return Math.round(element?.getBoundingClientRect().top ?? 0)";
        let mut before = Value::Null;
        for _ in 0..20 {
            let now = self.run(script, vec![json!(named(name))]).await?;
            if now == before {
                break;
            }
            before = now;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Goes to a named element with the Tab key alone, and looks whether one sees that it has the focus.
    ///
    /// # Errors
    /// Where it is not reached, or looks as without the focus.
    pub async fn tab_to(&self, name: &str) -> Result<()> {
        self.wait_for(name).await?;
        for _ in 0..MOST_STOPS {
            self.press(Key::Tab).await?;
            let script = "const focused = document.activeElement;
                if (!focused.matches(arguments[0])) return null;
                const { outlineStyle, outlineWidth } = getComputedStyle(focused);
                return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;";
            match self.run(script, vec![json!(named(name))]).await? {
                Value::Bool(true) => return Ok(()),
                Value::Bool(false) => bail!("nobody sees that “{name}” has the focus"),
                _ => {}
            }
        }
        bail!("“{name}” is not reached with the Tab key")
    }

    /// Presses a key where the focus is.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn press(&self, key: Key) -> Result<()> {
        self.type_text(&String::from(char::from(key))).await
    }

    /// Types where the focus is.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.show().await?;
        Ok(self.client.active_element().await?.send_keys(text).await?)
    }

    /// Types into a named field as far as the page can tell: its value and the events.
    ///
    /// # Errors
    /// Where it is not seen within 30 seconds.
    pub async fn fill(&self, name: &str, value: &str) -> Result<()> {
        self.wait_for(name).await?;
        let script = "const [selector, value] = arguments;
            const field = document.querySelector(selector);
            field.value = value;
            for (const event of ['input', 'change']) field.dispatchEvent(new Event(event, { bubbles: true }));";
        self.run(script, vec![json!(named(name)), json!(value)]).await?;
        Ok(())
    }

    /// Chooses files in a named file input.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn choose_files(&self, name: &str, paths: &[PathBuf]) -> Result<()> {
        self.show().await?;
        let element = self.client.find(Locator::Css(&named(name))).await?;
        let list: Vec<String> =
            paths.iter().map(|path| Ok(path.canonicalize()?.display().to_string())).collect::<std::io::Result<_>>()?;
        Ok(element.send_keys(&list.join("\n")).await?)
    }

    /// Waits until the room's page lists that many clips.
    ///
    /// # Errors
    /// After `limit`.
    pub async fn wait_for_clips(&self, count: usize, limit: Duration) -> Result<()> {
        let script =
            format!("return (parseInt(document.getElementById('clip-list-title').innerText) || 0) === {count}");
        self.wait(&format!("{count} clips"), &script, limit).await
    }

    /// Clicks a button that saves a file, and returns the file.
    ///
    /// # Errors
    /// Where none is saved within a minute.
    pub async fn saved(&self, button: &str) -> Result<Vec<u8>> {
        self.run(
            "window.saved = undefined;
             const make = window.make ??= URL.createObjectURL.bind(URL);
             URL.createObjectURL = (blob) => { window.saved = blob; return make(blob); };",
            vec![],
        )
        .await?;
        self.click(button).await?;
        self.wait("the saved file", "return window.saved !== undefined", Duration::from_secs(60)).await?;
        let script = "return new Promise((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result.split(',')[1]);
            reader.readAsDataURL(window.saved);
        })";
        Ok(BASE64_STANDARD.decode(self.run(script, vec![]).await?.as_str().context("a file is base64")?)?)
    }

    /// Gives the room's page sound files and waits until all of them are in its list.
    ///
    /// # Errors
    /// Where that takes longer than two minutes.
    pub async fn give(&self, paths: &[PathBuf]) -> Result<()> {
        self.wait_for("take-part").await?;
        self.choose_files("file-input", paths).await?;
        self.wait_for_clips(paths.len(), Duration::from_secs(120)).await
    }

    /// Freezes the tab as the browser does with one that has been in the background for long, or thaws it.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn freeze(&self, on: bool) -> Result<()> {
        self.show().await?;
        let state = if on { "frozen" } else { "active" };
        self.client.issue_cmd(Chromium("Page.setWebLifecycleState", json!({ "state": state }))).await?;
        Ok(())
    }

    /// Minimises the tab's window, so that nobody sees it.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn minimise(&self) -> Result<()> {
        self.show().await?;
        Ok(self.client.minimize_window().await?)
    }

    /// Lets the browser store so many bytes for this page's server and no more; `None` ends that.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn storage_limit(&self, bytes: Option<u64>) -> Result<()> {
        self.show().await?;
        let origin = self.run("return location.origin", vec![]).await?;
        let mut limit = json!({ "origin": origin });
        if let Some(bytes) = bytes {
            limit["quotaSize"] = bytes.into();
        }
        self.client.issue_cmd(Chromium("Storage.overrideQuotaForOrigin", limit)).await?;
        Ok(())
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn reload(&self) -> Result<()> {
        self.show().await?;
        Ok(self.client.refresh().await?)
    }

    /// What axe-core finds on the page as it is now that violates WCAG 2.2 at level A or AA: a line a rule, with the elements.
    /// Nothing where `CHORUS_AXE` does not say where axe-core is; the program that runs all tests says so then.
    ///
    /// # Errors
    /// Where axe-core cannot be run.
    pub async fn violations(&self) -> Result<Vec<String>> {
        let Some(axe) = std::env::var_os("CHORUS_AXE") else { return Ok(Vec::new()) };
        self.run(&std::fs::read_to_string(axe)?, vec![]).await?;
        let search = "const done = arguments[arguments.length - 1];
            const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
            axe.run(document, { runOnly: levels }).then(
              ({ violations }) => done(violations.map(({ id, help, nodes }) =>
                `${id}: ${help}: ${nodes.map(({ target, failureSummary }) => `${target} (${failureSummary})`).join('; ')}`)),
              (error) => done([String(error)]))";
        let found = self.client.execute_async(search, vec![]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Keeps a picture of the page in `CHORUS_TEST_OUTPUT`, else `tests/output/`, for people to look at. Where `CHORUS_SCREENS`
    /// names a folder (`cargo xtask test --screens`), the whole page is also kept there as a desktop, a phone and, of a board, a
    /// projector show it, light and dark.
    ///
    /// # Errors
    /// Where it cannot be taken or written.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        self.show().await?;
        if let Some(folder) = std::env::var_os("CHORUS_SCREENS") {
            self.screens(name, &PathBuf::from(folder)).await?;
        }
        self.picture(name).await
    }

    async fn picture(&self, name: &str) -> Result<()> {
        let folder = std::env::var_os("CHORUS_TEST_OUTPUT").map_or_else(|| "output".into(), PathBuf::from);
        std::fs::create_dir_all(&folder)?;
        let picture = self.client.screenshot().await?;
        std::fs::write(folder.join(format!("{name}.png")), picture)?;
        Ok(())
    }

    async fn screens(&self, name: &str, folder: &std::path::Path) -> Result<()> {
        const SCREENS: [(&str, u32, u32); 3] = [("desktop", 1280, 900), ("phone", 390, 844), ("projector", 1920, 1080)];
        std::fs::create_dir_all(folder)?;
        for (screen, width, height) in SCREENS {
            if screen == "projector" && !name.contains("board") {
                continue;
            }
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            self.client.issue_cmd(Chromium("Emulation.setDeviceMetricsOverride", size)).await?;
            for scheme in ["light", "dark"] {
                let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.client.issue_cmd(Chromium("Emulation.setEmulatedMedia", features)).await?;
                // The page lays itself out anew, and what glides comes to rest.
                sleep(Duration::from_millis(400)).await;
                let whole = json!({ "format": "webp", "quality": 60, "captureBeyondViewport": screen != "projector" });
                let picture = self.client.issue_cmd(Chromium("Page.captureScreenshot", whole)).await?;
                let picture = BASE64_STANDARD.decode(picture["data"].as_str().context("a picture is text")?)?;
                std::fs::write(folder.join(format!("{name}-{screen}-{scheme}.webp")), picture)?;
            }
        }
        self.client.issue_cmd(Chromium("Emulation.clearDeviceMetricsOverride", json!({}))).await?;
        self.client.issue_cmd(Chromium("Emulation.setEmulatedMedia", json!({ "features": [] }))).await?;
        Ok(())
    }
}
