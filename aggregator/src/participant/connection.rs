//! Opens the one WebSocket of a participant, plain or with TLS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use protocol::limits::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::trust::any_certificate;

/// An open socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long the aggregator may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// Connects to `address` (`ws://` or `wss://`). `insecure` takes any certificate, such as one the aggregator made itself.
pub async fn connect(address: &str, insecure: bool) -> Result<Socket> {
    let mut request = address.into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let connector = insecure.then(any_certificate).transpose()?.map(|config| Connector::Rustls(Arc::new(config)));
    let connecting = connect_async_tls_with_config(request, None, true, connector);
    let (socket, _) = timeout(CONNECT_LIMIT, connecting).await.context("no answer within 15 seconds")??;
    Ok(socket)
}
