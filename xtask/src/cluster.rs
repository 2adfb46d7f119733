//! `cargo xtask cluster`: NATS and several servers on this machine, which share their rooms, to try what happens when one of them
//! ends in the middle of a lesson.

use std::{
    env,
    fs::{self, File},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use server_process::{Log, NatsServer, ServerProcess};

use crate::{
    demo, places,
    process::{self, say},
    setup::{self, Install},
};

/// How long a server may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// Start NATS and several servers that share their rooms, on this machine
#[derive(clap::Args)]
pub struct Options {
    /// Servers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    servers: u16,
    /// Port of the first; the others have those after it
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// Network to train in the first room: compact, conv, dense or lstm
    #[arg(long, default_value = "compact")]
    model: String,
    /// Rounds until it is finished
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Build the servers alone: for participants without a browser
    #[arg(long)]
    without_pages: bool,
}

/// Runs until Ctrl-C, or until the last server has ended.
pub fn run(options: &Options, install: Install) -> Result<()> {
    ensure!(
        NatsServer::program().is_some(),
        "there is no nats-server on this machine: `apt install nats-server`, or https://github.com/nats-io/nats-server/releases"
    );
    let features = ["--features", process::TESTED];
    if options.without_pages {
        process::run(process::natively("build").args(["--bin", "chorus"]).args(features))?;
    } else {
        demo::build(&setup::wasm_toolchain(install)?, &features)?;
    }
    let chorus = places::target()?.join("debug").join("chorus").with_extension(env::consts::EXE_EXTENSION);
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Where nobody listens any more, all is ending already.
        let _ = interrupt.send(());
    })?;
    let logs = places::target()?.join("cluster");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let nats = NatsServer::start_or_say()?.context("there is no nats-server")?;
    let (url, rounds) = (nats.url(), options.rounds.to_string());
    let mut servers = Vec::new();
    for number in 0..options.servers {
        let port = options.port.checked_add(number).context("there is no such port")?.to_string();
        let arguments = ["--cluster", &url, "--port", &port, "--model", &options.model, "--rounds", &rounds];
        let log = logs.join(format!("server-{}.log", number + 1));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let server = ServerProcess::start(demo::apart(process::program(&chorus)), &arguments, Log::File(file));
        servers
            .push(server.with_context(|| {
                format!("a server did not start: {}", fs::read_to_string(&log).unwrap_or_default())
            })?);
    }
    println!("\n  NATS              {url}");
    for server in &servers {
        println!("  A server          {}  (teacher: {}/teach#{})", server.link(), server.origin, server.host_token);
        println!("                    process {}", server.process());
    }
    let link = servers.first().map(ServerProcess::link).unwrap_or_default();
    println!("\nAll of them have the same rooms. Take part in one, from any of them or without a browser:");
    println!("  {} join {link} --participants 3 --synthetic 1", chorus.display());
    println!(
        "and end a server as a crash would, with `kill -9` and its process: within ten seconds its rooms go on with another."
    );
    println!(
        "A page that was loaded from the server that is gone has to be opened from another; a proxy in front does that"
    );
    println!("(docs/operation.md). Ctrl-C ends everything; their logs are in {}.\n", logs.display());
    loop {
        match interrupted.recv_timeout(Duration::from_millis(500)) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => break say("ending the servers"),
        }
        let mut index = 0;
        while let Some(server) = servers.get_mut(index) {
            match server.has_ended()? {
                None => index += 1,
                Some(status) => {
                    say(format!("the server at {} has ended ({status})", server.origin));
                    servers.remove(index);
                }
            }
        }
        if servers.is_empty() {
            break say("no server is left; the rooms are in NATS, which ends now");
        }
    }
    for server in &mut servers {
        if !server.stop(STOP_LIMIT) {
            say(format!("the server at {} did not end by itself", server.origin));
        }
    }
    Ok(())
}
