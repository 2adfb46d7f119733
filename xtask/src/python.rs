//! A Python with the packages that Chorus is compared with, and with those of the tests' own client. Set up in the target
//! folder unless one is given; no program of the repository needs it to run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    places,
    process::{self, json_lines, say},
};

/// A script of `tests/reference/`, the module that tells whether it can run, and what installs that.
pub struct Reference {
    /// Path below `tests/reference/`.
    pub script: &'static str,
    /// What it imports.
    pub module: &'static str,
    /// Arguments of `pip install`.
    pub install: &'static [&'static str],
}

impl Reference {
    /// Runs the script and reads the JSON lines that it prints.
    pub fn run(&self, given: Option<&Path>, arguments: &[String]) -> Result<Vec<Value>> {
        let python = match given {
            Some(python) => python.to_owned(),
            None => environment("bench")?,
        };
        let script = places::workspace().join("tests/reference").join(self.script);
        ensure!(script.is_file(), "{} is not there", script.display());
        if !self.is_installed(&python) {
            ensure!(given.is_none(), "{} has no module {}", python.display(), self.module);
            say(format!("installing {} for Python, a large download, only once", self.module));
            process::run(process::program(&python).args(["-m", "pip", "install", "--quiet"]).args(self.install))?;
        }
        let mut command = process::program(&python);
        // NumPy's own threads; scripts that compare more than one say so to their package.
        command.envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")]);
        json_lines(command.arg(&script).args(arguments))
    }

    fn is_installed(&self, python: &Path) -> bool {
        process::read(process::program(python).args(["-c", &format!("import {}", self.module)])).is_ok()
    }
}

/// The Python of a virtual environment, in a folder of this name of the target folder.
pub fn environment(name: &str) -> Result<PathBuf> {
    let folder = places::target()?.join(name).join("python");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.is_file() {
        let Some(system) = places::program(&["python3", "python"]) else { bail!("there is no python3 here") };
        say("making a Python environment, only once");
        process::run(process::program(system).args(["-m", "venv"]).arg(&folder))
            .context("on Debian, python3-venv has to be installed")?;
    }
    Ok(python)
}
