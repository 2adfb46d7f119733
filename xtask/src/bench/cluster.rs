//! One server of a cluster beside two, under the same load: 100 rooms of `conv`, on one machine with NATS and the load itself. What bounds a
//! round there is the processor, so that its time is measured for each of them, as Linux counts it.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};
use serde_json::Value;
use server_process::{Log, NatsServer, ServerProcess};

use super::figures::{Better, Figure, Figures};
use crate::process::{self, json_lines, say};

/// Lets the bench make rooms on the servers that it starts.
const SECRET: &str = "the secret of a bench";
const MODEL: &str = "conv";
const ROOMS: usize = 100;
const CLIENTS: usize = 1000;
/// All clients of a load come from one address, and all rooms at once.
const LIMITS: [[&str; 2]; 4] = [
    ["--max-connections", "20000"],
    ["--max-connections-per-address", "20000"],
    ["--max-newcomers-per-minute", "20000"],
    ["--max-rooms-per-minute", "1000"],
];
/// Two servers are to take so much of one's time at most.
const MOST: f64 = 0.6;
/// What Tokio calls its threads, of which it has one for each core.
const ONE_A_CORE: &str = "tokio-rt-worker";
/// Ticks of a second in `/proc`.
const TICKS: f64 = 100.0;
/// Where user and system time stand in `stat`, behind the name: a process's own, and that of its children that have ended.
const OWN: usize = 11;
const CHILDREN: usize = 13;

/// A round, seconds.
struct Measured {
    /// From its opening to its closing: the median of all rooms, with the slowest server.
    round: f64,
    /// Of the processor, for each server.
    servers: Vec<f64>,
    nats: f64,
    load: f64,
    /// Of the thread of a server that had most of it, but for those of which there is one for each core.
    thread: f64,
}

/// One server, and two.
pub fn measure(figures: &mut Figures) -> Result<()> {
    process::run(process::natively("build").args(["--bin", "chorus", "--features", process::TESTED]))?;
    let chorus = crate::places::target()?.join("debug/chorus").with_extension(std::env::consts::EXE_EXTENSION);
    let one = run(&chorus, 1)?;
    let two = run(&chorus, 2)?;
    for (measured, what) in [(&one, "one server"), (&two, "two servers")] {
        let mut round = figure(&format!("{what}: a round"));
        round.value = Some(measured.round);
        let (servers, cores) = (measured.servers.iter().sum::<f64>(), figures.cores() as f64);
        let all = servers + measured.nats + measured.load;
        round.note(format!(
            "of the processor: servers {servers:.1} s, NATS {:.1} s, the load {:.1} s, which {cores} cores have in {:.1} s; a server's \
             busiest thread of those whose number does not grow with the cores {:.1} s",
            measured.nats,
            measured.load,
            all / cores,
            measured.thread
        ));
        figures.add([round]);
    }
    let mut busiest = figure("two servers: processor time of the busier one for a round");
    let of_one = one.servers.iter().sum::<f64>();
    busiest.value = two.servers.iter().copied().max_by(f64::total_cmp);
    (busiest.other, busiest.other_value) = (Some("of one server".to_owned()), Some(of_one));
    busiest.goal = Some(MOST * of_one);
    busiest.note("a round's time where each server has a machine of its own, and the load another");
    figures.add([busiest]);
    Ok(())
}

fn figure(what: &str) -> Figure {
    Figure::new("cluster", format!("{CLIENTS} clients of `{MODEL}` in {ROOMS} rooms, {what}"), "s", Better::Lower)
}

/// A round of all rooms, which so many servers share.
fn run(chorus: &Path, count: usize) -> Result<Measured> {
    say(format!(
        "{CLIENTS} clients of `{MODEL}` in {ROOMS} rooms of {count} server{}",
        if count == 1 { "" } else { "s" }
    ));
    let nats = NatsServer::start_or_say()?.context("install nats-server")?;
    let url = nats.url();
    let arguments = ["--cluster", &url, "--port", "0", "--host-token", SECRET, "--log", "error"];
    let arguments = [&arguments[..], &LIMITS.concat()].concat();
    let servers = (0..count).map(|_| ServerProcess::start(process::program(chorus), &arguments, Log::Discarded));
    let servers = servers.collect::<Result<Vec<_>>>()?;
    let stat = |process: u32| PathBuf::from(format!("/proc/{process}/stat"));
    let processes: Vec<u32> = servers.iter().map(ServerProcess::process).collect();
    let used = |processes: &[u32]| -> Result<Vec<f64>> {
        processes.iter().map(|process| seconds(&stat(*process), OWN)).collect()
    };
    let before = (used(&processes)?, used(&[nats.process()])?, seconds(Path::new("/proc/self/stat"), CHILDREN)?);
    let reports: Vec<Result<Value>> = thread::scope(|scope| {
        let loads: Vec<_> = servers.iter().map(|server| scope.spawn(|| load(chorus, server, count))).collect();
        loads.into_iter().map(|load| load.join().unwrap_or_else(|_| anyhow::bail!("a load broke off"))).collect()
    });
    let mut round = 0.0_f64;
    for report in reports {
        round = round.max(report?["round_seconds"]["p50"].as_f64().context("the load reports no round")?);
    }
    let since =
        |after: Vec<f64>, before: &[f64]| after.iter().zip(before).map(|(after, before)| after - before).collect();
    let servers_used: Vec<f64> = since(used(&processes)?, &before.0);
    let nats_used: Vec<f64> = since(used(&[nats.process()])?, &before.1);
    let mut thread = 0.0_f64;
    for process in processes {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            // One may have ended meanwhile.
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.trim_end() != ONE_A_CORE {
                thread = thread.max(seconds(&task.join("stat"), OWN).unwrap_or_default());
            }
        }
    }
    let load = seconds(Path::new("/proc/self/stat"), CHILDREN)? - before.2;
    Ok(Measured { round, servers: servers_used, nats: nats_used.iter().sum(), load, thread })
}

/// One server's share of the rooms and clients.
fn load(chorus: &Path, server: &ServerProcess, servers: usize) -> Result<Value> {
    let (rooms, clients) = ((ROOMS / servers).to_string(), (CLIENTS / servers).to_string());
    let mut swarm = process::program(chorus);
    swarm.args(["swarm", &server.origin, "--json", "--host-token", SECRET, "--model", MODEL, "--rounds", "1"]);
    let lines = json_lines(swarm.args(["--clients", &clients, "--rooms", &rooms]))?;
    lines.into_iter().next().context("the swarm printed nothing")
}

/// Processor time of a process or thread, seconds.
fn seconds(stat: &Path, at: usize) -> Result<f64> {
    let text = fs::read_to_string(stat).with_context(|| format!("cannot read {}; it takes Linux", stat.display()))?;
    let (_, fields) = text.rsplit_once(") ").context("no name in it")?;
    let ticks = |at| fields.split(' ').nth(at).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(at).context("no user time")? + ticks(at + 1).context("no system time")?) / TICKS)
}
