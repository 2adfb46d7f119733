//! The trainer that computes on a graphics processor, through WebGPU.

fn main() {
    wasm_client::trainer::start();
}
