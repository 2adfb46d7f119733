//! Whether updates are masked, and how.

use protocol::{Adversary, MaskedEncoding, Masking, Optimiser, ProtocolError, TrainingSettings};
use serde::Deserialize;

/// Where the help lists all of it.
const HEADING: &str = "Masks";
/// Most clips that a participant is weighted with in a masked room: as many as somebody records in a lesson. Nobody sees how many
/// it really has, and what is left over above the weights is lost to rounding.
pub const WEIGHT_CAP: u32 = 100;

/// Steps in one round after which an update is cut at the usual clip, if all of them go the same way.
const STEPS: f64 = 10.0;
/// The L2 norm of a gradient that the usual clip reckons with.
const GRADIENT_NORM: f64 = 5.0;

/// A clip that honest updates stay below: ten of Adam's steps move each parameter by the learning rate at most (Kingma and Ba,
/// 2015, section 2.1), and those of SGD by the gradient times it.
fn usual_clip(parameters: u32, training: &TrainingSettings) -> f64 {
    let length = match training.optimiser {
        Optimiser::Adam => f64::from(parameters).sqrt(),
        Optimiser::Sgd => GRADIENT_NORM,
    };
    STEPS * training.learning_rate * length
}

/// The masks of a room.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct MaskingOptions {
    /// Mask what participants send, so that the server learns sums over at least three of them and nobody's own: active
    /// withstands a server that lies, curious one that keeps to the protocol and looks, and needs fewer who stay to the end of
    /// a round [default: no masks]
    #[arg(long, value_name = "SERVER", help_heading = HEADING)]
    pub masking: Option<Adversary>,
    /// With --masking: bytes of a masked number: masked32, masked24 or masked16 [default: masked32]
    #[arg(long, value_name = "WIDTH", help_heading = HEADING)]
    pub masking_encoding: Option<MaskedEncoding>,
    /// With --masking: the L2 norm that each participant scales its update down to, where it is longer; nobody else can see to it
    /// [default: what suits the network and how it is trained]
    #[arg(long, value_name = "NORM", help_heading = HEADING)]
    pub masking_clip: Option<f64>,
}

impl MaskingOptions {
    /// The masks of a room whose model has so many parameters and is trained like this.
    ///
    /// # Errors
    /// Something is chosen of masks that there are not.
    pub fn masking(&self, parameters: u32, training: &TrainingSettings) -> Result<Option<Masking>, ProtocolError> {
        let Some(server) = self.masking else {
            let chosen =
                [("masking_encoding", self.masking_encoding.is_some()), ("masking_clip", self.masking_clip.is_some())];
            let without = chosen.into_iter().find_map(|(field, chosen)| chosen.then_some(field));
            return match without {
                Some(field) => Err(super::needs(field, "masking")),
                None => Ok(None),
            };
        };
        let clip = self.masking_clip.unwrap_or_else(|| usual_clip(parameters, training));
        Ok(Some(Masking { server, encoding: self.masking_encoding.unwrap_or_default(), clip }))
    }
}
