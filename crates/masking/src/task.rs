//! What a masked sum is of: whatever is in here, every key, box, mask and signature of the sum is bound to. Clients who were told
//! different things make noise together, and no sum.

use protocol::{Adversary, MaskedEncoding, RoomCode, Round};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::noise::SharedNoise;

/// What the numbers of a sum are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A round's updates.
    Update,
    /// The sums by which features are standardised, and counts of labels.
    Statistics,
    /// How the finished model does on what clients hold back.
    Evaluation,
}

/// How a vector is laid out: integers of the encoding's width, then a tail of 64-bit integers for sums that need more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// How the values are written.
    pub encoding: MaskedEncoding,
    /// Values.
    pub values: u32,
    /// Words of the tail.
    pub tail: u32,
}

impl Layout {
    /// Bytes of a vector.
    pub fn bytes(&self) -> usize {
        self.values as usize * self.encoding.width() + self.tail as usize * 8
    }
}

/// One attempt at one sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The room.
    pub room: RoomCode,
    /// Its round.
    pub round: Round,
    /// Which attempt at this round it is, a number that no other attempt at it has.
    pub attempt: u32,
    /// What the numbers are.
    pub purpose: Purpose,
    /// The [`fingerprint`] of the model that the values are differences to; zeros where there is none.
    pub model: [u8; 32],
    /// A hash of all else that clients are asked for. A server that asks one of them for something else than the others, as for
    /// training that changes nothing, would otherwise see the one in the sum.
    pub asked: [u8; 32],
    /// The server that masks have to withstand.
    pub adversary: Adversary,
    /// How a vector is laid out.
    pub layout: Layout,
    /// What the largest integer stands for, in the values' own unit.
    pub clip: f64,
    /// Noise that is added inside the masks; what `asked` is of has it, too.
    pub noise: Option<SharedNoise>,
}

impl Task {
    /// The hash that everything is bound to. Integers are little-endian; `clip` is its IEEE 754 bits.
    pub(crate) fn context(&self) -> [u8; 32] {
        let code = self.room.as_str().as_bytes();
        let purpose = match self.purpose {
            Purpose::Update => 0_u8,
            Purpose::Statistics => 1,
            Purpose::Evaluation => 2,
        };
        let adversary = match self.adversary {
            Adversary::Curious => 0_u8,
            Adversary::Active => 1,
        };
        hash(
            "chorus masked sum",
            &[
                &[code.len() as u8],
                code,
                &self.round.0.to_le_bytes(),
                &self.attempt.to_le_bytes(),
                &[purpose],
                &self.model,
                &self.asked,
                &[adversary],
                &[self.layout.encoding.width() as u8],
                &self.layout.values.to_le_bytes(),
                &self.layout.tail.to_le_bytes(),
                &self.clip.to_bits().to_le_bytes(),
            ],
        )
    }
}

/// SHA-256 of a model's parameters, each as a little-endian f32.
pub fn fingerprint(parameters: &[f32]) -> [u8; 32] {
    Sha256::digest(bytemuck::cast_slice::<f32, u8>(parameters)).into()
}

/// SHA-256 of a name, its length before it, and of parts one after the other. Every name has parts of lengths that follow from
/// what stands before them, so that no two inputs run together.
pub fn hash(name: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update([name.len() as u8]);
    sha.update(name);
    parts.iter().for_each(|part| sha.update(part));
    sha.finalize().into()
}
