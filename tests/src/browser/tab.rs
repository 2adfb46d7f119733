//! One tab, and what a person does in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantoccini::key::Key;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::window::Window;

/// No page has so many places for the focus.
const MOST_STOPS: usize = 300;

/// A browser that takes a picture has done so by then.
const PICTURE_LIMIT: Duration = Duration::from_secs(30);

/// One tab. Its methods first bring it to the front.
pub struct Tab<'a> {
    window: Window<'a>,
}

/// The selector of an element by its test name.
fn named(name: &str) -> String {
    format!("[data-test=\"{name}\"]")
}

impl<'a> Tab<'a> {
    pub(super) fn of(window: Window<'a>) -> Self {
        Self { window }
    }

    /// Runs a script and returns its value.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.window.show().await?;
        self.window.run(script, arguments).await
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

    /// Waits until the page's visible text has these words in it.
    ///
    /// # Errors
    /// Where it does not within `limit`.
    pub async fn reads(&self, words: &str, limit: Duration) -> Result<()> {
        let script = format!("return document.body.innerText.includes({})", json!(words));
        self.wait(&format!("the words “{words}”"), &script, limit).await
    }

    /// Refuses a page that violates WCAG 2.2, which it names by `what`.
    ///
    /// # Errors
    /// With the violations.
    pub async fn no_violations(&self, what: &str) -> Result<()> {
        let found = self.violations().await?;
        ensure!(found.is_empty(), "{what} violates WCAG 2.2:\n{}", found.join("\n"));
        Ok(())
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
        self.window.click(&named(name)).await.with_context(|| format!("could not click “{name}”"))
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
        self.window.show().await?;
        self.window.type_text(text).await
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
        self.window.show().await?;
        let list: Vec<String> =
            paths.iter().map(|path| Ok(path.canonicalize()?.display().to_string())).collect::<std::io::Result<_>>()?;
        self.window.choose_files(&named(name), &list).await
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

    /// How many clips the room's page lists, as soon as it lists the same number for a second.
    ///
    /// # Errors
    /// Where the page has no list.
    pub async fn clips(&self) -> Result<usize> {
        let count = "return parseInt(document.getElementById('clip-list-title').innerText)";
        let mut before = Value::Null;
        loop {
            let now = self.run(count, vec![]).await?;
            if now == before {
                return Ok(serde_json::from_value(now)?);
            }
            before = now;
            sleep(Duration::from_secs(1)).await;
        }
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
        self.window.show().await?;
        let state = if on { "frozen" } else { "active" };
        self.window.command("Page.setWebLifecycleState", json!({ "state": state })).await.map(drop)
    }

    /// Minimises the tab's window, so that nobody sees it.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn minimise(&self) -> Result<()> {
        self.window.show().await?;
        self.window.minimise().await
    }

    /// Lets the browser store so many bytes for this page's server and no more; `None` ends that.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn storage_limit(&self, bytes: Option<u64>) -> Result<()> {
        let origin = self.run("return location.origin", vec![]).await?;
        let mut limit = json!({ "origin": origin });
        if let Some(bytes) = bytes {
            limit["quotaSize"] = bytes.into();
        }
        self.window.command("Storage.overrideQuotaForOrigin", limit).await.map(drop)
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// Where the browser is gone.
    pub async fn reload(&self) -> Result<()> {
        self.window.show().await?;
        self.window.reload().await
    }

