//! This client's control variate in a SCAFFOLD room, from round to round; the arithmetic is `strategy/scaffold.rs`'s.
//!
//! It moves on only when the update that moves it counts: once it is accepted *and* the next version is published, for
//! the server drops what a round has gathered when it abandons it. It lives as long as the participant; a tab that is
//! loaded anew, or a program that is started anew, begins with zeros.

use protocol::ModelVersion;

use crate::strategy::scaffold;

#[derive(Debug, Default)]
pub(super) struct ControlVariate {
    /// cᵢ; empty stands for zeros.
    own: Vec<f32>,
    /// What it becomes when a version later than this one is out.
    next: Option<(ModelVersion, Vec<f32>)>,
}

impl ControlVariate {
    /// The correction c − cᵢ for a round that starts from `version` with the server's c.
    pub fn correction(&mut self, version: ModelVersion, server: &[f32]) -> Vec<f32> {
        if version == ModelVersion(0) {
            // Nobody has trained in this room yet: what is left here is of another room with the same code.
            *self = ControlVariate::default();
        }
        if let Some((_, next)) = self.next.take_if(|(of, _)| *of < version) {
            self.own = next;
        }
        scaffold::correction(server, &self.own)
    }

    /// An update for the round that started from `version` was accepted, which makes `next` the control variate.
    pub fn accepted(&mut self, version: ModelVersion, next: Vec<f32>) {
        self.next = Some((version, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_on_when_the_model_that_it_is_in_is_out() {
        let mut own = ControlVariate::default();
        assert_eq!(own.correction(ModelVersion(1), &[0.5]), [0.5]);
        own.accepted(ModelVersion(1), vec![2.0]);
        assert_eq!(own.correction(ModelVersion(1), &[0.5]), [0.5], "the round was abandoned, and is repeated");
        own.accepted(ModelVersion(1), vec![3.0]);
        assert_eq!(own.correction(ModelVersion(2), &[0.5]), [-2.5]);
        assert_eq!(own.correction(ModelVersion(3), &[0.0]), [-3.0], "absent in a round, it stays as it was");
        assert_eq!(own.correction(ModelVersion(0), &[0.0]), [0.0], "a new room with the same code");
    }
}
