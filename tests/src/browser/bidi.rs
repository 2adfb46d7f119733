//! WebDriver BiDi (<https://w3c.github.io/webdriver-bidi/>), as far as pages are driven with it: commands and their answers,
//! one after the other. What the browser tells without being asked is passed over.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A session of a browser.
pub(super) struct Bidi {
    connection: Mutex<Connection>,
}

struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The number of the command that was given last.
    last: u64,
}

impl Bidi {
    /// Opens a session with a browser that listens at this port.
    pub async fn connect(port: u16, any_certificate: bool) -> Result<Self> {
        let (socket, _) = connect_async(format!("ws://127.0.0.1:{port}/session")).await?;
        let bidi = Self { connection: Mutex::new(Connection { socket, last: 0 }) };
        let wanted = json!({ "alwaysMatch": { "acceptInsecureCerts": any_certificate } });
        bidi.command("session.new", json!({ "capabilities": wanted })).await?;
        Ok(bidi)
    }

    /// Gives a command and waits for its answer.
    async fn command(&self, method: &str, parameters: Value) -> Result<Value> {
        let mut connection = self.connection.lock().await;
        connection.last += 1;
        let number = connection.last;
        let command = json!({ "id": number, "method": method, "params": parameters });
        connection.socket.send(Message::text(command.to_string())).await?;
        while let Some(message) = connection.socket.next().await {
            let Message::Text(text) = message? else { continue };
            let mut answer: Value = serde_json::from_str(&text)?;
            if answer["id"] != number {
                continue;
            }
            ensure!(answer["type"] == "success", "{method}: {}: {}", answer["error"], answer["message"]);
            return Ok(answer["result"].take());
        }
        bail!("{method}: the browser has ended")
    }

    /// Opens a tab, and returns its name.
    pub async fn new_tab(&self) -> Result<String> {
        let made = self.command("browsingContext.create", json!({ "type": "tab" })).await?;
        Ok(made["context"].as_str().context("a tab has a name")?.to_owned())
    }

    /// Brings a tab to the front.
    pub async fn show(&self, tab: &str) -> Result<()> {
        self.command("browsingContext.activate", json!({ "context": tab })).await.map(drop)
    }

    /// Opens an address in a tab, and waits until it is loaded.
    pub async fn go(&self, tab: &str, address: &str) -> Result<()> {
        let to = json!({ "context": tab, "url": address, "wait": "complete" });
        self.command("browsingContext.navigate", to).await.map(drop)
    }

    /// Has a script run in every page of a tab from now on, before the page's own.
    pub async fn run_before_pages(&self, tab: &str, script: &str) -> Result<()> {
        let function = format!("() => {{\n{script}\n}}");
        let preload = json!({ "functionDeclaration": function, "contexts": [tab] });
        self.command("script.addPreloadScript", preload).await.map(drop)
    }

    /// Loads a tab's page again.
    pub async fn reload(&self, tab: &str) -> Result<()> {
        self.command("browsingContext.reload", json!({ "context": tab, "wait": "complete" })).await.map(drop)
    }

    /// Runs the body of a function in a tab and returns its value, or what its promise comes to.
    pub async fn run(&self, tab: &str, script: &str, arguments: &[Value]) -> Result<Value> {
        // Values go to and fro as JSON: the protocol has types of its own.
        let function = format!(
            "async (given) => JSON.stringify(await (function () {{\n{script}\n}}).apply(window, JSON.parse(given)) ?? null)"
        );
        let given = json!({ "type": "string", "value": serde_json::to_string(arguments)? });
        let call = json!({
            "functionDeclaration": function, "arguments": [given], "awaitPromise": true, "target": { "context": tab },
        });
        let answer = self.command("script.callFunction", call).await?;
        let value = answer["result"]["value"].as_str();
        let value = value.with_context(|| format!("the script failed: {}", answer["exceptionDetails"]["text"]))?;
        Ok(serde_json::from_str(value)?)
    }

    /// Clicks at a place of a tab, in CSS pixels from its upper left corner.
    pub async fn click(&self, tab: &str, [x, y]: [i64; 2]) -> Result<()> {
        let steps = json!([
            { "type": "pointerMove", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        self.act(tab, json!({ "type": "pointer", "id": "mouse", "actions": steps })).await
    }

    /// Types where a tab's focus is. Keys without a letter have their places in Unicode from WebDriver.
    pub async fn type_text(&self, tab: &str, text: &str) -> Result<()> {
        let press = |key| ["keyDown", "keyUp"].map(|way| json!({ "type": way, "value": key }));
        let steps: Vec<Value> = text.chars().flat_map(press).collect();
        self.act(tab, json!({ "type": "key", "id": "keyboard", "actions": steps })).await
    }

    async fn act(&self, tab: &str, source: Value) -> Result<()> {
        self.command("input.performActions", json!({ "context": tab, "actions": [source] })).await.map(drop)
    }

    /// Chooses files in the file input that a selector finds.
    pub async fn choose_files(&self, tab: &str, selector: &str, paths: &[String]) -> Result<()> {
        let locator = json!({ "type": "css", "value": selector });
        let found = self.command("browsingContext.locateNodes", json!({ "context": tab, "locator": locator })).await?;
        let element = found["nodes"][0]["sharedId"].as_str().with_context(|| format!("there is no {selector}"))?;
        let files = json!({ "context": tab, "element": { "sharedId": element }, "files": paths });
        self.command("input.setFiles", files).await.map(drop)
    }

    /// A picture of what a tab shows, as PNG.
    pub async fn picture(&self, tab: &str) -> Result<Vec<u8>> {
        let picture = self.command("browsingContext.captureScreenshot", json!({ "context": tab })).await?;
        Ok(BASE64_STANDARD.decode(picture["data"].as_str().context("a picture is text")?)?)
    }
}