    /// Gives the page a window of so many pixels, or its own again.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn resize(&self, size: Option<(u32, u32)>) -> Result<()> {
        self.window.show().await?;
        let Some((width, height)) = size else {
            return self.window.command("Emulation.clearDeviceMetricsOverride", json!({})).await.map(drop);
        };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.window.command("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// How far what was seen has moved since the page began to load, without what followed a press, as the browser measures it
    /// (Layout Instability, W3C); and what it was.
    ///
    /// # Errors
    /// Where the browser measures no such thing.
    pub async fn layout_shift(&self) -> Result<(f64, Value)> {
        let measure = "return new Promise((resolve) => {
            new PerformanceObserver((list) => {
              const shifts = list.getEntries().filter(({ hadRecentInput }) => !hadRecentInput);
              resolve([shifts.reduce((sum, { value }) => sum + value, 0), shifts.map(({ value, startTime, sources }) =>
                `${value.toFixed(4)} at ${startTime.toFixed(0)} ms: ${sources.map(({ node }) => node?.id || node?.className || node?.nodeName).join(', ')}`)]);
            }).observe({ type: 'layout-shift', buffered: true });
            setTimeout(() => resolve([0, []]), 500); // nothing has moved: there is nothing to observe
          })";
        let [shift, moved]: [Value; 2] = serde_json::from_value(self.run(measure, vec![]).await?)?;
        Ok((shift.as_f64().context("a shift is a number")?, moved))
    }

    /// What axe-core finds on the page as it is now that violates WCAG 2.2 at level A or AA: a line a rule, with the elements.
    /// Nothing where `CHORUS_AXE` does not say where axe-core is; the program that runs all tests says so then.
    ///
    /// # Errors
    /// Where axe-core cannot be run.
    pub async fn violations(&self) -> Result<Vec<String>> {
        let Some(axe) = std::env::var_os("CHORUS_AXE") else { return Ok(Vec::new()) };
        self.run(&std::fs::read_to_string(axe)?, vec![]).await?;
        // Elsewhere the bar that stays at the top covers what scrolls under it, and axe takes that for how large it is.
        let search = "scrollTo({ top: 0, behavior: 'instant' });
            const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
            return axe.run(document, { runOnly: levels }).then(
              ({ violations }) => violations.map(({ id, help, nodes }) =>
                `${id}: ${help}: ${nodes.map(({ target, failureSummary }) => `${target} (${failureSummary})`).join('; ')}`),
              (error) => [String(error)])";
        let found = self.run(search, vec![]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Keeps a picture of the page in `CHORUS_TEST_OUTPUT`, else `tests/output/`, for people to look at. Where `CHORUS_SCREENS`
    /// names a folder (`cargo xtask test --screens`), Chromium's whole page is also kept there as a desktop, a phone and, of a
    /// board, a projector show it, light and dark.
    ///
    /// # Errors
    /// Where it cannot be taken or written.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        self.window.show().await?;
        if let Some(folder) = std::env::var_os("CHORUS_SCREENS").filter(|_| self.window.chromium().is_some()) {
            self.screens(name, &PathBuf::from(folder)).await?;
        }
        self.picture(name).await
    }

    async fn picture(&self, name: &str) -> Result<()> {
        let folder = std::env::var_os("CHORUS_TEST_OUTPUT").map_or_else(|| "output".into(), PathBuf::from);
        std::fs::create_dir_all(&folder)?;
        // Without a real screen WebKitGTK never answers.
        let picture = timeout(PICTURE_LIMIT, self.window.picture()).await.context("the browser takes no picture")??;
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
            self.window.command("Emulation.setDeviceMetricsOverride", size).await?;
            for scheme in ["light", "dark"] {
                let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.window.command("Emulation.setEmulatedMedia", features).await?;
                // The page lays itself out anew, and what glides comes to rest.
                sleep(Duration::from_millis(400)).await;
                let whole = json!({ "format": "webp", "quality": 60, "captureBeyondViewport": screen != "projector" });
                let picture = self.window.command("Page.captureScreenshot", whole).await?;
                let picture = BASE64_STANDARD.decode(picture["data"].as_str().context("a picture is text")?)?;
                std::fs::write(folder.join(format!("{name}-{screen}-{scheme}.webp")), picture)?;
            }
        }
        self.window.command("Emulation.clearDeviceMetricsOverride", json!({})).await?;
        self.window.command("Emulation.setEmulatedMedia", json!({ "features": [] })).await?;
        Ok(())
    }
}
