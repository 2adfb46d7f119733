//! Has cargo build several things at the same time and says how far they are. One build alone often keeps one core busy
//! (a large crate, the linker) while another has nothing to do. Must not know what is built.

use std::{
    env,
    io::Read,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{self, say};

/// How often it is said how far the builds are.
const REPORT: Duration = Duration::from_secs(10);

/// Builds that go on one after the other, beside those of other lanes. Cargo lets only one at a time into a target folder.
pub struct Lane {
    /// What a person calls it.
    pub name: &'static str,
    /// Commands of cargo, in their order.
    pub builds: Vec<Command>,
}

/// Where a lane is.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The running build, from 0.
    build: usize,
    /// Crates that are done, and all crates, of that build, as cargo counts them.
    crates: Option<(u64, u64)>,
    ended: bool,
}

/// Runs the lanes beside each other and waits for all; where one fails, the others are let finish what they have begun.
///
/// # Errors
/// The first failure, with the command that failed; the compiler's own words have been printed.
pub fn together(lanes: Vec<Lane>) -> Result<()> {
    let names: Vec<(&str, usize)> = lanes.iter().map(|lane| (lane.name, lane.builds.len())).collect();
    let progress = Mutex::new(vec![Progress::default(); lanes.len()]);
    let failed = AtomicBool::new(false);
    let done = thread::scope(|scope| {
        let (progress, failed) = (&progress, &failed);
        let running: Vec<_> = lanes
            .into_iter()
            .enumerate()
            .map(|(place, lane)| {
                scope.spawn(move || {
                    let set = |change: &dyn Fn(&mut Progress)| {
                        change(&mut progress.lock().unwrap_or_else(PoisonError::into_inner)[place]);
                    };
                    let done = lane.builds.into_iter().enumerate().try_for_each(|(build, command)| {
                        if failed.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        set(&|lane| *lane = Progress { build, crates: None, ended: false });
                        run(command, |crates| set(&|lane| lane.crates = Some(crates)))
                    });
                    failed.fetch_or(done.is_err(), Ordering::Relaxed);
                    set(&|lane| lane.ended = true);
                    done
                })
            })
            .collect();
        let started = Instant::now();
        let mut reported = started;
        while running.iter().any(|lane| !lane.is_finished()) {
            thread::sleep(Duration::from_millis(50));
            if reported.elapsed() > REPORT {
                reported = Instant::now();
                let lanes = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
                eprintln!("    {}", describe(&names, &lanes, started.elapsed()));
            }
        }
        running
            .into_iter()
            .map(|lane| lane.join().unwrap_or_else(|_| Err(anyhow!("a build's watcher failed"))))
            .collect()
    });
    let done: Vec<Result<()>> = done;
    done.into_iter().collect()
}

/// Such as "2 min: the server 120 of 310 crates; the tab's programs 40 of 93 (1st of 2)".
fn describe(names: &[(&str, usize)], lanes: &[Progress], elapsed: Duration) -> String {
    let lanes = names.iter().zip(lanes).map(|((name, builds), lane)| {
        let so_far = match lane {
            Progress { ended: true, .. } => "done".to_owned(),
            Progress { crates: Some((done, all)), .. } => format!("{done} of {all} crates"),
            Progress { .. } => "starting".to_owned(),
        };
        let which =
            if *builds > 1 && !lane.ended { format!(", part {} of {builds}", lane.build + 1) } else { String::new() };
        format!("{name}: {so_far}{which}")
    });
    let lanes: Vec<String> = lanes.collect();
    format!("{}:{:02} {}", elapsed.as_secs() / 60, elapsed.as_secs() % 60, lanes.join(" · "))
}

