//! Packages of npm that tests and benchmarks compare with. None is part of what is built.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::places;
use crate::process::{self, say};

/// Installs what a folder of `tests/reference/` names in its package.json, in the target folder, where that was not done
/// before. Returns the folder of the packages.
pub fn packages(name: &str) -> Result<PathBuf> {
    let Some(npm) = places::program(&["npm"]) else { bail!("there is no npm here") };
    let folder = places::target()?.join("bench").join(name);
    fs::create_dir_all(&folder)?;
    let wanted = fs::read(places::workspace().join("tests/reference").join(name).join("package.json"))?;
    let modules = folder.join("node_modules");
    let manifest = folder.join("package.json");
    if !modules.is_dir() || fs::read(&manifest).ok().as_ref() != Some(&wanted) {
        say(format!("installing {name} with npm, only once"));
        fs::write(&manifest, wanted)?;
        let mut command = process::program(npm);
        process::run(command.current_dir(&folder).args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]))?;
    }
    Ok(modules)
}
