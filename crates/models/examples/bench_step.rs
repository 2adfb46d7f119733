//! Times a training step of 20 clips, one JSON line a network:
//! `cargo run --release -p models --features rayon --example bench_step [-- conv dense] [--seconds 5] [--webgpu | --burn-wgpu]`.
//! The environment variable RAYON_NUM_THREADS sets the threads. PyTorch's side is `tests/reference/pytorch/bench_step.py`.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use models::{Architecture, Backend, Example, FEATURES, FRAMES, Learner, ModelError, TrainingPlan};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut chosen = Vec::new();
    let mut seconds = 5.0;
    let mut backend = Backend::Cpu;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next().ok_or("--seconds needs a number")?.parse()?,
            "--webgpu" => backend = Backend::WebGpu,
            "--burn-wgpu" => backend = Backend::BurnWgpu,
            name => chosen.push(name.parse::<Architecture>()?),
        }
    }
    if chosen.is_empty() {
        chosen = Architecture::ALL.to_vec();
    }
    for architecture in chosen {
        let line = pollster::block_on(time_steps(architecture, backend, Duration::from_secs_f64(seconds)))?;
        println!("{line}");
    }
    Ok(())
}

/// Steps for the given time, after three that warm up.
async fn time_steps(architecture: Architecture, backend: Backend, time: Duration) -> Result<String, ModelError> {
    let mut learner = Learner::new(architecture, 4, backend).await?;
    let clip = |clip: usize| Example {
        values: (0..FRAMES * FEATURES).map(|i| ((i * 37 + clip * 101) % 97) as f32 / 30.0 - 1.6).collect(),
        frames: FRAMES,
        text: Vec::new(),
        label: clip % 4,
        variants: Vec::new(),
    };
    let clips: Vec<Example> = (0..20).map(clip).collect();
    let how = TrainingPlan { epochs: u32::MAX, ..TrainingPlan::default() };
    let mut times: Vec<f64> = Vec::new();
    let mut warm = 3;
    let begun = Instant::now();
    let mut last = Instant::now();
    learner
        .train(&clips, &how, async |_| {
            if warm > 0 {
                warm -= 1;
            } else {
                times.push(last.elapsed().as_secs_f64() * 1e3);
            }
            last = Instant::now();
            if times.len() >= 5 && begun.elapsed() > time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    times.sort_by(f64::total_cmp);
    let threads = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|threads| threads.parse().ok())
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let threads = if cfg!(feature = "rayon") { threads } else { 1 };
    Ok(format!(
        r#"{{"model": "{architecture}", "backend": "{}", "threads": {threads}, "ms_per_step": {:.3}, "ms_minimum": {:.3}, "steps": {}}}"#,
        learner.backend_name(),
        times[times.len() / 2],
        times[0],
        times.len()
    ))
}
