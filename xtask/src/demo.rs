//! `cargo xtask demo`: a class of native participants in a room on this machine, and a link to join them. The
//! rounds begin when the newcomer takes part, so that the curve rises before their eyes. The room opens as soon as a tab
//! can train in it; what tabs train quicker with, on several cores and on graphics processors, is built meanwhile.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use server_process::{Log, ServerProcess};

use crate::{
    bundle::{self, Finish},
    compile::{self, Lane},
    places,
    process::{self, say},
    setup::{self, Install},
    toolchain::Toolchain,
};

/// How long a program may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// Start a room with a few native participants, and open its page
#[derive(clap::Args)]
pub struct Options {
    /// Folder of labelled speech for the participants, a speaker each [default: made-up voices]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Native participants in the room
    #[arg(long, default_value_t = 3)]
    participants: usize,
    /// Network to train: compact, conv, dense or lstm
    #[arg(long, default_value = "compact")]
    model: String,
    /// Rounds until the room is finished
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Port of the server; 0 is a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Start the rounds at once, without a newcomer
    #[arg(long)]
    now: bool,
    /// Only print the link
    #[arg(long)]
    no_open: bool,
}

/// Runs until Ctrl-C.
pub fn run(options: &Options, install: Install) -> Result<()> {
    ensure!(options.participants > 0, "a demo needs at least one participant");
    let toolchain = setup::wasm_toolchain(install)?;
    build(&toolchain, &[])?;
    let chorus = places::target()?.join("debug").join("chorus").with_extension(env::consts::EXE_EXTENSION);

    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Where nobody listens any more, all is ending already.
        let _ = interrupt.send(());
    })?;
    let logs = places::target()?.join("demo");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    say(format!("starting the server and {} participants; they log to {}", options.participants, logs.display()));
    let mut class = Class { programs: Vec::new(), server: server(&chorus, options, &logs)? };
    let link = class.server.link();
    class.start("participants", participants(&chorus, &link, options)?, &logs)?;

    println!("\n  The room's page:  {link}\n");
    if options.now {
        println!("The rounds begin at once; join them at any time.");
    } else {
        println!("Open it, add some clips (there is a made-up voice to try with), and press the button to take part:");
        println!("the first round begins when you do.");
    }
    println!("Ctrl-C ends the demo.\n");
    if !options.no_open {
        open(&link);
    }
    std::thread::spawn(move || others(&toolchain, install));
    follow(&link, &mut class, &interrupted)
}

/// Builds what a room needs: the server, with what `more` asks cargo for, and beside it the pages and the programs that a tab cannot do
/// without.
pub fn build(toolchain: &Toolchain, more: &[&str]) -> Result<()> {
    say("building the chorus program and the tab's programs; the first time this takes about ten minutes on two cores");
    say("Ctrl-C stops it, and the same command goes on from there");
    compile::prepare()?;
    let mut chorus = process::natively("build");
    chorus.args(["--bin", "chorus"]).args(more);
    compile::together(vec![
        Lane { name: "chorus", builds: vec![chorus] },
        Lane { name: "the tab's programs", builds: bundle::build(toolchain, &bundle::NEEDED, Finish::Quick)? },
    ])?;
    bundle::assemble(&bundle::NEEDED, Finish::Quick).map(|_| ())
}

/// Builds the programs that tabs can do without, one after the other; a tab finds each when it looks for it the next time.
fn others(toolchain: &Toolchain, install: Install) {
    let mut there = bundle::NEEDED.to_vec();
    let made = bundle::others(install).and_then(|others| {
        for program in others {
            let builds = bundle::build(toolchain, &[program], Finish::Quick)?;
            compile::together(vec![Lane { name: "what trains quicker, while the room is open", builds }])?;
            there.push(program);
            bundle::assemble(&there, Finish::Quick)?;
            say(format!("{} is there too, for pages that are loaded from now on", bundle::in_words(program)));
        }
        Ok(())
    });
    // The room goes on without; after Ctrl-C nobody reads this.
    if let Err(error) = made {
        say(format!("not all programs could be built, so tabs train without them: {error:#}"));
    }
}

/// One program that takes part as several, each with a speaker of its own.
fn participants(chorus: &Path, link: &str, options: &Options) -> Result<Command> {
    let mut command = process::program(chorus);
    command.args(["join", link, "--participants", &options.participants.to_string()]);
    match &options.data {
        Some(data) => {
            let data = data.canonicalize().with_context(|| format!("cannot read {}", data.display()))?;
            command.arg("--data").arg(data)
        }
        None => command.args(["--synthetic", "1"]),
    };
    Ok(command)
}

fn server(chorus: &Path, options: &Options, logs: &Path) -> Result<ServerProcess> {
    let newcomer = usize::from(!options.now);
    let (port, rounds) = (options.port.to_string(), options.rounds.to_string());
    let least = (options.participants + newcomer).to_string();
    // One pass a round: the few made-up clips are soon known by heart, and the curve is there to be watched.
    let arguments = ["--room-name", "Demo", "--port", &port, "--model", &options.model, "--rounds", &rounds];
    let arguments = [&arguments[..], &["--epochs", "1", "--least", &least]].concat();
    let log = logs.join("server.log");
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    ServerProcess::start(apart(process::program(chorus)), &arguments, Log::File(file))
        .with_context(|| format!("the server did not start: {}", fs::read_to_string(&log).unwrap_or_default()))
}

