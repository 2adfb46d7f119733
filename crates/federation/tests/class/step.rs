//! What made-up training gives.

/// What a student's training adds to a parameter in a round; numbers of very different size.
pub fn step(student: u32, version: u32, index: usize) -> f32 {
    let mixed = (student + 1).wrapping_mul(0x9e37_79b9)
        ^ (version + 1).wrapping_mul(0x85eb_ca6b)
        ^ (index as u32).wrapping_mul(0xc2b2_ae35);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
    let fraction = (mixed >> 8) as f32 / (1 << 24) as f32 - 0.5;
    fraction * [1.0, 0.01, 3.0][index % 3]
}
