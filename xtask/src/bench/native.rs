//! The figures of what runs natively. Each program prints JSON lines, which are all that is read here.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    Options,
    figures::{Better, Figure, Figures},
};
use crate::{
    process::{self, json_lines, say},
    python::Reference,
};

const PYAUDIOANALYSIS: Reference = Reference {
    script: "pyaudioanalysis/bench.py",
    module: "pyAudioAnalysis.ShortTermFeatures",
    install: &["-r", "tests/reference/pyaudioanalysis/requirements.txt"],
};

/// The build without the GPU's libraries: several gigabytes less, and it is the processor that is compared.
const PYTORCH: Reference = Reference {
    script: "pytorch/bench_step.py",
    module: "torch",
    install: &["torch", "numpy", "--extra-index-url", "https://download.pytorch.org/whl/cpu"],
};

/// Features of speech on one core.
pub fn speech(options: &Options, figures: &mut Figures) -> Result<()> {
    say("features of speech, natively");
    let lines = example("speech", "bench_features", &[], &[], &[])?;
    let [ours, inputs] = lines.as_slice() else { bail!("bench_features printed other than two figures") };
    let mut figure = Figure::new("speech", "features, native, one core", "times real time", Better::Higher);
    figure.value = ours["times_real_time"].as_f64();
    figure.goal = Some(1_000.0);
    if !options.alone {
        figure.other = Some("pyAudioAnalysis 0.3.14".to_owned());
        match PYAUDIOANALYSIS.run(options.python.as_deref(), &[]) {
            Ok(lines) => figure.other_value = lines.first().and_then(|line| line["times_real_time"].as_f64()),
            Err(reason) => figure.note(format!("not run: {reason:#}")),
        }
    }
    let mut whole = Figure::new("speech", "input at five speeds, native", "times real time", Better::Higher);
    whole.value = inputs["times_real_time"].as_f64();
    figures.add([figure, whole]);
    Ok(())
}

/// A training step of each network, with one thread and with all.
pub fn models(options: &Options, figures: &mut Figures) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, cores];
    counts.dedup();
    let seconds = options.seconds.to_string();
    for threads in counts {
        say(format!("training steps, natively, {threads} threads"));
        let environment = [("RAYON_NUM_THREADS", threads.to_string())];
        let ours = example("models", "bench_step", &["--features", "rayon"], &["--seconds", &seconds], &environment)?;
        let theirs = (!options.alone).then(|| {
            let arguments = ["--threads", &threads.to_string(), "--seconds", &seconds].map(str::to_owned);
            PYTORCH.run(options.python.as_deref(), &arguments)
        });
        for line in &ours {
            let model = line["model"].as_str().context("bench_step names no model")?;
            let what = format!("{model}, native, {threads} thread{}", if threads == 1 { "" } else { "s" });
            let mut figure = Figure::new("models", what, "ms a step of 20", Better::Lower);
            figure.value = line["ms_per_step"].as_f64();
            match &theirs {
                None => {}
                Some(Err(reason)) => {
                    figure.other = Some("PyTorch".to_owned());
                    figure.note(format!("not run: {reason:#}"));
                }
                Some(Ok(lines)) => {
                    if let Some(other) = lines.iter().find(|other| other["model"] == model) {
                        figure.other = other["backend"].as_str().map(str::to_owned);
                        figure.other_value = other["ms_per_step"].as_f64();
                    }
                }
            }
            figures.add([figure]);
        }
    }
    Ok(())
}

/// The paper's first experiment with `conv`: centralised, random clients, clients of a single emotion; 20 rounds each, on
/// as many clips as RAVDESS has of the four emotions.
pub fn simulation(figures: &mut Figures) -> Result<()> {
    say("experiment 1 with conv: three systems, 20 rounds, 672 clips");
    // The development profile optimises what computes, and the demo and the tests have built it already.
    process::run(process::natively("build").args(["--bin", "chorus"]))?;
    let target = crate::places::target()?;
    let chorus = target.join("debug/chorus").with_extension(std::env::consts::EXE_EXTENSION);
    let folder = target.join("bench/simulation");
    let voices = folder.join("voices");
    let synth = ["--speakers", "24", "--per-emotion", "7", "--force"];
    process::run(process::program(&chorus).args(["synth", "--out"]).arg(&voices).args(synth))?;
    let mut figure = Figure::new("simulation", "experiment 1, `conv`, training time", "s", Better::Lower);
    figure.goal = Some(240.0);
    let (mut sum, mut notes) = (0.0, Vec::new());
    for partition in ["centralised", "random", "single-emotion"] {
        let outcome = folder.join("outcome.json");
        let mut run = process::program(&chorus);
        run.args(["simulate", "--model", "conv", "--epochs", "1", "--partition", partition, "--test-speakers"]);
        run.args(["synthetic_21,synthetic_22,synthetic_23,synthetic_24", "--data"]).arg(&voices);
        process::run(run.arg("--json").arg(&outcome))?;
        let outcome: Value = serde_json::from_slice(&std::fs::read(&outcome)?)?;
        let seconds = outcome["seconds"].as_f64().context("an outcome names its seconds")?;
        sum += seconds;
        notes.push(format!("{partition} {seconds:.0}"));
    }
    figure.value = Some(sum);
    figure.note(notes.join(", "));
    figures.add([figure]);
    Ok(())
}

/// Builds and runs an example of a package, and reads what it prints.
pub fn example(
    package: &str,
    name: &str,
    features: &[&str],
    arguments: &[&str],
    environment: &[(&str, String)],
) -> Result<Vec<Value>> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--package", package, "--example", name]).args(features);
    process::run(&mut cargo)?;
    let file: PathBuf = crate::places::target()?.join("release/examples").join(name);
    let file = file.with_extension(std::env::consts::EXE_EXTENSION);
    let environment = environment.iter().map(|(name, value)| (name, value));
    json_lines(process::program(file).args(arguments).envs(environment))
}
