//! Who may open a WebSocket: a page of our own, or a program that is no browser, which speaks our subprotocol. What goes over
//! it then is `socket`'s.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::response::Response;
use protocol::limits::SUBPROTOCOL;

use super::failure::{Code, Failure};
use crate::server::gate::{Caller, Gate};
use crate::server::rooms::Rooms;
use crate::server::socket;

/// `GET /ws`.
pub async fn open(
    State(rooms): State<Arc<Rooms>>,
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let upgrade = upgrade.map_err(|rejection| Failure::new(Code::NoWebsocket, rejection.body_text()))?;
    if !same_origin(&headers) {
        let words = "this address takes WebSockets from its own pages only";
        return Err(Failure::new(Code::OriginForeign, words));
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(Failure::new(Code::SubprotocolMissing, format!("name the WebSocket subprotocol {SUBPROTOCOL}")));
    }
    let place = gate.enter_behind_proxy(caller)?;
    Ok(socket::accept(upgrade, rooms, place))
}

/// A browser names the page's origin; where it does, it must be this host. Programs name none.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    matches!((origin_host, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_host_may_not_open_a_socket() {
        let headers = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "192.168.1.5:8080".parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            headers
        };
        assert!(same_origin(&headers("http://192.168.1.5:8080")));
        assert!(!same_origin(&headers("http://192.168.1.5:9090")));
        assert!(!same_origin(&headers("https://evil.example")));
        assert!(!same_origin(&headers("null")));
        assert!(same_origin(&HeaderMap::new()));
    }
}
