//! Times the prediction of one clip without a learner, on one core, one JSON line a network and length:
//! `cargo run --release -p models --example bench_predict`.

use std::time::Instant;

use models::{Architecture, Example, FEATURES, FRAMES, Inference, ModelError, Standardisation, initial_parameters};

fn main() -> Result<(), ModelError> {
    for architecture in Architecture::ALL {
        let mut parameters = initial_parameters(architecture, 4, 0);
        // With every bias at zero, padding would be quicker than it is in a trained network.
        parameters.iter_mut().for_each(|value| *value += 0.01);
        let model = Inference::new(architecture, 4, parameters, Standardisation::identity())?;
        for frames in [30, FRAMES] {
            let values = (0..FRAMES * FEATURES).map(|i| (i * 37 % 97) as f32 / 30.0 - 1.6).collect();
            let clip = Example { values, frames, text: Vec::new(), label: 0, variants: Vec::new() };
            let mut times = Vec::new();
            for _ in 0..11 {
                let begun = Instant::now();
                std::hint::black_box(model.probabilities(std::hint::black_box(&clip))?);
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            println!(
                r#"{{"model": "{architecture}", "frames": {frames}, "ms_median": {:.3}, "ms_minimum": {:.3}}}"#,
                times[times.len() / 2],
                times[0]
            );
        }
    }
    Ok(())
}
