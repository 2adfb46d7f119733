//! `cargo xtask fuzz`: random bytes, guided by what they reach, for everything that reads what comes from outside
//! (`fuzz/fuzz_targets`). Needs no nightly compiler: the instrumentation that libFuzzer wants is a stable option.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    places,
    process::{self, say},
};

/// The programs of random bytes, where they begin, and the longest input of each, bytes.
const TARGETS: [(&str, &str, u32); 5] = [
    ("archive", "fuzz/seeds/archive", 4_096),
    ("decoder", "fuzz/seeds/decoder", 4_096),
    ("model_file", "fuzz/seeds/model_file", 4_096),
    ("room", "fuzz/seeds/room", 4_096),
    ("sound", "crates/speech/tests/fixtures", 32_768),
];

/// What `cargo fuzz` itself compiles with, without the sanitizers, which need a nightly compiler and find nothing in
/// programs without `unsafe`.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Ccodegen-units=1 --cfg fuzzing -Cdebug-assertions -Coverflow-checks";

/// Throw random bytes at everything that reads what comes from outside
#[derive(clap::Args)]
pub struct Options {
    /// Only these programs of fuzz/fuzz_targets
    pub targets: Vec<String>,
    /// Seconds for each of them
    #[arg(long, default_value_t = 60)]
    pub seconds: u32,
}

/// Runs the chosen targets, or all, one after the other; ends at the first input that one of them fails on.
pub fn run(options: &Options) -> Result<()> {
    for chosen in &options.targets {
        let names = TARGETS.map(|(name, ..)| name);
        ensure!(names.contains(&chosen.as_str()), "there is no target {chosen}; there are {}", names.join(", "));
    }
    let wanted = |name: &str| options.targets.is_empty() || options.targets.iter().any(|chosen| chosen == name);
    let programs = build()?;
    for (name, seeds, longest) in TARGETS.into_iter().filter(|(name, ..)| wanted(name)) {
        try_out(&programs.join(name), name, seeds, longest, options.seconds)?;
    }
    Ok(())
}

/// Compiles the targets and returns the folder of their programs.
fn build() -> Result<PathBuf> {
    let target = places::target()?.join("fuzz");
    let host = process::read(process::program("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not name its host")?;
    let manifest = places::workspace().join("fuzz/Cargo.toml");
    let mut cargo = process::cargo();
    // A target that is named keeps the instrumentation away from build scripts.
    cargo.args(["build", "--release", "--target", host, "--manifest-path"]).arg(manifest);
    cargo.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", INSTRUMENTATION).env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut cargo)?;
    Ok(target.join(host).join("release"))
}

/// One target from the seeds of the repository and what earlier runs have found.
fn try_out(program: &Path, name: &str, seeds: &str, longest: u32, seconds: u32) -> Result<()> {
    let fuzz = places::workspace().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    let failures = fuzz.join("artifacts").join(name);
    for folder in [&corpus, &failures] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    say(format!("random bytes for {name}, {seconds} s"));
    let mut command = process::program(program.with_extension(env::consts::EXE_EXTENSION));
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={longest}"));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
    command.arg(format!("-artifact_prefix={}{}", failures.display(), std::path::MAIN_SEPARATOR));
    let dictionary = fuzz.join(format!("{name}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    process::run(command.arg(corpus).arg(places::workspace().join(seeds))).with_context(|| {
        format!(
            "{name} fails on an input, which is kept in {}; `{} FILE` repeats it",
            failures.display(),
            program.display()
        )
    })
}
