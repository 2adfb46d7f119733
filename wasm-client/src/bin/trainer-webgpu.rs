//! The trainer that computes on a graphics processor, through WebGPU.

use models::Backend;

#[path = "../trainer.rs"]
mod trainer;

/// What this program computes on.
const BACKEND: Backend = Backend::WebGpu;

fn main() {
    trainer::start();
}
