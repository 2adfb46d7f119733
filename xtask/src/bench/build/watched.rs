//! A command of xtask that is watched: when each of its lines came, and how much the processor had worked for it by then.
//! It ends with its owner, and all that it started with it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::processor::{self, Clock, Stamp};
use crate::process::{self, say};

/// How long a command may take to end after Ctrl-C.
const END_LIMIT: Duration = Duration::from_secs(60);

/// What a command that says what it does puts before it.
const STEP: &str = "==> ";

/// One line, and when it came.
pub struct Line {
    pub text: String,
    pub stamp: Stamp,
}

/// What was done between two lines that say what is being done.
#[derive(Serialize, PartialEq, Debug)]
pub struct Step {
    pub what: String,
    pub seconds: f64,
    pub processor_seconds: Option<f64>,
}

/// A running command.
pub struct Watched {
    shown: String,
    log: PathBuf,
    child: Child,
    clock: Arc<Clock>,
    lines: mpsc::Receiver<Line>,
    /// The lines so far that say what is being done.
    steps: Vec<(String, Stamp)>,
}

impl Watched {
    /// Starts a command, whose output goes into a log.
    pub fn start(mut command: Command, log: &Path) -> Result<Watched> {
        let shown = process::show(&command);
        say(format!("{shown} (its output is in {})", log.display()));
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start `{shown}`"))?;
        let clock = Arc::new(Clock::of(child.id(), started));
        let (sender, lines) = mpsc::channel();
        let output = Output { log: Mutex::new(file), clock: Arc::clone(&clock) };
        let output = Arc::new(output);
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let (output, sender) = (Arc::clone(&output), sender.clone());
            std::thread::spawn(move || output.read(stream, &sender));
        }
        let begin = Stamp { wall: 0.0, processor: Some(0.0) };
        Ok(Watched { shown, log: log.to_owned(), child, clock, lines, steps: vec![("starting".to_owned(), begin)] })
    }

    /// How far it is.
    pub fn stamp(&self) -> Stamp {
        self.clock.stamp()
    }

    /// Waits for a line.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&str) -> bool, limit: Duration) -> Result<Line> {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.keep(&line);
                    if is_it(&line.text) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("`{}` ended without {what}; its output is in {}", self.shown, self.log.display())
                }
                Err(RecvTimeoutError::Timeout) => self.too_late(what, limit)?,
            }
        }
    }

    /// Waits for its end; fails where it does.
    pub fn succeed(&mut self, limit: Duration) -> Result<Stamp> {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.keep(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.too_late("an end", limit)?,
            }
        }
        // What it and its children took is told until it is waited for.
        let stamp = self.stamp();
        let status = self.ended(END_LIMIT)?.context("it has closed its output and goes on")?;
        ensure!(status.success(), "`{}` failed ({status}); its output is in {}", self.shown, self.log.display());
        Ok(stamp)
    }

    /// Presses Ctrl-C and waits for the end; what it has started and left behind is ended too, as a compiler or a server would
    /// keep the processor from the next measurement.
    pub fn interrupt(&mut self) -> Result<()> {
        let family = processor::family(self.child.id());
        let asked = server_process::signal(self.child.id(), "INT");
        let ended = asked.is_ok() && self.ended(END_LIMIT)?.is_some();
        if !ended {
            // Who is gone already is what was wanted.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for member in family.iter().filter(|member| Path::new(&format!("/proc/{member}")).exists()) {
            // Here too.
            let _ = process::program("kill").args(["-KILL", &member.to_string()]).stderr(Stdio::null()).status();
        }
        ensure!(ended, "`{}` did not end at Ctrl-C", self.shown);
        Ok(())
    }

    /// What it did, and how long each took; the last one until now or until `end`.
    pub fn steps(&mut self, end: Stamp) -> Vec<Step> {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(&line);
        }
        between(&self.steps, end)
    }

    fn keep(&mut self, line: &Line) {
        if let Some(what) = line.text.strip_prefix(STEP) {
            self.steps.push((what.to_owned(), line.stamp));
        }
    }

    fn too_late(&self, what: &str, limit: Duration) -> Result<()> {
        let minutes = limit.as_secs() / 60;
        bail!("waited {minutes} min for {what} of `{}`; its output is in {}", self.shown, self.log.display())
    }

    fn ended(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if asked.elapsed() > limit {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None))
            && let Err(error) = self.interrupt()
        {
            say(format!("{error:#}"));
        }
    }
}

