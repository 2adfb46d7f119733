//! The HTTP side: which address leads where. Rooms as JSON, models as files, the pages, and the door to the WebSockets.

mod admission;
mod boards;
mod certificate;
mod events;
mod failure;
#[cfg(feature = "cluster")]
mod forward;
mod health;
mod host;
mod metrics;
mod model;
mod onnx_file;
mod pages;
mod results;
mod room;
mod secret;
mod site;
mod websocket;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
pub use certificate::answer as certificate_answer;
use failure::{Code, Failure};
#[cfg(feature = "cluster")]
pub use forward::notice_cut_off;
pub use secret::{Secret, Secrets};
pub use site::Site;

const DESCRIPTION: &str = include_str!("../../../../docs/openapi.json");

/// Every address of the program but the pages' files, as docs/openapi.json has them.
fn table() -> Vec<(&'static str, MethodRouter<Site>)> {
    vec![
        ("/", get(pages::index)),
        ("/room/{code}", get(pages::room)),
        ("/room/{code}/board", get(pages::board)),
        ("/teach", get(pages::teach)),
        ("/ws", get(websocket::open)),
        ("/health", get(health::alive)),
        ("/healthz", get(health::alive)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(metrics::text)),
        ("/api/openapi.json", get(description)),
        ("/api/host", get(host::overview)),
        ("/api/rooms/{code}", get(room::room).delete(host::delete)),
        ("/api/rooms/{code}/command", post(host::command)),
        ("/api/rooms/{code}/events", get(events::follow)),
        ("/api/rooms/{code}/qr.svg", get(room::qr_code)),
        ("/api/rooms/{code}/results.json", get(results::json)),
        ("/api/rooms/{code}/results.csv", get(results::csv)),
        ("/api/rooms/{code}/session.json", get(results::session)),
        ("/api/rooms/{code}/history", get(room::history)),
        ("/api/rooms/{code}/held", get(room::held)),
        ("/api/rooms/{code}/model.safetensors", get(model::safetensors)),
        ("/api/rooms/{code}/model.onnx", get(model::onnx)),
        ("/api/rooms/{code}/model.json", get(model::json)),
        ("/api/rooms", post(host::create)),
        ("/api/rooms/preview", post(host::preview)),
    ]
}

/// Every address of the program.
pub fn routes(site: Site) -> Router {
    let routes = table().into_iter().fold(Router::new(), |routes, (path, route)| routes.route(path, route));
    let routes = routes.method_not_allowed_fallback(wrong_method).fallback(get(elsewhere).fallback(wrong_method));
    #[cfg(feature = "cluster")]
    let routes = routes.layer(middleware::from_fn_with_state(site.clone(), forward::pass_on));
    routes
        .layer(DefaultBodyLimit::max(site.rooms.limits().max_body_bytes))
        .layer(middleware::from_fn_with_state(site.clone(), admission::admit))
        .layer(middleware::from_fn(pages::strict_headers))
        .with_state(site)
}

/// This interface as OpenAPI.
async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION)
}

/// What none of the addresses is: the program's own certificate, one of the pages' files, or nothing.
async fn elsewhere(State(site): State<Site>, uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().starts_with("/api/") {
        let words = format!("there is no address {} here; see /api/openapi.json", uri.path());
        return Failure::new(Code::AddressUnknown, words).into_response();
    }
    certificate::response(site.certificate.as_ref(), &uri, &headers).unwrap_or_else(|| pages::file(&uri, &headers))
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    Failure::new(Code::MethodUnknown, format!("{} does not take {method}; see /api/openapi.json", uri.path()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_has_every_address() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        let described: BTreeSet<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = table().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes);
    }
}
