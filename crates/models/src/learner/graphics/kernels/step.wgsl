// What differs from step to step; `chip.rs` has the same in Rust.
struct Step {
  batch: u32,
  first: u32,
  mask_block: vec2u,
  mask_word: u32,
  rate: f32,
  root: f32,
  proximal: f32,
}
struct Frame { at: u32 }