/// Where the lines of both streams go.
struct Output {
    log: Mutex<File>,
    clock: Arc<Clock>,
}

impl Output {
    fn read(&self, stream: impl Read, sender: &mpsc::Sender<Line>) {
        // A program may print anything at all.
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let stamp = self.clock.stamp();
            // A full disk is told of by whoever needs it; the measurement goes on.
            let _ = writeln!(self.log.lock().unwrap_or_else(PoisonError::into_inner), "{:9.1} {text}", stamp.wall);
            if text.starts_with(STEP) {
                eprintln!("{:9.1} s  {text}", stamp.wall);
            }
            // Nobody waits for lines any more where the command is being ended.
            let _ = sender.send(Line { text, stamp });
        }
    }
}

/// Steps by the lines that began them, in the order in which they came.
fn between(begun: &[(String, Stamp)], end: Stamp) -> Vec<Step> {
    let mut begun: Vec<_> = begun.iter().filter(|(_, stamp)| stamp.wall <= end.wall).collect();
    // Two streams are read, each in its own thread.
    begun.sort_by(|a, b| a.1.wall.total_cmp(&b.1.wall));
    let ends = begun.iter().skip(1).map(|(_, stamp)| *stamp).chain([end]);
    let steps = begun.iter().zip(ends).map(|((what, begin), end)| Step {
        what: what.clone(),
        seconds: end.wall - begin.wall,
        processor_seconds: end.processor.zip(begin.processor).map(|(end, begin)| end - begin),
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall: f64, processor: f64) -> Stamp {
        Stamp { wall, processor: Some(processor) }
    }

    #[test]
    fn a_step_lasts_until_the_next_one() {
        let begun =
            [("a".to_owned(), stamp(0.0, 0.0)), ("c".to_owned(), stamp(5.0, 7.0)), ("b".to_owned(), stamp(2.0, 3.0))];
        let steps = between(&begun, stamp(6.0, 9.0));
        let shown: Vec<_> = steps.iter().map(|step| (&*step.what, step.seconds, step.processor_seconds)).collect();
        assert_eq!(shown, [("a", 2.0, Some(3.0)), ("b", 3.0, Some(4.0)), ("c", 1.0, Some(2.0))]);
        let until_b = between(&begun, stamp(3.0, 4.0));
        assert_eq!(until_b.len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_command_is_watched_line_by_line_and_ends_at_ctrl_c() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("chorus-watched-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Watched::start(command, &folder.join("log"))
        };
        let mut demo =
            shell("echo '==> building' >&2; sleep 0.2; echo '  The link: x'; while true; do sleep 0.1; done")?;
        let line = demo.wait_for("a link", |line| line.contains("The link"), Duration::from_secs(20))?;
        assert!(line.text.ends_with('x') && line.stamp.wall >= 0.2);
        let end = demo.stamp();
        let steps: Vec<String> = demo.steps(end).into_iter().map(|step| step.what).collect();
        assert_eq!(steps, ["starting", "building"]);
        demo.interrupt()?;

        shell("echo fine")?.succeed(Duration::from_secs(20))?;
        let failed = shell("exit 3")?.succeed(Duration::from_secs(20)).unwrap_err().to_string();
        assert!(failed.contains("log"), "{failed}");
        let missing =
            shell("echo no")?.wait_for("a link", |_| false, Duration::from_secs(20)).err().map(|e| e.to_string());
        assert!(missing.is_some_and(|error| error.contains("without a link")));
        let late =
            shell("while true; do sleep 0.1; done")?.wait_for("a link", |_| false, Duration::from_millis(50)).err();
        assert!(late.is_some());
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
