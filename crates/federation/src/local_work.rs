//! How much of a round's training a client gets done before the deadline. Both ends ask here: a client how many steps it does,
//! the room whom it has to tell its host of. Pure arithmetic on times that others measure.

use protocol::{RoomConfig, TrainingSettings};

/// Of the time that a round has left, training gets at most so many fifths: the evaluation of the received model comes before
/// it, and the turn to send after it.
const FIFTHS: u64 = 4;

/// Steps of a client with so many examples that does all epochs.
pub fn whole_steps(training: &TrainingSettings, examples: u32) -> u32 {
    training.epochs.saturating_mul(examples.div_ceil(training.batch_size.max(1)))
}

/// The time for training, milliseconds, of a round that closes in `left_ms` and whose model took `download_ms` to come: as long
/// again is left for the update.
pub fn time_to_train(left_ms: u64, download_ms: u64) -> u64 {
    (left_ms * FIFTHS / 5).saturating_sub(download_ms)
}

/// The steps that fit into a time, one at least and no more than `whole`; `step_ms` is above 0.
pub fn fitting_steps(step_ms: f64, time_ms: u64, whole: u32) -> u32 {
    // A number too large for u32 becomes the largest, and one that is none 0.
    ((time_ms as f64 / step_ms) as u32).clamp(1, whole.max(1))
}

/// A client whose steps do not fit into the room's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TooSlow {
    /// How long all of its steps take, milliseconds.
    pub whole_ms: u64,
    /// How long a round may take, milliseconds.
    pub deadline_ms: u64,
    /// All of its steps.
    pub whole: u32,
    /// Those that fit.
    pub fits: u32,
}

/// Whether a client with so many examples, whose steps take so long, is too slow for its room, in a round of which nothing is
/// over. Where rounds wait for nobody, no one is.
pub fn too_slow(room: &RoomConfig, examples: u32, step_ms: f64) -> Option<TooSlow> {
    let whole = whole_steps(&room.training, examples);
    let fits = fitting_steps(step_ms, time_to_train(room.deadline_ms, 0), whole);
    let whole_ms = (f64::from(whole) * step_ms) as u64;
    let slow = TooSlow { whole_ms, deadline_ms: room.deadline_ms, whole, fits };
    (room.pace.is_synchronous() && whole_ms > time_to_train(room.deadline_ms, 0)).then_some(slow)
}

#[cfg(test)]
mod tests {
    use protocol::{Pace, RoomCode};

    use super::*;

    #[test]
    fn as_many_steps_as_fit_and_one_at_least() {
        let cases = [
            // step, time, whole → steps
            (10.0, 1_000, 40, 40),
            (10.0, 400, 40, 40),
            (10.0, 399, 40, 39),
            (250.0, 1_000, 40, 4),
            (5_000.0, 1_000, 40, 1),
            (10.0, 0, 40, 1),
            (0.001, u64::MAX, u32::MAX, u32::MAX),
            (f64::NAN, 1_000, 40, 1),
        ];
        for (step_ms, time_ms, whole, steps) in cases {
            assert_eq!(fitting_steps(step_ms, time_ms, whole), steps, "{step_ms} ms in {time_ms} ms");
        }
    }

    #[test]
    fn a_fifth_is_kept_for_the_rest_and_the_download_again_for_the_upload() {
        assert_eq!(time_to_train(180_000, 0), 144_000);
        assert_eq!(time_to_train(180_000, 44_000), 100_000);
        assert_eq!(time_to_train(1_000, 2_000), 0);
    }

    #[test]
    fn who_is_too_slow_is_told_by_the_rooms_epochs_and_ones_own_clips() {
        let mut room = RoomConfig::new(RoomCode::from_random(1), "lstm", 3, vec!["no".to_owned(), "yes".to_owned()]);
        (room.training.epochs, room.training.batch_size, room.deadline_ms) = (2, 20, 60_000);
        assert_eq!(whole_steps(&room.training, 41), 6);
        // 6 steps in 48 s.
        assert_eq!(too_slow(&room, 41, 8_000.0), None);
        let slow = TooSlow { whole_ms: 60_000, deadline_ms: 60_000, whole: 6, fits: 4 };
        assert_eq!(too_slow(&room, 41, 10_000.0), Some(slow));
        assert_eq!(too_slow(&room, 20, 10_000.0), None, "fewer clips are fewer steps");
        room.pace = Pace::asynchronous(2);
        assert_eq!(too_slow(&room, 41, 10_000.0), None, "nothing is too late there");
    }
}
