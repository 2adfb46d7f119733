//! Training steps on this machine's graphics processor: natively, over kernels of our own and over burn-wgpu's, beside the
//! processor; then in a tab. Where there is no card, the same is computed in software, and each row says so.

use anyhow::Result;
use serde_json::Value;

use super::{
    Options,
    browser::{self, is_software, way},
    figures::{Better, Figure, Figures},
    native::example,
};
use crate::{process::say, setup::Install};

/// In software a step of the LSTM over burn-wgpu, a hundred frames of some thirty kernels each, takes minutes.
const TOO_LONG_IN_SOFTWARE: &str = "lstm";

/// Measures each network each way.
pub fn measure(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    say("training steps on a graphics processor, natively; burn-wgpu takes minutes to compile the first time");
    for model in &options.networks {
        let ours = steps(options, model, &["--webgpu"]);
        let adapter = named(&ours);
        let mut figure = Figure::new(
            "gpu",
            format!("{model}, native, {}", way(true, adapter.as_deref())),
            "ms a step of 20",
            Better::Lower,
        );
        fill(&mut figure, &ours, |figure, value| figure.value = Some(value));
        if let Some(name) = adapter.as_deref().filter(|name| is_software(name)) {
            figure.note(format!("no graphics card was measured: {name} computes on the processor"));
        }
        let in_software = adapter.as_deref().is_none_or(is_software);
        for (name, arguments) in [("burn-wgpu", &["--burn-wgpu"][..]), ("the processor, all threads", &[])] {
            let mut figure = figure.clone();
            figure.other = Some(name.to_owned());
            if name == "burn-wgpu" && in_software && model == TOO_LONG_IN_SOFTWARE {
                figure.note("left out in software, where a step takes minutes");
            } else {
                fill(&mut figure, &steps(options, model, arguments), |figure, value| figure.other_value = Some(value));
            }
            figures.add([figure]);
        }
    }
    browser::on_a_chip(options, install, figures)
}

/// What `bench_step` prints of one network.
fn steps(options: &Options, model: &str, arguments: &[&str]) -> Result<Value> {
    let seconds = options.seconds.to_string();
    let all = [&[model, "--seconds", &*seconds], arguments].concat();
    let lines = example("models", "bench_step", &["--features", "rayon,webgpu,burn-wgpu"], &all, &[])?;
    Ok(lines.into_iter().next().unwrap_or_default())
}

fn named(answer: &Result<Value>) -> Option<String> {
    answer.as_ref().ok().and_then(|answer| answer["backend"].as_str()).map(str::to_owned)
}

fn fill(figure: &mut Figure, answer: &Result<Value>, place: impl FnOnce(&mut Figure, f64)) {
    match answer {
        Ok(answer) => match answer["ms_per_step"].as_f64() {
            Some(value) => place(figure, value),
            None => figure.note("bench_step printed no figure"),
        },
        Err(reason) => figure.note(format!("not run: {reason:#}")),
    }
}
