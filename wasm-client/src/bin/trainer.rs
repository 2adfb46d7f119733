//! The trainer that computes on the processor.

fn main() {
    wasm_client::trainer::start();
}