/// Apart from the terminal's group, so that Ctrl-C reaches the programs once, from us, in the right order.
pub fn apart(mut command: Command) -> Command {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// The programs of the demo, in the order of their start. None outlives it.
struct Class {
    server: ServerProcess,
    programs: Vec<(String, Child)>,
}

impl Class {
    fn start(&mut self, name: &str, command: Command, logs: &Path) -> Result<()> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let shown = process::show(&command);
        let child = apart(command).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        self.programs.push((name.to_owned(), child.with_context(|| format!("cannot start `{shown}`"))?));
        Ok(())
    }

    /// The programs that have ended by themselves since the last call, and whether well.
    fn ended(&mut self) -> Result<Vec<(String, bool)>> {
        let mut ended = Vec::new();
        let mut index = 0;
        while let Some((name, child)) = self.programs.get_mut(index) {
            if let Some(status) = child.try_wait()? {
                ended.push((name.clone(), status.success()));
                self.programs.remove(index);
            } else {
                index += 1;
            }
        }
        Ok(ended)
    }
}

impl Drop for Class {
    /// Participants first, so that they can say goodbye to a server that is still there.
    fn drop(&mut self) {
        for (name, mut child) in self.programs.drain(..).rev() {
            interrupt(&mut child);
            let asked = Instant::now();
            while matches!(child.try_wait(), Ok(None)) {
                if asked.elapsed() > STOP_LIMIT {
                    say(format!("{name} does not end by itself: ending it"));
                    // A program that is gone already is what was wanted.
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        if !self.server.stop(STOP_LIMIT) {
            say("the server did not end by itself");
        }
    }
}

/// What Ctrl-C would send.
#[cfg(unix)]
fn interrupt(child: &mut Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
}

#[cfg(not(unix))]
fn interrupt(child: &mut Child) {
    let _ = child.kill();
}

/// Tells of each round until Ctrl-C.
fn follow(link: &str, class: &mut Class, interrupted: &mpsc::Receiver<()>) -> Result<()> {
    let room = link.replacen("/room/", "/api/rooms/", 1);
    let (mut told, mut waiting, mut finished) = (0, None, false);
    loop {
        match interrupted.recv_timeout(Duration::from_millis(500)) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => {
                say("ending the demo");
                return Ok(());
            }
        }
        if class.server.has_ended()?.is_some() {
            bail!("the server has ended; its log is in {}", places::target()?.join("demo").display());
        }
        for (name, well) in class.ended()? {
            if well {
                say(format!("{name}: done"));
            } else {
                say(format!("{name} has failed; its log is in {}", places::target()?.join("demo").display()));
            }
        }
        let Ok(room) = get(&room) else { continue };
        let (status, rounds) = (&room["status"], &room["status"]["rounds"]);
        for round in room["history"].as_array().into_iter().flatten().skip(told) {
            say(tell(round, rounds));
            told += 1;
        }
        let ready = status["ready"].as_u64();
        if told == 0 && waiting != ready {
            waiting = ready;
            say(format!(
                "{} of {} participants are ready; the rounds begin when all are",
                ready.unwrap_or(0),
                status["least"]
            ));
        }
        if status["phase"] == "finished" && !finished {
            finished = true;
            say("the room is finished; its page stays until Ctrl-C, to try the model and to download it");
        }
    }
}

fn tell(round: &Value, rounds: &Value) -> String {
    let how_good = match (round["evaluation"]["accuracy"].as_f64(), round["evaluation"]["loss"].as_f64()) {
        (Some(accuracy), Some(loss)) => {
            format!("the model it began with was {:.0} % right (loss {loss:.2}); ", 100.0 * accuracy)
        }
        _ => String::new(),
    };
    format!(
        "round {} of {rounds}: {how_good}{} participants, {} clips",
        round["round"], round["clients"], round["examples"]
    )
}

fn get(url: &str) -> Result<Value> {
    Ok(ureq::get(url).call()?.body_mut().read_json()?)
}

/// Opens a page in the person's browser, where there is one to see it in.
fn open(link: &str) {
    let mut command = if cfg!(target_os = "macos") {
        process::program("open")
    } else if cfg!(windows) {
        let mut command = process::program("cmd");
        command.args(["/C", "start", ""]);
        command
    } else if env::var_os("DISPLAY").is_some() || env::var_os("WAYLAND_DISPLAY").is_some() {
        process::program("xdg-open")
    } else {
        say("no display here, so the page is not opened");
        return;
    };
    if process::read(command.arg(link)).is_err() {
        say("the page could not be opened by itself: please open the link above");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_round_is_told_in_one_line() {
        let round =
            json!({ "round": 3, "clients": 4, "examples": 128, "evaluation": { "accuracy": 0.625, "loss": 0.9171 } });
        assert_eq!(
            tell(&round, &json!(30)),
            "round 3 of 30: the model it began with was 62 % right (loss 0.92); 4 participants, 128 clips"
        );
    }
}
