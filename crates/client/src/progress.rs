//! How far a training is, as the rules of the rounds and the person at the page are told. How often they are told is the
//! shell's.

use federation::Input;
use models::Step;
use protocol::Round;

/// What the participant's rules are told of a step of a round's training.
pub fn progress(round: Round, step: &Step) -> Input {
    let Step { epoch, epochs, step, steps, .. } = *step;
    Input::Progress { round, epoch, epochs, step, steps }
}

/// The part of all steps that is done after this one, 0 to 1.
pub fn fraction_done(step: &Step) -> f64 {
    let epochs_done = f64::from(step.epoch) - 1.0 + f64::from(step.step) / f64::from(step.steps.max(1));
    epochs_done / f64::from(step.epochs.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u32, step: u32) -> Step {
        Step { epoch, epochs: 4, step, steps: 5, loss: Some(1.0), accuracy: Some(0.5) }
    }

    #[test]
    fn a_step_is_told_as_it_is() {
        let said = progress(Round(3), &at(2, 4));
        assert!(
            matches!(said, Input::Progress { round: Round(3), epoch: 2, epochs: 4, step: 4, steps: 5 }),
            "{said:?}"
        );
    }

    #[test]
    fn the_last_step_of_the_last_epoch_is_all() {
        assert_eq!(fraction_done(&at(4, 5)), 1.0);
        assert_eq!(fraction_done(&at(1, 5)), 0.25);
        assert_eq!(fraction_done(&at(3, 2)), 0.6);
    }
}
