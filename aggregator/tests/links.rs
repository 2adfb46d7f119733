//! Under which addresses the running program is reached, and which it answers for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use support::server::Server;

fn server(arguments: &[&str]) -> Server {
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), arguments).unwrap()
}

/// What the server answers to a request of these lines, which must close the connection.
fn ask(server: &Server, path: &str, headers: &[&str]) -> String {
    let (_, address) = server.origin.split_once("//localhost").unwrap();
    let mut stream = TcpStream::connect(format!("127.0.0.1{address}")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let headers = headers.join("\r\n");
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Where the other side resets, what came before is still there.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The links of its room, as the board has them.
fn links(server: &Server, headers: &[&str]) -> Value {
    let answer = ask(server, &format!("/api/rooms/{}", server.room), headers);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let room: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    room["links"].clone()
}

#[test]
fn behind_a_proxy_links_name_what_people_open() {
    let server = server(&[]);
    let room = format!("/room/{}", server.room);
    let here = format!("{}{room}", server.origin);
    let behind = ["Host: chorus.example.org", "X-Forwarded-Proto: https", "X-Forwarded-Host: chorus.example.org"];
    assert_eq!(links(&server, &behind), serde_json::json!([format!("https://chorus.example.org{room}"), here]));
    assert_eq!(links(&server, &["Host: 127.0.0.1"]), serde_json::json!([here]));
}

#[test]
fn an_operator_can_say_where_it_is_reached() {
    let server = server(&["--public-url", "https://chorus.example.org", "--public-name", "chorus.local"]);
    let room = format!("/room/{}", server.room);
    let expected = serde_json::json!([format!("https://chorus.example.org{room}"), format!("{}{room}", server.origin)]);
    for host in ["localhost", "chorus.example.org", "chorus.local:8080"] {
        assert_eq!(links(&server, &[&format!("Host: {host}")]), expected, "{host}");
    }
}

#[test]
fn a_page_whose_name_leads_here_is_refused() {
    let server = server(&[]);
    let foreign = "Host: evil.example:8080";
    for path in ["/", "/api/openapi.json", &format!("/api/rooms/{}", server.room), "/ws"] {
        let answer = ask(&server, path, &[foreign, "Origin: http://evil.example:8080"]);
        assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("host_unknown"), "{path}: {answer}");
    }
    assert!(ask(&server, "/healthz", &[foreign]).starts_with("HTTP/1.1 200 "), "for whoever watches over it");
    assert!(ask(&server, "/api/openapi.json", &["Host: 192.0.2.7:8080"]).starts_with("HTTP/1.1 200 "));
    assert!(!server.logs("--public-name").is_empty());
}

#[test]
fn a_refused_origin_is_in_the_log_and_a_thousand_are_few_lines() {
    let server = server(&[]);
    let upgrade = [
        "Host: localhost",
        "Origin: https://other.example",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for _ in 0..30 {
        let (_, address) = server.origin.split_once("//localhost").unwrap();
        let mut stream = TcpStream::connect(format!("127.0.0.1{address}")).unwrap();
        write!(stream, "GET /ws HTTP/1.1\r\n{}\r\nConnection: upgrade\r\n\r\n", upgrade.join("\r\n")).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 403");
    }
    let lines = server.logs("other.example");
    assert!((1..=10).contains(&lines.len()), "{} lines", lines.len());
}

#[test]
fn the_certificate_can_be_had_over_http_and_https_with_steps_in_three_languages() {
    let server = server(&["--tls", "self-signed"]);
    let host = "Host: 192.168.1.5:8443";
    for (language, title) in [("de-AT,en;q=0.5", "vertrauen"), ("es", "confíe"), ("fr", "Let this device trust")] {
        let page = ask(&server, "/certificate", &[host, &format!("Accept-Language: {language}")]);
        assert!(page.starts_with("HTTP/1.1 200 ") && page.contains(title) && page.contains("chorus.crt"), "{page}");
    }
    let file = ask(&server, "/certificate.crt", &[host]);
    assert!(file.contains("\r\nContent-Type: application/x-x509-ca-cert\r\n"), "{file}");
    let certificate = &file[file.find("-----BEGIN CERTIFICATE-----").expect("a certificate")..];
    // Whoever installed it gets the same two by https without a warning.
    let roots = [ureq::tls::Certificate::from_pem(certificate.as_bytes()).unwrap()];
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&roots)).build();
    let trusting: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let get = |path: &str| {
        let mut response = trusting.get(format!("{}{path}", server.origin)).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    };
    assert_eq!(get("/certificate.crt"), certificate);
    assert!(get("/certificate?lang=de").contains("vertrauen"));
}

#[test]
fn http_on_the_port_of_https_is_led_there() {
    let server = server(&["--tls", "self-signed"]);
    let answer = ask(&server, "/room/ABCDE?x=1", &["Host: 192.168.1.5:8443"]);
    assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
    assert!(answer.contains("\r\nLocation: https://192.168.1.5:8443/room/ABCDE?x=1\r\n"), "{answer}");
}
