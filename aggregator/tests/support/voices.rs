//! `chorus experiment` on made-up voices, as a researcher runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program to its end.
pub fn chorus(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chorus")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a program said.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Six speakers with two clips of each emotion, and where features are kept.
pub struct Voices {
    folder: tempfile::TempDir,
    /// The corpus.
    pub data: String,
    /// The features.
    pub cache: String,
}

impl Voices {
    /// Makes them up.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (data, cache) = (path("some voices"), path("cache"));
        let made = chorus(&["synth", "--out", &data, "--speakers", "6", "--per-emotion", "2"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        Self { folder, data, cache }
    }

    /// A folder beside them.
    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A small `chorus experiment paper` on them.
    pub fn command(&self, out: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
        command
            .args(["experiment", "paper", "--data", &self.data, "--cache", &self.cache, "--small", "--out"])
            .arg(out);
        command.args(more).stdin(Stdio::null());
        command
    }

    /// The same, to its end.
    pub fn experiment(&self, out: &Path, more: &[&str]) -> Output {
        self.command(out, more).output().unwrap()
    }
}

/// A stored outcome without the seconds that it took, in all and in each round, which alone are not the plan's to decide.
pub fn outcome(out: &Path, name: &str) -> String {
    let bytes = fs::read(out.join("runs").join(name).with_extension("json")).unwrap();
    let mut outcome: Value = serde_json::from_slice(&bytes).unwrap();
    assert!(outcome.as_object_mut().unwrap().remove("seconds").is_some());
    for round in outcome["rounds"].as_array_mut().unwrap() {
        assert!(round.as_object_mut().unwrap().remove("seconds").is_some());
    }
    outcome.to_string()
}
