//! The figures of what runs in a tab: features and training steps, in one headless Chromium, beside Meyda,
//! TensorFlow.js, jax-js and another revision of Chorus. The measuring itself is JavaScript, in `tests/bench-page/` and
//! `tests/reference/`. While other programs are at work, figures stand there without ratios.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    Options,
    build::Checkout,
    chromium::{Chromium, Graphics},
    figures::{self, Better, Figure, Figures},
    site::{ISOLATED, Site},
};
use crate::{
    npm, places,
    process::{self, say},
    setup::{self, Install},
};

/// Up to this load before the run, ratios are printed.
const MOST_BEFORE: f64 = 0.5;
/// The bench may use all cores itself; what its load is above that, others are.
const MOST_BESIDE: f64 = 0.5;

/// A minute of speech is enough to be measured, and short enough to be measured five times.
const SPEECH_SECONDS: u32 = 60;

/// As many clips as a speaker of RAVDESS has of four moods.
const ROUND_CLIPS: usize = 28;
/// Rounds by each scale, of some 50 ms.
const ROUNDS: usize = 40;
/// A round by one's own scale may take so many times as long as one by the group's.
const MOST_OF_OWN_SCALE: f64 = 1.5;

/// Runs all measurements in a tab, one after the other.
pub fn measure(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    let before = options.against.as_ref().map(|revision| {
        let checkout = Checkout::of(revision, &std::env::temp_dir(), false)?;
        say(format!("building the programs of {revision}"));
        process::run(&mut checkout.xtask(&["bundle"])?)?;
        anyhow::Ok(checkout)
    });
    let before = before.transpose()?;
    let bench = Tab::open(options, install, Graphics::InSoftware, before.as_ref())?;
    say(format!("features and training steps in headless {}", bench.chromium.name));
    bench.features(figures);
    for backend in if options.quick { &["cpu"][..] } else { &["cpu", "webgpu"] } {
        for model in &options.networks {
            bench.step(model, backend, figures);
        }
    }
    if options.networks.iter().any(|network| network == "compact") {
        bench.own_scale(figures);
    }
    if options.quick {
        return Ok(());
    }
    bench.chromium.open(&format!("{}/bench/index.html{ISOLATED}", bench.site.origin))?;
    for model in &options.networks {
        bench.threads(model, figures);
    }
    Ok(())
}

/// Training steps on this machine's graphics processor in a tab, where Chromium finds one.
pub fn on_a_chip(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    let bench = Tab::open(options, install, Graphics::Chip, None)?;
    say(format!("training steps on a graphics processor in headless {}", bench.chromium.name));
    let found = bench.chorus("bundle", "compact", true);
    let named = found.as_ref().ok().and_then(|answer| answer["backend_name"].as_str());
    if named.is_none_or(is_software) {
        let mut figure = Figure::new("gpu", "a tab", "ms a step of 20", Better::Lower);
        figure.note(match (named, &found) {
            (Some(name), _) => format!("not run: {} finds no graphics chip here but {name}", bench.chromium.name),
            (None, Err(error)) => format!("not run: {error:#}"),
            (None, Ok(_)) => "not run: the trainer names no adapter".to_owned(),
        });
        figures.add([figure]);
        return Ok(());
    }
    for model in &options.networks {
        bench.step(model, "webgpu", figures);
    }
    Ok(())
}

/// Has the client's program do a task in a tab.
pub fn ask_client(options: &Options, install: Install, task: Value) -> Result<Value> {
    let alone = Options { alone: true, ..options.clone() };
    Tab::open(&alone, install, Graphics::InSoftware, None)?.ask("/bench/chorus.js", "module", task)
}

/// Why figures of a run with these loads are not held against others'; none where they are.
fn disturbance(before: Option<f64>, now: Option<f64>, cores: usize) -> Option<String> {
    let most = cores as f64 + MOST_BESIDE;
    match (before, now) {
        (Some(load), _) if load > MOST_BEFORE => {
            Some(format!("no ratio: load {load:.2} before the run, above {MOST_BEFORE:.1}"))
        }
        (_, Some(load)) if load > most => Some(format!("no ratio: load {load:.2} during the run, above {most:.1}")),
        _ => None,
    }
}

/// Takes figures in; those that other programs disturbed stand alone.
fn add(figures: &mut Figures, mut figure: Figure) {
    if let Some(how) = disturbance(figures.load(), figures::load(), figures.cores()) {
        figure.disturbed(how);
    }
    figures.add([figure]);
}

/// The page that measures, and what it has to measure.
struct Tab<'a> {
    options: &'a Options,
    chromium: Chromium,
    /// Whether each of the others is there, or why not.
    meyda: Result<(), String>,
    tfjs: Result<(), String>,
    jaxjs: Result<(), String>,
    /// The commit whose programs stand beside these.
    before: Option<&'a str>,
    /// Serves it all, as long as this lives.
    site: Site,
}

