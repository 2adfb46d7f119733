//! `cargo xtask bundle`: makes `bundle/`, the folder that `chorus` serves: the pages of `www/`, the tab's programs as wasm
//! with their JavaScript, and a `.br` and `.gz` beside each file that gains by it. What has not changed since the last
//! run is left as it is.

mod folder;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use self::folder::{Bundle, megabytes};
pub use self::folder::{Size, files_below};
use crate::{
    compile::{self, Lane},
    places,
    process::say,
    setup::{self, Install},
    toolchain::{TARGET, Toolchain},
};

/// The tab's programs: the page can be used as soon as the first is there; the second reads sound files, the third attacks
/// an update of one's own, the fourth goes into the page that a person takes home; the fifth trains, the sixth trains on several cores, and the last, which is large,
/// on a graphics processor.
pub const PROGRAMS: [&str; 7] = ["client", "decoder", "attacker", "offline", TRAINER, THREADS, GRAPHICS];

/// The program with the networks, on the processor.
const TRAINER: &str = "trainer";

/// The program with the networks, on several cores of the processor. It needs a standard library of its own, and is left out where
/// that cannot be compiled.
const THREADS: &str = "trainer-threads";

/// The program with the networks, on a graphics processor.
const GRAPHICS: &str = "trainer-webgpu";

/// Those that a tab cannot do without.
pub const NEEDED: [&str; 5] = {
    let [needed @ .., _, _] = PROGRAMS;
    needed
};

/// Those that a tab can do without, as far as they can be compiled here.
pub fn others(install: Install) -> Result<Vec<&'static str>> {
    let threads = setup::threads_toolchain(install)?.map(|_| THREADS);
    Ok(threads.into_iter().chain([GRAPHICS]).collect())
}

/// What people call one of those.
pub fn in_words(program: &str) -> &str {
    match program {
        THREADS => "the program for several cores",
        GRAPHICS => "the graphics program",
        program => program,
    }
}

/// All of them, as far as they can be compiled here.
pub fn all(install: Install) -> Result<Vec<&'static str>> {
    Ok(NEEDED.into_iter().chain(others(install)?).collect())
}

/// How the tab's programs are made.
#[derive(Clone, Copy, PartialEq)]
pub enum Finish {
    /// For those who load them: optimised as a whole and compressed as well as can be.
    Shipped,
    /// For this machine, soon: the demo's and the tests'. The same code, larger.
    Quick,
}

impl Finish {
    /// Cargo's profile.
    fn profile(self) -> &'static str {
        match self {
            Finish::Shipped => "wasm",
            Finish::Quick => "wasm-quick",
        }
    }
}

