//! The house rules that a program can check, a part of `cargo xtask lint`: which room may import from which, where colours
//! are named, that no file lies about unused, how commits are called, and that page and worker know the same commands.
//! Each rule is a pure function from texts to complaints; only this file reads them from the disk.

mod colours;
mod commands;
mod rooms;
mod subjects;
mod used;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::{
    bundle::{files_below, name_below},
    places,
    process::{self, say},
};

/// Rooms from the ground up: whoever is in one may import from all floors below and from its own room, nowhere else.
/// A room is a folder or a file (without its ending) below the root; whatever is in none of them is free.
type Floors = &'static [&'static [&'static str]];

/// The modules of the pages, and what pages share.
const PAGES: Floors = &[&["common"], &["sound", "worker"], &["live"], &["room", "teach", "board", "join", "offline"]];

/// Crates by their source folders.
const CRATES: &[(&str, Floors)] = &[
    (
        "aggregator/src",
        &[
            &["clock", "nats", "process", "server/disk", "server/limits", "server/links", "server/log", "session"],
            &["participant", "server/metrics", "server/tls"],
            &["simulator", "server/gate"],
            &["settings"],
            &["experiment", "swarm", "server/config", "server/store"],
            &["server/rooms"],
            &["edge", "server/socket"],
            &["server/http"],
            &["commands"],
        ],
    ),
    (
        "crates/models/src",
        &[&["error", "slices", "network", "clips"], &["gradients", "inference", "onnx"], &["learner"]],
    ),
    (
        "crates/masking/src",
        &[
            &["refusal", "task"],
            &["keys", "quantised", "words"],
            &["shares", "vector"],
            &["openings", "roster"],
            &["member"],
            &["tally"],
        ],
    ),
    ("crates/privacy/src", &[&["normal"], &["distribution", "gaussian"], &["sampled"], &["release"]]),
    (
        "crates/federation/src",
        &[
            &["groups", "masked", "metrics", "model_mean", "normalisation", "partial", "sketch"],
            &["noise", "update"],
            &["aggregation", "strategy"],
            &["coordinator", "participant"],
            &["edge"],
        ],
    ),
];

/// A file of the repository.
pub struct Source {
    /// Its path below the root that was asked for, with slashes.
    path: String,
    text: String,
}

/// Checks all rules; fails, with every complaint, where one is broken.
pub fn run() -> Result<()> {
    say("house rules");
    let mut complaints = complaints(places::workspace())?;
    complaints.extend(subjects::complaints(&newest_subjects()));
    for complaint in &complaints {
        println!("{complaint}");
    }
    ensure!(complaints.is_empty(), "{} house rules are broken", complaints.len());
    Ok(())
}

/// What is wrong with the files.
fn complaints(workspace: &Path) -> Result<Vec<String>> {
    let modules = sources(&workspace.join("www/js"), &[".js"])?;
    let pages = sources(&workspace.join("www"), &[".js", ".css", ".html", ".svg"])?;
    let mut complaints = rooms::of_modules(PAGES, &modules);
    complaints.extend(rooms::missing("www/js", PAGES, &modules));
    for (root, floors) in CRATES {
        let files = sources(&workspace.join(root), &[".rs"])?;
        complaints.extend(rooms::of_crate(root, floors, &files));
        complaints.extend(rooms::missing(root, floors, &files));
    }
    complaints.extend(pages.iter().flat_map(colours::named_in));
    let mut naming = sources(&workspace.join("aggregator/src"), &[".rs"])?;
    naming.extend(sources(&workspace.join("wasm-client/src"), &[".rs"])?);
    complaints.extend(used::unused(&pages, &naming));
    complaints.extend(commands::complaints(&workspace.join("wasm-client/src"), &workspace.join("www/js/worker"))?);
    Ok(complaints)
}

/// All files below a folder whose names end so.
fn sources(folder: &Path, endings: &[&str]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for file in files_below(folder)? {
        let path = name_below(folder, &file);
        if endings.iter().any(|ending| path.ends_with(ending)) {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

/// The subjects of the commits that are not on origin/main yet, or of the last ones where there is no such branch. None
/// where this is no checkout of git.
fn newest_subjects() -> String {
    const LAST: &str = "-10";
    let log = |which: &str| {
        process::read(process::program("git").args(["log", "--no-merges", "--format=%h %s", which, "--"])).ok()
    };
    log("origin/main..HEAD").or_else(|| log(LAST)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_keeps_its_rules() {
        let found = complaints(places::workspace()).unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn what_is_read_is_not_nothing() {
        let modules = sources(&places::workspace().join("www/js"), &[".js"]).unwrap();
        assert!(modules.len() > 90, "only {} modules were found", modules.len());
        assert!(modules.iter().any(|module| module.path == "room/room.js"));
    }
}
