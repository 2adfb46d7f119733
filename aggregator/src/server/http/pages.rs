//! The pages, scripts and wasm that are embedded in the program, and the headers that keep a browser strict about them.
//! It knows nothing of rooms: a page asks the API whether its room exists.

use axum::extract::{Path, Request};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `cargo xtask bundle` made, each file with a `.br` and a `.gz` beside it.
#[derive(RustEmbed)]
#[folder = "../bundle"]
struct Bundle;

/// The page where a person enters a room's code.
pub async fn index(headers: HeaderMap) -> Response {
    page("index.html", &headers)
}

/// The page of one room; the same for every code.
pub async fn room(Path(_code): Path<String>, headers: HeaderMap) -> Response {
    page("room.html", &headers)
}

/// The teacher's page. It asks for the host token itself; the page holds no secret.
pub async fn teach(headers: HeaderMap) -> Response {
    page("teach.html", &headers)
}

/// The board of one room, for the projector; the same for every code.
pub async fn board(Path(_code): Path<String>, headers: HeaderMap) -> Response {
    page("board.html", &headers)
}

/// Any other embedded file, by its path.
pub fn file(uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let compressed_twin = path.ends_with(".br") || path.ends_with(".gz");
    if compressed_twin || path.is_empty() {
        return not_found(path);
    }
    serve(path, headers).unwrap_or_else(|| not_found(path))
}

fn page(name: &str, headers: &HeaderMap) -> Response {
    serve(name, headers).unwrap_or_else(|| {
        let text = "This chorus program was built without its pages.\n\
                    Run `cargo xtask bundle` in the project's folder, build and start it again.\n\
                    Headless participants (`chorus join`) can take part meanwhile.\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    })
}

fn not_found(path: &str) -> Response {
    let text = format!("There is no page /{path} here. Start at / and enter your room's code.\n");
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Answers with the smallest variant that the browser takes, or with 304 where it has it already.
fn serve(path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Bundle::get(path)?;
    let (file, encoding) = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, extension)| Some((Bundle::get(&format!("{path}.{extension}"))?, Some(encoding))))
        .unwrap_or((plain, None));

    let etag = entity_tag(&file);
    // File names carry no hash, so a browser must ask each time; the tag makes the answer one short 304.
    let mut response = if already_held(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            std::borrow::Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => bytes.into(),
        };
        let mut response = body.into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
        if let Some(encoding) = encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}

fn entity_tag(file: &EmbeddedFile) -> String {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn already_held(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
    })
}

/// Whether `Accept-Encoding` names `encoding` without refusing it by `q=0` (RFC 9110, 12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
            let refused = parts
                .filter_map(|part| part.strip_prefix("q="))
                .any(|quality| quality.parse::<f32>().is_ok_and(|quality| quality == 0.0));
            named && !refused
        })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wav" => "audio/wav",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Adds the headers that make a browser run our own files and nothing else, and give the microphone to no other origin.
pub async fn strict_headers(request: Request, next: Next) -> Response {
    let policy = content_security_policy(request.headers().get(HOST));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "microphone=(self), camera=(), geolocation=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn content_security_policy(host: Option<&HeaderValue>) -> HeaderValue {
    // Older Safari does not take 'self' to cover ws: and wss: of the same host, so they are named. The host comes from
    // the request, so it is repeated only where it can be nothing but a host and a port.
    let sockets = host
        .and_then(|host| host.to_str().ok())
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b)))
        .map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'{sockets}; \
         img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_not_refused() {
        assert!(accepts(&with(ACCEPT_ENCODING, "gzip, deflate, br, zstd"), "br"));
        assert!(accepts(&with(ACCEPT_ENCODING, "br;q=0.5, gzip;q=1.0"), "br"));
        assert!(!accepts(&with(ACCEPT_ENCODING, "gzip, br;q=0"), "br"));
        assert!(!accepts(&with(ACCEPT_ENCODING, "gzip"), "br"));
        assert!(!accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn a_tag_is_recognised_in_a_list_and_as_weak() {
        let held = with(IF_NONE_MATCH, "\"aa\", W/\"bb\"");
        assert!(already_held(&held, "\"bb\""));
        assert!(!already_held(&held, "\"cc\""));
    }

    #[test]
    fn a_host_that_tries_to_add_directives_is_left_out_of_the_policy() {
        let policy = content_security_policy(Some(&HeaderValue::from_static("x; script-src *")));
        assert!(!policy.to_str().unwrap().contains("script-src *"));
        let policy = content_security_policy(Some(&HeaderValue::from_static("192.168.1.5:8080")));
        assert!(policy.to_str().unwrap().contains("wss://192.168.1.5:8080"));
    }
}
