//! The trainer that computes on the processor.

use models::Backend;

#[path = "../trainer.rs"]
mod trainer;

/// What this program computes on.
const BACKEND: Backend = Backend::Cpu;

fn main() {
    trainer::start();
}
