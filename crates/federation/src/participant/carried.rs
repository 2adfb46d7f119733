//! What a client carries from round to round: its control variate in a SCAFFOLD room (the arithmetic is
//! `strategy/scaffold.rs`'s), and what rounding has left out of its updates.
//!
//! It moves on only when the update that moves it counts: once it is accepted *and* the next version is published, for
//! the server drops what a round has gathered when it abandons it. It lives as long as the participant; a tab that is
//! loaded anew, or a program that is started anew, begins with zeros.

use protocol::ModelVersion;

#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Empty stands for zeros.
    own: Vec<f32>,
    /// What it becomes when a version later than this one is out.
    next: Option<(ModelVersion, Vec<f32>)>,
}

impl Carried {
    /// What is carried into a round that starts from `version`; empty stands for zeros.
    pub fn at(&mut self, version: ModelVersion) -> &[f32] {
        if version == ModelVersion(0) {
            // Nobody has trained in this room yet: what is left here is of another room with the same code.
            *self = Carried::default();
        }
        if let Some((_, next)) = self.next.take_if(|(of, _)| *of < version) {
            self.own = next;
        }
        &self.own
    }

    /// An update for the round that started from `version` was accepted, and `next` is carried on once it counts.
    pub fn accepted(&mut self, version: ModelVersion, next: Vec<f32>) {
        self.next = Some((version, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_on_when_the_model_that_it_is_in_is_out() {
        let mut own = Carried::default();
        assert_eq!(own.at(ModelVersion(1)), [0.0; 0]);
        own.accepted(ModelVersion(1), vec![2.0]);
        assert_eq!(own.at(ModelVersion(1)), [0.0; 0], "the round was abandoned, and is repeated");
        own.accepted(ModelVersion(1), vec![3.0]);
        assert_eq!(own.at(ModelVersion(2)), [3.0]);
        assert_eq!(own.at(ModelVersion(3)), [3.0], "absent in a round, it stays as it was");
        assert_eq!(own.at(ModelVersion(0)), [0.0; 0], "a new room with the same code");
    }
}