impl<'a> Tab<'a> {
    fn open(
        options: &'a Options,
        install: Install,
        graphics: Graphics,
        before: Option<&'a Checkout>,
    ) -> Result<Tab<'a>> {
        let browser = setup::browser(install)?;
        let workspace = places::workspace();
        let mut folders = vec![
            ("/bundle/", places::bundle()),
            // The workers of threads have the addresses that the pages have for them.
            ("/pkg/", places::bundle().join("pkg")),
            ("/js/", places::bundle().join("js")),
            ("/bench/", workspace.join("tests/bench-page")),
            ("/reference/", workspace.join("tests/reference")),
        ];
        folders.extend(before.map(|checkout| ("/before/", checkout.source().join("bundle"))));
        let mut installed = |name: &'static str, prefix| match options.alone {
            true => Err("left out".to_owned()),
            false => {
                npm::packages(name).map(|folder| folders.push((prefix, folder))).map_err(|error| format!("{error:#}"))
            }
        };
        let (meyda, tfjs, jaxjs) =
            (installed("meyda", "/meyda/"), installed("tfjs", "/tfjs/"), installed("jaxjs", "/jaxjs/"));
        let site = Site::serve(folders)?;
        let chromium = Chromium::start(&browser, &places::target()?.join("bench/profile"), graphics)?;
        chromium.open(&format!("{}/bench/index.html", site.origin))?;
        let before = before.map(|checkout| &*checkout.commit);
        Ok(Tab { options, chromium, meyda, tfjs, jaxjs, before, site })
    }

    fn features(&self, figures: &mut Figures) {
        let ours = self.ask("/bench/chorus.js", "module", json!({ "program": "client", "seconds": SPEECH_SECONDS }));
        // Chorus' windows lie between the two that Meyda takes.
        for window in [2048, 4096] {
            let mut figure = Figure::new("browser", "features, wasm", "times real time", Better::Higher);
            figure.goal = Some(300.0);
            fill(&mut figure.value, &ours, "times_real_time").unwrap_or_else(|reason| figure.note(reason));
            if !self.options.alone {
                figure.other = Some(format!("Meyda 5.6.3, windows of {window}"));
                let task = json!({ "window": window, "seconds": SPEECH_SECONDS });
                let theirs = self.reference(&self.meyda, "/reference/meyda/bench_features.js", "classic", task);
                fill(&mut figure.other_value, &theirs, "times_real_time")
                    .unwrap_or_else(|reason| figure.note(format!("Meyda: {reason}")));
            }
            add(figures, figure);
            if self.options.alone {
                break;
            }
        }
    }

    /// Times training steps of one of Chorus' programs.
    fn chorus(&self, bundle: &str, model: &str, graphics: bool) -> Result<Value> {
        let steps = if graphics { 1 } else { 5 };
        let program = if graphics { "trainer-webgpu" } else { "trainer" };
        let task = json!({ "bundle": bundle, "program": program, "model": model, "steps": steps });
        self.ask("/bench/chorus.js", "module", task)
    }

    fn step(&self, model: &str, backend: &str, figures: &mut Figures) {
        let graphics = backend == "webgpu";
        let ours = self.chorus("bundle", model, graphics);
        let named = ours.as_ref().ok().and_then(|answer| answer["backend_name"].as_str());
        let what = format!("{model}, {}", way(graphics, named));
        let mut figure = Figure::new("browser", what, "ms a step of 20", Better::Lower);
        fill(&mut figure.value, &ours, "ms_per_step").unwrap_or_else(|reason| figure.note(reason));

        let mut beside = Vec::new();
        if let Some(commit) = self.before {
            beside.push((format!("Chorus {commit}"), self.chorus("before", model, graphics)));
        }
        // `compact` is our own: nothing is like it elsewhere. Of TF.js' two ways on the processor each is told of.
        if !self.options.alone && model != "compact" {
            let task = |backend: &str| json!({ "model": model, "backend": backend, "seconds": self.options.seconds });
            for other in if graphics { &["webgpu"][..] } else { &["cpu", "wasm"] } {
                let theirs = self.reference(&self.tfjs, "/reference/tfjs/bench_step.js", "classic", task(other));
                beside.push((format!("TF.js 4.22.0, its {other} backend"), theirs));
            }
            let other = if graphics { "webgpu" } else { "wasm" };
            let theirs = self.reference(&self.jaxjs, "/reference/jaxjs/bench_step.js", "module", task(other));
            beside.push((format!("jax-js 0.1.25, its {other} backend"), theirs));
        }
        if beside.is_empty() {
            add(figures, figure.clone());
        }
        for (name, theirs) in beside {
            let mut figure = figure.clone();
            let reason = fill(&mut figure.other_value, &theirs, "ms_per_step").err();
            figure.other = Some(name);
            reason.into_iter().for_each(|reason| figure.note(reason));
            add(figures, figure);
        }
    }

    /// A round by own scales beside one by the group's.
    fn own_scale(&self, figures: &mut Figures) {
        let task = json!({ "program": "trainer", "clips": ROUND_CLIPS, "rounds": ROUNDS });
        let both = self.ask("/bench/chorus.js", "module", task);
        let what = format!("compact, a round of {ROUND_CLIPS} clips by one's own scale");
        let mut figure = Figure::new("browser", what, "ms", Better::Lower);
        fill(&mut figure.value, &both, "own_ms").unwrap_or_else(|reason| figure.note(reason));
        figure.other = Some("by the group's".to_owned());
        let reason = fill(&mut figure.other_value, &both, "group_ms").err();
        reason.into_iter().for_each(|reason| figure.note(reason));
        figure.goal = figure.other_value.map(|ms| MOST_OF_OWN_SCALE * ms);
        add(figures, figure);
    }

    /// Several cores beside one, on one page, and what memory each program has then.
    fn threads(&self, model: &str, figures: &mut Figures) {
        // As the tab chooses them (`wasm-client/src/processor.rs`).
        let threads = if figures.cores() > 2 { (figures.cores() - 1).min(8) } else { figures.cores() };
        // The browser compiles what is hot for a second or two, on the same cores: a small network's first hundred steps.
        let steps = if model == "compact" { 300 } else { 25 };
        let ask = |program: &str| {
            let task = json!({ "program": program, "model": model, "steps": steps, "threads": threads });
            self.ask("/bench/chorus.js", "module", task)
        };
        let (one, several) = (ask("trainer"), ask("trainer-threads"));
        let rows = [("", "ms a step of 20", "ms_per_step"), (", memory of wasm", "MiB", "memory_mib")];
        for (what, unit, field) in rows {
            let what = format!("{model}, processor, {threads} threads{what}");
            let mut figure = Figure::new("browser", what, unit, Better::Lower);
            fill(&mut figure.value, &several, field).unwrap_or_else(|reason| figure.note(reason));
            figure.other = Some("the program for one core".to_owned());
            let reason = fill(&mut figure.other_value, &one, field).err();
            reason.into_iter().for_each(|reason| figure.note(reason));
            add(figures, figure);
        }
    }

    fn reference(&self, installed: &Result<(), String>, script: &str, kind: &str, task: Value) -> Result<Value> {
        if let Err(reason) = installed {
            bail!("{reason}");
        }
        self.ask(script, kind, task)
    }

    /// Has a worker of its own do a task.
    fn ask(&self, script: &str, kind: &str, task: Value) -> Result<Value> {
        say(format!("{script} {task}"));
        let answer = self.chromium.call("measure", json!([script, kind, task]))?;
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

/// Whether an adapter of this name is computed on the processor.
pub fn is_software(adapter: &str) -> bool {
    const SOFTWARE: [&str; 4] = ["swiftshader", "llvmpipe", "software", "basic render"];
    SOFTWARE.iter().any(|software| adapter.to_lowercase().contains(software))
}

/// Which way a network ran; `named` is what the trainer calls it: on graphics the adapter.
pub fn way(graphics: bool, named: Option<&str>) -> String {
    match named {
        _ if !graphics => "processor, one thread".to_owned(),
        None | Some("") => "WebGPU".to_owned(),
        Some(name) if is_software(name) => "WebGPU in software".to_owned(),
        Some(name) => format!("WebGPU on a chip ({name})"),
    }
}

/// Takes a figure out of an answer, or says why there is none.
fn fill(place: &mut Option<f64>, answer: &Result<Value>, field: &str) -> Result<(), String> {
    let answer = answer.as_ref().map_err(|error| {
        let reason = format!("{error:#}");
        format!("not run: {}", reason.lines().next().unwrap_or_default())
    })?;
    *place = answer[field].as_f64();
    place.map(|_| ()).context("no figure").map_err(|error| format!("not run: {error}, only {answer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_refused_where_others_were_at_work_before_or_during_the_run() {
        assert_eq!(disturbance(Some(0.5), Some(2.5), 2), None);
        assert_eq!(disturbance(None, None, 2), None, "a system that does not tell");
        let reason = |before, now| disturbance(Some(before), Some(now), 2).unwrap_or_default();
        assert_eq!(reason(0.51, 0.1), "no ratio: load 0.51 before the run, above 0.5");
        assert_eq!(reason(0.1, 2.51), "no ratio: load 2.51 during the run, above 2.5");
        assert_eq!(disturbance(Some(0.1), Some(2.51), 4), None, "the bench itself may use every core");
    }

    #[test]
    fn a_row_says_which_way_it_ran() {
        assert_eq!(way(false, Some("CPU")), "processor, one thread");
        assert_eq!(way(true, Some("SwiftShader Device (LLVM 16.0)")), "WebGPU in software");
        assert_eq!(way(true, Some("Apple M2")), "WebGPU on a chip (Apple M2)");
        assert_eq!(way(true, None), "WebGPU");
    }
}
