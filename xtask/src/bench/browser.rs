//! The figures of what runs in a tab: features and training steps, in one headless Chromium, beside Meyda and
//! TensorFlow.js. The measuring itself is JavaScript, in `tests/bench-page/` and `tests/reference/`.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    Options,
    chromium::{Chromium, Graphics},
    figures::{Better, Figure, Figures},
    site::Site,
};
use crate::{
    npm, places,
    process::say,
    setup::{self, Install},
};

const MODELS: [&str; 4] = ["compact", "conv", "dense", "lstm"];

/// A minute of speech is enough to be measured, and short enough to be measured five times.
const SPEECH_SECONDS: u32 = 60;

/// Runs all measurements in a tab, one after the other.
pub fn measure(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    let browser = setup::browser(install)?;
    let workspace = places::workspace();
    let mut folders = vec![
        ("/bundle/", places::bundle()),
        ("/bench/", workspace.join("tests/bench-page")),
        ("/reference/", workspace.join("tests/reference")),
    ];
    let mut installed = |name: &'static str, prefix| match options.alone {
        true => Err("left out".to_owned()),
        false => npm::packages(name).map(|folder| folders.push((prefix, folder))).map_err(|error| format!("{error:#}")),
    };
    let (meyda, tfjs) = (installed("meyda", "/meyda/"), installed("tfjs", "/tfjs/"));

    let site = Site::serve(folders)?;
    let chromium = Chromium::start(&browser, &places::target()?.join("bench/profile"), Graphics::InSoftware)?;
    chromium.open(&format!("{}/bench/index.html", site.origin))?;
    say(format!("features and training steps in headless {}", chromium.name));
    let tab = Tab { chromium: &chromium, options };

    tab.features(&meyda, figures);
    for backend in ["cpu", "webgpu"] {
        for model in MODELS {
            tab.step(model, backend, &tfjs, figures);
        }
    }
    Ok(())
}

/// The page that measures.
struct Tab<'a> {
    chromium: &'a Chromium,
    options: &'a Options,
}

impl Tab<'_> {
    fn features(&self, meyda: &Result<(), String>, figures: &mut Figures) {
        let ours = self.ask("/bench/chorus.js", "module", json!({ "program": "client", "seconds": SPEECH_SECONDS }));
        // Chorus' windows lie between the two that Meyda takes.
        for window in [2048, 4096] {
            let mut figure = Figure::new("browser", "features, wasm", "times real time", Better::Higher);
            figure.goal = Some(300.0);
            fill(&mut figure.value, &ours, "times_real_time").unwrap_or_else(|reason| figure.note(reason));
            if !self.options.alone {
                figure.other = Some(format!("Meyda 5.6.3, windows of {window}"));
                let task = json!({ "window": window, "seconds": SPEECH_SECONDS });
                let theirs = self.reference(meyda, "/reference/meyda/bench_features.js", task);
                fill(&mut figure.other_value, &theirs, "times_real_time")
                    .unwrap_or_else(|reason| figure.note(format!("Meyda: {reason}")));
            }
            figures.add([figure]);
            if self.options.alone {
                break;
            }
        }
    }

    fn step(&self, model: &str, backend: &str, tfjs: &Result<(), String>, figures: &mut Figures) {
        let where_ = if backend == "webgpu" { "WebGPU in software" } else { "wasm on one core" };
        let mut figure = Figure::new("browser", format!("{model}, {where_}"), "ms a step of 20", Better::Lower);
        let steps = if backend == "webgpu" { 1 } else { 5 };
        let program = if backend == "webgpu" { "trainer-webgpu" } else { "trainer" };
        let task = json!({ "program": program, "model": model, "steps": steps });
        let ours = self.ask("/bench/chorus.js", "module", task);
        fill(&mut figure.value, &ours, "ms_per_step").unwrap_or_else(|reason| figure.note(reason));

        // `compact` is our own: nothing is like it elsewhere. TF.js' processor has two backends, and each is told of.
        let others: &[&str] = match (model, backend) {
            _ if self.options.alone => &[],
            ("compact", _) => &[],
            (_, "webgpu") => &["webgpu"],
            _ => &["cpu", "wasm"],
        };
        if others.is_empty() {
            figures.add([figure.clone()]);
        }
        for other in others {
            let mut figure = figure.clone();
            figure.other = Some(format!("TF.js 4.22.0, its {other} backend"));
            let task = json!({ "model": model, "backend": other, "seconds": self.options.seconds });
            let theirs = self.reference(tfjs, "/reference/tfjs/bench_step.js", task);
            fill(&mut figure.other_value, &theirs, "ms_per_step")
                .unwrap_or_else(|reason| figure.note(format!("TF.js: {reason}")));
            figures.add([figure]);
        }
    }

    fn reference(&self, installed: &Result<(), String>, script: &str, task: Value) -> Result<Value> {
        if let Err(reason) = installed {
            bail!("{reason}");
        }
        self.ask(script, "classic", task)
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

/// Takes a figure out of an answer, or says why there is none.
fn fill(place: &mut Option<f64>, answer: &Result<Value>, field: &str) -> Result<(), String> {
    let answer = answer.as_ref().map_err(|error| {
        let reason = format!("{error:#}");
        format!("not run: {}", reason.lines().next().unwrap_or_default())
    })?;
    *place = answer[field].as_f64();
    place.map(|_| ()).context("no figure").map_err(|error| format!("not run: {error}, only {answer}"))
}
