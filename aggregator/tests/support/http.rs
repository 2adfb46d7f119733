//! Questions to the running program over HTTP. A status that tells of an error is an answer like any other.

use serde_json::Value;
use ureq::Agent;

use super::server::Server;

pub fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().into()
}

/// The status and the body of a GET.
pub fn get(server: &Server, path: &str, token: Option<&str>) -> (u16, String) {
    let mut request = agent().get(format!("{}{path}", server.origin));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// The status and the body of a POST of JSON.
pub fn post(server: &Server, path: &str, token: &str, body: &Value) -> (u16, String) {
    let request = agent().post(format!("{}{path}", server.origin)).header("authorization", format!("Bearer {token}"));
    let mut response = request.content_type("application/json").send(body.to_string()).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// The server's room, as its interface tells it.
pub fn room(server: &Server) -> Value {
    let (status, text) = get(server, &format!("/api/rooms/{}", server.room), None);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Asks the server's room for something, as its host.
pub fn command(server: &Server, command: &Value) -> (u16, String) {
    post(server, &format!("/api/rooms/{}/command", server.room), &server.host_token, command)
}
