//! Whether imports go down only. Reads paths in texts; knows no compiler and no resolver.

use super::{Floors, Source};

/// Complaints about the relative imports of ES modules, those in types included. A module in no room is one.
pub fn of_modules(floors: Floors, modules: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in modules {
        let folder = path.split_once('/').map_or("", |(folder, _)| folder);
        if floor_of(floors, folder).is_none() {
            complaints.push(format!("www/js/{path}: `{folder}` is no room that tidy.rs knows of"));
            continue;
        }
        for quoted in text.split(['\'', '"']).filter(|part| part.starts_with("../")) {
            if !is_below(floors, folder, quoted.trim_start_matches("../")) {
                complaints.push(format!("www/js/{path}: may not import {quoted}: arrows go down only"));
            }
        }
    }
    complaints
}

/// Complaints about the `crate::` paths of a Rust crate; unit tests at the end of a file may reach anywhere.
pub fn of_crate(root: &str, floors: Floors, files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in files {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some(room) = room_of(floors, module) else { continue };
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for imported in paths_in(&lines.join("\n")) {
            if !is_below(floors, room, &imported) {
                let imported = imported.replace('/', "::");
                complaints.push(format!("{root}/{path}: may not use crate::{imported}: arrows go down only"));
            }
        }
    }
    complaints
}

/// Complaints about rooms that are in the table but no longer in the house.
pub fn missing(root: &str, floors: Floors, files: &[Source]) -> Vec<String> {
    let is_there = |room: &str| {
        files.iter().any(|file| file.path.strip_prefix(room).is_some_and(|rest| rest.starts_with(['/', '.'])))
    };
    let missing = floors.iter().copied().flatten().filter(|room| !is_there(room));
    missing.map(|room| format!("{root}: tidy.rs names the room `{room}`, which is not there")).collect()
}

/// Whether a room may import a path: it is in the same room, on a lower floor, or in no room at all.
fn is_below(floors: Floors, room: &str, imported: &str) -> bool {
    match room_of(floors, imported) {
        Some(other) => other == room || floor_of(floors, other) < floor_of(floors, room),
        None => true,
    }
}

/// The innermost room that a path is in.
fn room_of(floors: Floors, path: &str) -> Option<&'static str> {
    let inside = |room: &&str| path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    floors.iter().copied().flatten().copied().filter(inside).max_by_key(|room| room.len())
}

fn floor_of(floors: Floors, room: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&room))
}

/// All paths that begin with `crate::`, trees in braces spread out, with slashes.
fn paths_in(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        if !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
            spread(&code[at + start.len()..], "", &mut paths);
        }
    }
    paths
}

/// Adds the paths of one tree; gives what follows it.
fn spread<'a>(code: &'a str, before: &str, paths: &mut Vec<String>) -> &'a str {
    let mut code = code.trim_start();
    if let Some(inside) = code.strip_prefix('{') {
        code = inside.trim_start();
        while !code.is_empty() && !code.starts_with('}') {
            let rest = spread(code, before, paths).trim_start();
            let rest = rest.split_once([',', '}']).map_or("", |(between, _)| &rest[between.len()..]);
            code = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        return code.strip_prefix('}').unwrap_or(code);
    }
    let end = code.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let path = if before.is_empty() { name.to_owned() } else { format!("{before}/{name}") };
    match rest.strip_prefix("::") {
        Some(deeper) => spread(deeper, &path, paths),
        None => {
            paths.push(path);
            rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: Floors = &[&["ground", "deep/cellar"], &["deep", "side"]];

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![Source { path: path.to_owned(), text: text.to_owned() }]
    }

    #[test]
    fn modules_import_downwards_only() {
        let check = |path, text| of_modules(FLOORS, &source(path, text));
        assert_eq!(check("deep/a.js", "import { b } from '../ground/b.js';\nimport './c.js';"), [""; 0]);
        assert_eq!(check("ground/a.js", "/** @type {import('../side/b.js').B} */").len(), 1);
        assert_eq!(
            check("side/a.js", "import '../deep/b.js';").len(),
            1,
            "rooms of one floor know nothing of each other"
        );
        assert_eq!(check("a.js", "").len(), 1);
        assert_eq!(check("attic/a.js", "").len(), 1);
    }

    #[test]
    fn crates_import_downwards_only() {
        let check = |path, text| of_crate("src", FLOORS, &source(path, text));
        let upward = "use crate::{\n    free::Thing,\n    side::{self, Other as Own},\n};";
        assert_eq!(check("ground/a.rs", upward).len(), 2);
        assert_eq!(check("ground/mod.rs", upward).len(), 2);
        assert_eq!(check("ground.rs", "fn f() { crate::deep::cellar::g(); }").len(), 1);
        assert_eq!(check("deep/a.rs", "use crate::deep::cellar::g; use crate::ground;"), [""; 0]);
        assert_eq!(check("deep/cellar.rs", "use crate::deep::a;").len(), 1);
        assert_eq!(check("ground.rs", "// use crate::deep::a;\nuse other_crate::deep;"), [""; 0]);
        assert_eq!(check("ground.rs", "#[cfg(test)]\nmod tests { use crate::deep::a; }"), [""; 0]);
        assert_eq!(check("main.rs", "use crate::deep::a;"), [""; 0]);
    }

    #[test]
    fn a_room_that_is_gone_is_told_of() {
        let files: Vec<Source> =
            ["ground.rs", "deep/cellar/mod.rs", "side/a.rs"].iter().flat_map(|path| source(path, "")).collect();
        assert_eq!(missing("src", FLOORS, &files), [""; 0]);
        assert_eq!(missing("src", FLOORS, &files[..2]), ["src: tidy.rs names the room `side`, which is not there"]);
    }

    #[test]
    fn trees_are_spread() {
        let paths = paths_in("use crate::{a, b::{c, d::E as F}, g::{h}}; use crate::i::j; crate::k::l(1)");
        assert_eq!(paths, ["a", "b/c", "b/d/E", "g/h", "i/j", "k/l"]);
    }
}