/// Runs a build and tells how far it is: crates done, and all. What cargo prints of each crate is left out; warnings and
/// errors are passed on.
fn run(mut command: Command, mut progress: impl FnMut((u64, u64))) -> Result<()> {
    command.args(process::timings());
    let shown = process::show(&command);
    say(&shown);
    // Cargo draws its bar where someone asks for it, terminal or not.
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    command.env("CARGO_TERM_COLOR", "never");
    let mut cargo = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let mut stderr = cargo.stderr.take().context("cargo says nothing")?;
    let (mut line, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let count = stderr.read(&mut bytes)?;
        for &byte in &bytes[..count] {
            if byte != b'\r' && byte != b'\n' {
                line.push(byte);
                continue;
            }
            hear(&String::from_utf8_lossy(&line), &mut progress);
            line.clear();
        }
        if count == 0 {
            break;
        }
    }
    let status = cargo.wait()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

fn hear(line: &str, progress: &mut impl FnMut((u64, u64))) {
    if let Some(crates) = crates_of(line) {
        return progress(crates);
    }
    const SAID_OF_EACH_CRATE: [&str; 6] = ["Compiling", "Checking", "Fresh", "Downloaded", "Adding", "Locking"];
    // Cargo clears its bar with an escape sequence.
    let line = line.trim_start_matches("\u{1b}[K").trim_end();
    let first = line.split_whitespace().next();
    if first.is_some_and(|word| !SAID_OF_EACH_CRATE.contains(&word)) {
        eprintln!("{line}");
    }
}

/// Of "    Building [=====>     ] 12/302: serde, syn": 12 and 302.
fn crates_of(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.split_once("Building [")?;
    let (_, rest) = rest.split_once(']')?;
    let (done, rest) = rest.trim_start().split_once('/')?;
    let all = rest.split(|symbol: char| !symbol.is_ascii_digit()).next()?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

/// Sees that the long part will not fail at its end for want of something that could have been said at its beginning: fetches
/// what is not there of the sources, which takes a network, and looks at disk and memory.
///
/// # Errors
/// What is missing, and what to do.
pub fn prepare() -> Result<()> {
    let target = crate::places::target()?;
    if let Some(free) = free_space(&target)
        && free < DISK
        && !target.join("browser").is_dir()
    {
        bail!(
            "the first build takes about {} GB in {}, where {:.1} GB are free. Make room, or set CARGO_TARGET_DIR to a folder \
             on another disk",
            DISK / 1_000_000_000,
            target.display(),
            free as f64 / 1e9,
        );
    }
    if let Some(free) = free_memory().filter(|free| *free < MEMORY) {
        say(format!(
            "ONLY {:.1} GB OF MEMORY ARE FREE: the build takes up to {} GB. Close other programs, or set CARGO_BUILD_JOBS=1",
            free as f64 / 1e9,
            MEMORY / 1_000_000_000
        ));
    }
    process::run(process::cargo().args(["fetch", "--locked", "--quiet"])).with_context(|| {
        let proxy = env::var("HTTPS_PROXY").or_else(|_| env::var("https_proxy"));
        let proxy = proxy.map_or(String::new(), |_| " (HTTPS_PROXY is set: is it right?)".to_owned());
        format!("the sources of the libraries could not be fetched. The first build needs the network{proxy}; what is fetched stays")
    })
}

/// Bytes that the first build takes.
const DISK: u64 = 6_000_000_000;
/// Bytes that compilers take at the same time.
const MEMORY: u64 = 3_000_000_000;

/// Bytes that are free where a folder is or will be.
fn free_space(folder: &std::path::Path) -> Option<u64> {
    fs4::available_space(folder.ancestors().find(|folder| folder.exists())?).ok()
}

/// Bytes of memory that are free or can be freed, where the system says so in Linux' way.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_bar_is_read() {
        assert_eq!(crates_of("    Building [====>      ] 12/302: serde, syn(build)"), Some((12, 302)));
        assert_eq!(crates_of("\u{1b}[K    Building [==========>] 302/302"), Some((302, 302)));
        assert_eq!(crates_of("   Compiling serde v1.0.229"), None);
    }

    #[test]
    fn it_is_said_how_far_each_lane_is() {
        let names = [("the server", 1), ("the tab's programs", 2)];
        let at = |build, crates, ended| Progress { build, crates, ended };
        let lanes = [at(0, Some((12, 302)), false), at(1, None, false)];
        let said = describe(&names, &lanes, Duration::from_secs(65));
        assert_eq!(said, "1:05 the server: 12 of 302 crates · the tab's programs: starting, part 2 of 2");
        let said = describe(&names, &[at(0, Some((12, 302)), true), lanes[1]], Duration::from_secs(65));
        assert!(said.contains("the server: done ·"), "{said}");
    }
}
