//! `cargo xtask bench`: runs the benchmarks of all parts, and beside each what it is compared with on the same machine,
//! one after the other, and prints one table. It measures nothing itself but sizes and builds; a figure that could not be had
//! stands in the table with the reason.

mod browser;
mod build;
mod chromium;
mod cluster;
mod figures;
mod gpu;
mod load;
mod masking;
mod native;
mod site;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use self::figures::{Better, Figure, Figures};
use crate::{bundle, process::say, setup::Install};

/// Measure speed, size and memory, beside what they are compared with
#[derive(Clone, clap::Args)]
pub struct Options {
    /// Only these parts
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Seconds for each measurement; those that take longer for one step do one
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// A Python that has PyTorch, pyAudioAnalysis and flwr [default: one is set up in the target folder, a large download]
    #[arg(long, value_name = "FILE", env = "CHORUS_PYTHON")]
    python: Option<PathBuf>,
    /// Leave out what Chorus is compared with
    #[arg(long)]
    alone: bool,
    /// browser, gpu, masking: only these networks
    #[arg(long, value_delimiter = ',', value_name = "NETWORK,…", default_value = "compact,conv,dense,lstm")]
    networks: Vec<String>,
    /// browser, aggregator: a revision of Chorus to stand beside this one, built from nothing in a clone (half an hour and 20 GB)
    #[arg(long, value_name = "REVISION")]
    against: Option<String>,
    /// browser, alone: the programs as the demo has them, compiled in a fraction of the time; those for several cores and graphics
    /// processors are left out
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    build: build::Options,
}

/// What can be measured on its own.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// Features of speech, natively, beside pyAudioAnalysis
    Speech,
    /// A training step of each network, natively, beside PyTorch
    Models,
    /// The paper's first experiment with `conv`, in one process
    Simulation,
    /// Features and training steps in headless Chromium, beside Meyda, TensorFlow.js, jax-js and another revision of Chorus
    Browser,
    /// Training steps on this machine's graphics card, beside burn-wgpu, the processor and what a tab reaches; only when named
    Gpu,
    /// The aggregator under load, and its memory, beside Flower's server and another revision of Chorus
    Aggregator,
    /// Rounds with masks beside rounds without, and beside Flower's SecAgg+; takes half an hour, so only when named
    Masking,
    /// Two servers of a cluster beside one, on this machine with NATS and the load; only when named
    Cluster,
    /// What a browser has to load
    Sizes,
    /// From a fresh clone to a newcomer's first round, and to tests that have passed; takes an hour or more, so only when named
    Build,
}

/// Runs the chosen parts, or all but those that have to be named.
pub fn run(options: &Options, install: Install) -> Result<()> {
    let wants = |part| options.parts.is_empty() || options.parts.contains(&part);
    ensure!(
        !options.quick || options.parts == [Part::Browser],
        "--quick is of the browser alone: name that part, and no other"
    );
    let mut figures = Figures::of_this_machine();
    if let Some(load) = figures.load().filter(|load| *load > 0.5) {
        say(format!("OTHER PROGRAMS ARE BUSY HERE (load {load:.1}): these figures will be too slow"));
    }
    if wants(Part::Sizes)
        || wants(Part::Browser)
        || [Part::Gpu, Part::Masking].iter().any(|part| options.parts.contains(part))
    {
        let programs = bundle::Options { quick: options.quick, needed: options.quick, ..bundle::Options::default() };
        let sizes = bundle::run(&programs, install)?;
        if wants(Part::Sizes) {
            weigh(&sizes, &mut figures);
        }
    }
    if wants(Part::Speech) {
        native::speech(options, &mut figures)?;
    }
    if wants(Part::Models) {
        native::models(options, &mut figures)?;
    }
    if wants(Part::Simulation) {
        native::simulation(&mut figures)?;
    }
    if wants(Part::Aggregator) {
        load::measure(options, &mut figures)?;
    }
    if options.parts.contains(&Part::Masking) {
        masking::measure(options, install, &mut figures)?;
    }
    if options.parts.contains(&Part::Cluster) {
        cluster::measure(&mut figures)?;
    }
    if wants(Part::Browser) {
        browser::measure(options, install, &mut figures)?;
    }
    if options.parts.contains(&Part::Gpu) {
        gpu::measure(options, install, &mut figures)?;
    }
    if options.parts.contains(&Part::Build) {
        build::measure(&options.build, install, &mut figures)?;
    }
    print!("{figures}");
    if let Some(file) = &options.json {
        let json = serde_json::to_vec_pretty(&figures)?;
        fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
        say(format!("the figures are in {}", file.display()));
    }
    Ok(())
}

/// What a tab loads before its page can be used, and before it can train.
fn weigh(sizes: &[bundle::Size], figures: &mut Figures) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    for size in sizes.iter().filter(|size| size.file.ends_with(".wasm")) {
        // (to compile, to send)
        let goals = match &*size.file {
            "pkg/trainer_bg.wasm" => [Some(1.5), Some(0.4)],
            "pkg/trainer-webgpu_bg.wasm" => [Some(12.0), Some(1.5)],
            _ => [None; 2],
        };
        let mut raw = Figure::new("sizes", format!("{}, to compile", size.file), "MB", Better::Lower);
        raw.value = Some(megabytes(size.raw));
        raw.goal = goals[0];
        let mut sent = Figure::new("sizes", format!("{}, sent (brotli)", size.file), "MB", Better::Lower);
        sent.value = size.brotli.map(megabytes);
        sent.goal = goals[1];
        let mut gzip = Figure::new("sizes", format!("{}, sent (gzip)", size.file), "MB", Better::Lower);
        gzip.value = size.gzip.map(megabytes);
        figures.add([raw, sent, gzip]);
    }
    // `pkg/decoder_bg.wasm` and `js/worker/decoder.js` come later, and the attacker's, but not `js/sound/browser-decoder.js`.
    let all = sizes
        .iter()
        .filter(|size| !["/trainer", "/decoder", "/attacker"].iter().any(|later| size.file.contains(later)));
    let mut usable = Figure::new("sizes", "page usable after (brotli)", "MB", Better::Lower);
    usable.value = Some(all.map(|size| megabytes(size.brotli.unwrap_or(size.raw))).sum());
    figures.add([usable]);
}