/// Build the pages and the tab's programs into `bundle/`, ready to be served
#[derive(clap::Args, Default)]
pub struct Options {
    /// Not for others to load: compiled in less time and compressed lightly, as the demo and the tests do
    #[arg(long)]
    pub quick: bool,
    /// Only the programs that a tab cannot do without: not those that train on several cores and on graphics processors
    #[arg(long, alias = "without-webgpu")]
    pub needed: bool,
    /// With `--needed`: the program that trains on several cores as well
    #[arg(long, requires = "needed")]
    pub threads: bool,
    /// Also write the sizes to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Makes the bundle and prints what it weighs.
pub fn run(options: &Options, install: Install) -> Result<Vec<Size>> {
    let toolchain = setup::wasm_toolchain(install)?;
    let programs = match options {
        Options { needed: true, threads: false, .. } => NEEDED.to_vec(),
        Options { needed: true, threads: true, .. } => [&NEEDED[..], &[THREADS]].concat(),
        _ => all(install)?,
    };
    let finish = if options.quick { Finish::Quick } else { Finish::Shipped };
    say(format!("compiling the tab's programs with {}", toolchain.describe()));
    let builds = build(&toolchain, &programs, finish)?;
    compile::together(vec![Lane { name: "the tab's programs", builds }])?;
    let sizes = assemble(&programs, finish)?;
    print(&sizes);
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_vec_pretty(&sizes)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(sizes)
}

/// Cargo's builds of programs: one command for all that are compiled with the same features.
pub fn build(toolchain: &Toolchain, programs: &[&str], finish: Finish) -> Result<Vec<Command>> {
    let (threads, others): (Vec<_>, Vec<_>) = programs.iter().copied().partition(|program| *program == THREADS);
    let mut builds = cargo(toolchain, "build", &others, finish)?;
    if !threads.is_empty() {
        let toolchain = Toolchain::for_threads().context("nothing here compiles threads for the browser")?;
        builds.push(of(toolchain.cargo_for_threads("build")?, features_of(THREADS, finish), &threads, finish));
    }
    Ok(builds)
}

/// Cargo's `clippy` of all programs. That of the one with threads is looked at without them, as the rest of what it is made of.
pub fn clippy(toolchain: &Toolchain) -> Result<Vec<Command>> {
    cargo(toolchain, "clippy", &PROGRAMS, Finish::Quick)
}

fn cargo(toolchain: &Toolchain, what: &str, programs: &[&str], finish: Finish) -> Result<Vec<Command>> {
    let mut groups: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for program in programs {
        let of_it = features_of(program, finish);
        match groups.iter_mut().find(|(features, _)| *features == of_it) {
            Some((_, group)) => group.push(program),
            None => groups.push((of_it, vec![program])),
        }
    }
    groups.into_iter().map(|(features, group)| Ok(of(toolchain.cargo(what)?, features, &group, finish))).collect()
}

/// A command of cargo, of programs with these features.
fn of(mut cargo: Command, features: Option<&str>, programs: &[&str], finish: Finish) -> Command {
    cargo.args(["--package", "wasm-client", "--profile", finish.profile()]);
    cargo.args(programs.iter().flat_map(|program| ["--bin", program]));
    cargo.args(features.iter().flat_map(|features| ["--features", features]));
    cargo
}

/// The features of `wasm-client` that a program is compiled with. Other features make cargo compile most libraries anew; so
/// the needed programs share theirs where it has to be quick, and the linker leaves out what one of them does not call.
/// Programs to be shipped have no other's.
fn features_of(program: &str, finish: Finish) -> Option<&str> {
    match program {
        TRAINER | THREADS | GRAPHICS => Some(program),
        _ => (finish == Finish::Quick).then_some(TRAINER),
    }
}

/// Puts compiled programs and the pages into `bundle/`; what else is in there goes.
pub fn assemble(programs: &[&str], finish: Finish) -> Result<Vec<Size>> {
    let record = places::browser_target()?.join("bundle.json");
    let mut bundle = Bundle::open(places::bundle(), record, finish == Finish::Quick);
    for program in programs {
        bind(program, finish, &mut bundle)?;
    }
    let pages = places::workspace().join("www");
    for page in files_below(&pages)? {
        let name = name_below(&pages, &page);
        let bytes = fs::read(&page).with_context(|| format!("cannot read {}", page.display()))?;
        let input = digest(&[&bytes]);
        if !bundle.keep(&name, &input) {
            bundle.put(&name, input, BTreeMap::from([(name.clone(), bytes)]))?;
        }
    }
    bundle.close()
}

fn compiled(program: &str, finish: Finish) -> Result<PathBuf> {
    let target = if program == THREADS { places::threads_target()? } else { places::browser_target()? };
    let folder = target.join(TARGET).join(finish.profile());
    Ok(folder.join(format!("{program}.wasm")))
}

/// Gives a compiled program its JavaScript side, and puts both into the bundle.
///
/// Binaryen's wasm-opt is left out: it makes the large program a sixth smaller to compile but no smaller to send, and
/// what Debian 12 has of it (108) breaks the tables of references that the bindings need.
fn bind(program: &str, finish: Finish, bundle: &mut Bundle) -> Result<()> {
    let file = compiled(program, finish)?;
    let compiled = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let input = digest(&[&compiled]);
    let group = format!("program {program}");
    if bundle.keep(&group, &input) {
        return Ok(());
    }

    say(format!("binding {program}.wasm ({}) to JavaScript", megabytes(compiled.len() as u64)));
    let folder = places::browser_target()?.join("pkg").join(program);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Bindgen::new()
        .input_path(&file)
        .web(true)?
        .typescript(false)
        .remove_producers_section(true)
        // Names of functions would be two thirds of a symbol table that nobody reads.
        .remove_name_section(true)
        .generate(&folder)
        .with_context(|| format!("wasm-bindgen cannot bind {}", file.display()))?;

    let files = files_below(&folder)?;
    let files = files.iter().map(|file| Ok((format!("pkg/{}", name_below(&folder, file)), fs::read(file)?)));
    bundle.put(&group, input, files.collect::<Result<_>>()?)
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file's path below a folder, as it stands in a URL.
pub fn name_below(folder: &Path, file: &Path) -> String {
    let path = file.strip_prefix(folder).unwrap_or(file);
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn print(sizes: &[Size]) {
    let shown = |bytes: Option<u64>| bytes.map_or("-".to_owned(), megabytes);
    println!("{:<28} {:>10} {:>10} {:>10}", "bundle/", "raw", "gzip", "brotli");
    let (programs, pages): (Vec<_>, Vec<_>) = sizes.iter().partition(|size| size.file.ends_with(".wasm"));
    for size in programs {
        let Size { file, raw, gzip, brotli } = size;
        println!("{file:<28} {:>10} {:>10} {:>10}", megabytes(*raw), shown(*gzip), shown(*brotli));
    }
    let total = |of: fn(&Size) -> u64| megabytes(pages.iter().copied().map(of).sum());
    println!(
        "{:<28} {:>10} {:>10} {:>10}",
        format!("{} other files", pages.len()),
        total(|size| size.raw),
        total(|size| size.gzip.unwrap_or(size.raw)),
        total(|size| size.brotli.unwrap_or(size.raw)),
    );
}
