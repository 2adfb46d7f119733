#!/usr/bin/env bash
# tungstenite's WebSocketConfig has a `read_buffer_size` and a `write_buffer_size`, and one would guess that a connection costs about
# these once it is idle. In 0.29.0, with 16 KiB for each, a server's connection that has had one message of 256 KiB and sent one back keeps
# some 512 KiB for as long as it is open, however many small messages come after it: both buffers grow to the largest frame
# (https://docs.rs/tungstenite/0.29.0/tungstenite/protocol/struct.WebSocketConfig.html) and never shrink. axum's WebSockets are built on it.
# What follows: a server of many idle clients pays for the largest frame of each, and what it holds a connection to is
# `max_frame_size`, not the buffers' sizes. Chorus' server writes what is long as several frames, and has tungstenite read each
# frame into memory of its own (docs/reliability.md, "Load"; aggregator/src/server/socket/wire.rs).
# Needs Cargo, and Linux for /proc.
set -euo pipefail
[ -r /proc/self/status ] || { echo "no /proc here"; exit 2; }
command -v cargo > /dev/null || { echo "no cargo here"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset CARGO_TARGET_DIR
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "buffers"
version = "0.0.0"
edition = "2024"

[dependencies]
futures-util = "=0.3.34"
tokio = { version = "=1.54.1", features = ["rt", "macros", "net"] }
tokio-tungstenite = "=0.29.0"
TOML
cat > src/main.rs <<'RUST'
use std::{error::Error, fs, io::BufRead, process::{Command, Stdio}};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::{accept_async_with_config, connect_async, tungstenite::{Message, protocol::WebSocketConfig}};

const CONNECTIONS: usize = 200;
const LARGE: usize = 256 * 1024;

type Done = Result<(), Box<dyn Error>>;

async fn serve() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let config = WebSocketConfig::default().read_buffer_size(16 * 1024).write_buffer_size(16 * 1024);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut socket = accept_async_with_config(stream, Some(config)).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() || socket.send(message).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Resident memory of a process, KiB.
fn memory(process: u32) -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

async fn measure() -> Done {
    let mut server = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut port = String::new();
    std::io::BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut port)?;
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        sockets.push(connect_async(format!("ws://127.0.0.1:{}", port.trim())).await?.0);
    }
    let mut told = Vec::new();
    for (what, length, times) in [("a small message", 16, 1), ("one of 256 KiB", LARGE, 1), ("100 small ones after it", 16, 100)] {
        for socket in &mut sockets {
            for _ in 0..times {
                socket.send(Message::binary(vec![7; length])).await?;
                assert_eq!(socket.next().await.ok_or("closed")??.len(), length);
            }
        }
        let each = memory(server.id())? / CONNECTIONS as f64;
        println!("after {what}: {each:.0} KiB a connection");
        told.push(each);
    }
    server.kill()?;
    let same = told[0] < 100.0 && told[1] > told[0] + 400.0 && told[2] > told[0] + 400.0;
    println!("{}", if same { "as described" } else { "CHANGED" });
    std::process::exit(i32::from(!same));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    if std::env::args().nth(1).as_deref() == Some("serve") { serve().await } else { measure().await }
}
RUST
cargo build --quiet --release 2>build.log || { cat build.log; exit 2; }
echo "tokio-tungstenite 0.29.0, $(cargo tree --prefix none | grep '^tungstenite ')"
target/release/buffers
