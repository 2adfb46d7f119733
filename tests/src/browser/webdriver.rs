//! The way to a browser's driver.

use std::time::Duration;

use anyhow::Result;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

/// A driver that has just been started listens a little later.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a session with a driver that listens at this port.
pub(super) async fn session(port: u16, capabilities: Map<String, Value>) -> Result<Client> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.clone());
        match builder.connect(&format!("http://127.0.0.1:{port}")).await {
            Ok(client) => return Ok(client),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}
