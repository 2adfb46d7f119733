//! One window of a browser, and the few things that everything else is made of, whichever way the browser is driven.

use anyhow::{Context, Result, bail, ensure};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use super::bidi::Bidi;
use super::chromium;

pub(super) enum Window<'a> {
    WebDriver { client: &'a Client, handle: WindowHandle },
    Bidi { connection: &'a Bidi, context: String },
}

impl Window<'_> {
    /// Brings it to the front.
    pub async fn show(&self) -> Result<()> {
        match self {
            Self::WebDriver { client, handle } => Ok(client.switch_to_window(handle.clone()).await?),
            Self::Bidi { connection, context } => connection.show(context).await,
        }
    }

    /// Opens an address in it.
    pub async fn go(&self, address: &str) -> Result<()> {
        match self {
            Self::WebDriver { client, .. } => Ok(client.goto(address).await?),
            Self::Bidi { connection, context } => connection.go(context, address).await,
        }
    }

    /// Has a script run in every page that is opened in it from now on, before the page's own.
    pub async fn run_before_pages(&self, script: &str) -> Result<()> {
        match self {
            Self::WebDriver { .. } => {
                let source = json!({ "source": script });
                self.command("Page.addScriptToEvaluateOnNewDocument", source).await.map(drop)
            }
            Self::Bidi { connection, context } => connection.run_before_pages(context, script).await,
        }
    }

    /// Loads its page again.
    pub async fn reload(&self) -> Result<()> {
        match self {
            Self::WebDriver { client, .. } => Ok(client.refresh().await?),
            Self::Bidi { connection, context } => connection.reload(context).await,
        }
    }

    /// Runs the body of a function, and waits for its value where that is a promise.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        match self {
            Self::WebDriver { client, .. } => Ok(client.execute(script, arguments).await?),
            Self::Bidi { connection, context } => connection.run(context, script, &arguments).await,
        }
    }

    /// Clicks the element that a selector finds, in its middle, where nothing may be in front of it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        match self {
            Self::WebDriver { client, .. } => Ok(client.find(Locator::Css(selector)).await?.click().await?),
            Self::Bidi { connection, context } => {
                let script = "const element = document.querySelector(arguments[0]);
                    element.scrollIntoView({ block: 'nearest', behavior: 'instant' });
                    const { left, top, width, height } = element.getBoundingClientRect();
                    const place = [Math.floor(left + width / 2), Math.floor(top + height / 2)];
                    return element.contains(document.elementFromPoint(...place)) ? place : null;";
                let place = connection.run(context, script, &[json!(selector)]).await?;
                ensure!(!place.is_null(), "something is in front of {selector}");
                connection.click(context, serde_json::from_value(place)?).await
            }
        }
    }

    /// Types where the focus is.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        match self {
            Self::WebDriver { client, .. } => loop {
                match client.active_element().await?.send_keys(text).await {
                    // What had the focus left the page meanwhile, and got no key.
                    Err(error) if error.is_stale_element_reference() => {}
                    typed => return Ok(typed?),
                }
            },
            Self::Bidi { connection, context } => connection.type_text(context, text).await,
        }
    }

    /// Chooses files in the file input that a selector finds.
    pub async fn choose_files(&self, selector: &str, paths: &[String]) -> Result<()> {
        match self {
            Self::WebDriver { client, .. } => {
                let element = client.find(Locator::Css(selector)).await?;
                Ok(element.send_keys(&paths.join("\n")).await?)
            }
            Self::Bidi { connection, context } => connection.choose_files(context, selector, paths).await,
        }
    }

    /// What it shows, as PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        match self {
            Self::WebDriver { client, .. } => Ok(client.screenshot().await?),
            Self::Bidi { connection, context } => connection.picture(context).await,
        }
    }

    /// Minimises it.
    pub async fn minimise(&self) -> Result<()> {
        Ok(self.chromium().context("only Chromium can be told that")?.minimize_window().await?)
    }

    /// Gives Chromium a command of its own.
    pub async fn command(&self, name: &'static str, parameters: Value) -> Result<Value> {
        let Some(client) = self.chromium() else { bail!("only Chromium has {name}") };
        chromium::command(client, name, parameters).await
    }

    /// The way to Chromium, where it is a window of that.
    pub fn chromium(&self) -> Option<&Client> {
        match self {
            Self::WebDriver { client, .. } => Some(client),
            Self::Bidi { .. } => None,
        }
    }
}
