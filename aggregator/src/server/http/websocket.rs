//! Who may open a WebSocket: a page of our own, or a program that is no browser, which speaks our subprotocol. What goes over
//! it then is `socket`'s.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use protocol::limits::SUBPROTOCOL;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::failure::{Code, Failure};
use super::site::Outside;
use crate::server::gate::{Caller, Gate, Peer, Progress};
use crate::server::log::Few;
use crate::server::rooms::Rooms;
use crate::server::socket::{self, Entrance};

static ORIGIN_LINES: Few = Few::new();

/// `GET /ws`.
pub async fn open(
    State(rooms): State<Arc<Rooms>>,
    State(gate): State<Arc<Gate>>,
    Extension(caller): Extension<Caller>,
    Extension(peer): Extension<Peer>,
    Extension(outside): Extension<Outside>,
    Extension(progress): Extension<Arc<Progress>>,
    mut request: Request,
) -> Result<Response, Failure> {
    let mut answer = create_response_with_body(&request, Body::empty)
        .map_err(|error| Failure::new(Code::NoWebsocket, format!("this address speaks WebSocket alone: {error}")))?;
    let headers = request.headers();
    if !same_origin(headers, &outside) {
        let [origin, host] = [ORIGIN, HOST].map(|name| headers.get(name));
        if let Some(left_out) = ORIGIN_LINES.allow() {
            tracing::warn!(
                ?origin,
                ?host,
                left_out,
                "a WebSocket of another page's was refused; a proxy has to pass Host on unchanged"
            );
        }
        let words = "this address takes WebSockets from its own pages only";
        return Err(Failure::new(Code::OriginForeign, words));
    }
    let mut named = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    if !named.any(|line| line.split(',').any(|name| name.trim() == SUBPROTOCOL)) {
        return Err(Failure::new(Code::SubprotocolMissing, format!("name the WebSocket subprotocol {SUBPROTOCOL}")));
    }
    let place = gate.enter_behind_proxy(caller)?;
    answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    socket::accept(
        hyper::upgrade::on(&mut request),
        rooms,
        Entrance { gate, caller, place, inside: peer.is_inside(), progress },
    );
    Ok(answer)
}

/// A browser names the page's origin; where it does, it must be this host, or what a proxy says that people see. Programs name
/// none.
fn same_origin(headers: &HeaderMap, Outside(outside): &Outside) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_ours = matches!((origin_host, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host));
    is_ours || outside.as_ref().is_some_and(|outside| outside.eq_ignore_ascii_case(origin))
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
        let of_page = |headers| same_origin(&headers, &Outside::default());
        assert!(of_page(headers("http://192.168.1.5:8080")));
        assert!(!of_page(headers("http://192.168.1.5:9090")));
        assert!(!of_page(headers("https://evil.example")));
        assert!(!of_page(headers("null")));
        assert!(of_page(HeaderMap::new()));
        let outside = Outside(Some("https://chorus.example.org".to_owned()));
        assert!(same_origin(&headers("https://chorus.example.org"), &outside));
        assert!(!same_origin(&headers("http://chorus.example.org"), &outside));
    }
}
