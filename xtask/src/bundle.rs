//! `cargo xtask bundle`: makes `bundle/`, the folder that `chorus` embeds: the pages of `www/`, the tab's two
//! programs as wasm with their JavaScript, and a `.br` and `.gz` beside each file that gains by it.
//! What has not changed since the last run is left as it is: the large program takes minutes.

mod folder;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use self::folder::{Bundle, megabytes};
pub use self::folder::{Size, files_below};
use crate::{
    places,
    process::{self, say},
    setup::{self, Install},
    toolchain::{TARGET, Toolchain},
};

/// The tab's programs: the page can be used as soon as the first is there; the second reads sound files, the third goes
/// into the page that a person takes home; the last, which is large, trains.
pub const PROGRAMS: [&str; 4] = ["client", "decoder", "offline", "trainer"];

/// Build the pages and the tab's programs into `bundle/`, ready to be embedded
#[derive(clap::Args, Default)]
pub struct Options {
    /// For work on the page: light compression
    #[arg(long)]
    pub quick: bool,
    /// For work on the page: leave the large program, which takes minutes to link, as it was built last
    #[arg(long)]
    pub client_only: bool,
    /// Also write the sizes to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Makes the bundle and prints what it weighs.
pub fn run(options: &Options, install: Install) -> Result<Vec<Size>> {
    let toolchain = setup::wasm_toolchain(install)?;
    compile(&toolchain, if options.client_only { &PROGRAMS[..3] } else { &PROGRAMS })?;

    let mut bundle = Bundle::open(places::bundle(), places::browser_target()?.join("bundle.json"), options.quick);
    for program in PROGRAMS {
        bind(program, &mut bundle)?;
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
    let sizes = bundle.close()?;
    print(&sizes);
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_vec_pretty(&sizes)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(sizes)
}

/// What cargo is told to compile a program. Each is a choice of its own: together, the small one would be compiled
/// with the networks that only the large one needs.
pub fn arguments_for(program: &str) -> Vec<&str> {
    let mut arguments = vec!["--package", "wasm-client", "--profile", "wasm", "--bin", program];
    if program == "trainer" {
        arguments.extend(["--features", "trainer"]);
    }
    arguments
}

fn compile(toolchain: &Toolchain, programs: &[&str]) -> Result<()> {
    say(format!("compiling the tab's programs with {}", toolchain.describe()));
    if !compiled("trainer")?.is_file() {
        say("the first time this takes about 15 minutes on two cores: GPU and matrix kernels are compiled too");
    }
    for program in programs {
        process::run(toolchain.cargo("build")?.args(arguments_for(program)).args(process::timings()))?;
    }
    Ok(())
}

fn compiled(program: &str) -> Result<PathBuf> {
    Ok(places::browser_target()?.join(TARGET).join("wasm").join(format!("{program}.wasm")))
}

/// Gives a compiled program its JavaScript side, and puts both into the bundle.
///
/// Binaryen's wasm-opt is left out: it makes the large program a sixth smaller to compile but no smaller to send, and
/// what Debian 12 has of it (108) breaks the tables of references that the bindings need.
fn bind(program: &str, bundle: &mut Bundle) -> Result<()> {
    let file = compiled(program)?;
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
