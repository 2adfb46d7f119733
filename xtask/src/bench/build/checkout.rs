//! A fresh clone of this repository, as on a machine that has never built it: with its own target folder and an empty
//! folder of cargo's, far from this checkout, whose `.cargo/config.toml` would hold for folders inside of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    places,
    process::{self, say},
};

/// Would lead the builds of the clone elsewhere, or have them use what was compiled before.
const FOREIGN: [&str; 6] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "RUSTUP_TOOLCHAIN",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
];

/// The clone, which ends with this unless it is kept.
pub struct Checkout {
    folder: PathBuf,
    /// The commit, in short.
    pub commit: String,
    kept: bool,
}

impl Checkout {
    /// Clones a revision into a new folder inside of `parent`.
    pub fn of(revision: &str, parent: &Path, kept: bool) -> Result<Checkout> {
        let git = || process::program("git");
        let name = format!("{revision}^{{commit}}");
        let commit = process::read(git().args(["rev-parse", "--verify", "--short=10", "--end-of-options", &name]))
            .with_context(|| format!("there is no revision {revision} here"))?;
        let commit = commit.trim().to_owned();
        let folder = parent.join(format!("chorus-bench-build-{}", std::process::id()));
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let checkout = Checkout { folder, commit, kept };
        let source = checkout.source();
        process::run(git().args(["clone", "--quiet", "--no-checkout"]).arg(places::workspace()).arg(&source))?;
        process::run(git().arg("-C").arg(&source).args(["checkout", "--quiet", "--detach", &checkout.commit]))?;
        checkout.empty()?;
        Ok(checkout)
    }

    /// The clone's root.
    pub fn source(&self) -> PathBuf {
        self.folder.join("chorus")
    }

    /// The clone's target folder.
    pub fn target(&self) -> PathBuf {
        self.source().join("target")
    }

    /// Takes away all that was downloaded and built.
    pub fn empty(&self) -> Result<()> {
        for folder in [self.target(), self.source().join("bundle"), self.cargo_home()] {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
            }
        }
        fs::create_dir(self.cargo_home())?;
        Ok(())
    }

    fn cargo_home(&self) -> PathBuf {
        self.folder.join("cargo")
    }

    /// A folder of its own for a browser's profile.
    pub fn profile(&self) -> PathBuf {
        self.folder.join("profile")
    }

    /// `cargo xtask …` in the clone, which reports what each crate costs. Older revisions do so of xtask itself alone.
    pub fn xtask(&self, arguments: &[&str]) -> Result<Command> {
        let config = fs::read_to_string(self.source().join(".cargo/config.toml")).context("the clone has no alias")?;
        let alias = alias(&config).context("the clone's .cargo/config.toml has no alias xtask of the usual form")?;
        let mut command = self.cargo(alias.iter().map(String::as_str));
        command.args(arguments).env("CHORUS_TIMINGS", "1");
        Ok(command)
    }

    /// `cargo …` in the clone.
    pub fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = process::program("cargo");
        command.current_dir(self.source()).args(arguments).env("CARGO_HOME", self.cargo_home());
        for name in FOREIGN {
            command.env_remove(name);
        }
        let voices =
            env::var_os("CHORUS_DATA").map_or_else(|| places::workspace().join("../shared/data"), PathBuf::from);
        if let Ok(voices) = voices.canonicalize() {
            command.env("CHORUS_DATA", voices);
        }
        command
    }

    /// Whether a revision says something somewhere in one of its files; false where there is no such file.
    pub fn mentions(&self, file: &str, words: &str) -> bool {
        fs::read_to_string(self.source().join(file)).is_ok_and(|text| text.contains(words))
    }

    /// Adds a line at the end of a file, as a person who works on it.
    pub fn edit(&self, file: &str, line: &str) -> Result<()> {
        let path = self.source().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("the clone has no {file}"))?;
        ensure!(!text.contains(line), "{file} has the line already");
        fs::write(&path, format!("{text}{line}\n")).with_context(|| format!("cannot edit {file}"))
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if self.kept {
            say(format!("the clone is kept in {}", self.folder.display()));
        } else if let Err(error) = fs::remove_dir_all(&self.folder) {
            say(format!("{} is left behind ({error}): please remove it", self.folder.display()));
        }
    }
}

/// The words that `cargo xtask` stands for, with a report of what xtask's own crates cost.
fn alias(config: &str) -> Option<Vec<String>> {
    let line = config.lines().find_map(|line| line.trim().strip_prefix("xtask")?.trim_start().strip_prefix('='))?;
    let words = line.trim().strip_prefix('"')?.strip_suffix('"')?.split_whitespace();
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    let end = words.iter().position(|word| word == "--")?;
    words.insert(end, "--timings".to_owned());
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alias_is_run_with_a_report() {
        let config = "[alias]\nxtask = \"run --package xtask --\"\n";
        assert_eq!(alias(config).unwrap_or_default(), ["run", "--package", "xtask", "--timings", "--"]);
        assert_eq!(alias("[alias]\nother = \"run --\"\n"), None);
    }

    #[test]
    fn this_repository_has_the_alias() {
        assert!(alias(include_str!("../../../../.cargo/config.toml")).is_some());
    }
}
