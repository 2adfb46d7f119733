//! Several channels → one. Their mean is the sound, unless there are two of which one is silent, as where one plug of two
//! microphones is empty, or of which one is the other turned round, as where a balanced cable goes into a stereo input:
//! then the mean is half as loud or next to nothing, and the louder of the two is the sound.

use crate::{Notice, Sound, SoundError};

/// A side is silent if it has less than this share of the other's power: −50 dB, what an open input's noise is below a
/// voice.
const SILENT_SHARE: f64 = 1e-5;

/// Below this correlation one side is the other turned round. Between microphones that hear the same room it is near 0 or
/// above.
const INVERTED: f64 = -0.9;

/// Below this mean square both sides are silent: less than the last bit of 16.
const SILENCE: f64 = 1e-10;

/// Which channels are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// The mean of all, with equal weight.
    All,
    /// One alone.
    Only(usize),
}

/// What was heard with a [`Mix`], and what the channels were like.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub sound: Sound,
    /// The channel that is to be heard alone, and why.
    pub alone: Option<(usize, Notice)>,
    /// Seconds that should be there and are not.
    pub missing: f64,
}

/// Hears all the channels, and once more one alone where that is the sound.
pub(crate) fn mixed(hear: impl Fn(Mix) -> Result<Heard, SoundError>) -> Result<(Heard, Option<Notice>), SoundError> {
    let heard = hear(Mix::All)?;
    match heard.alone {
        Some((channel, notice)) => Ok((hear(Mix::Only(channel))?, Some(notice))),
        None => Ok((heard, None)),
    }
}

/// Sums over two channels, from which their variances and their correlation follow.
#[derive(Default)]
pub(crate) struct Sides {
    frames: f64,
    sums: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Sides {
    pub(crate) fn take(&mut self, left: f32, right: f32) {
        let [left, right] = [f64::from(left), f64::from(right)];
        self.frames += 1.0;
        self.sums[0] += left;
        self.sums[1] += right;
        self.squares[0] += left * left;
        self.squares[1] += right * right;
        self.products += left * right;
    }

    /// The side that is the sound, where their mean is not.
    pub(crate) fn alone(&self) -> Option<(usize, Notice)> {
        if self.frames == 0.0 {
            return None;
        }
        let means = self.sums.map(|sum| sum / self.frames);
        let power = [0, 1].map(|side| (self.squares[side] / self.frames - means[side] * means[side]).max(0.0));
        let louder = usize::from(power[1] > power[0]);
        let (loud, quiet) = (power[louder], power[1 - louder]);
        if loud < SILENCE {
            return None;
        }
        if quiet < SILENT_SHARE * loud {
            return Some((louder, Notice::OneSided));
        }
        let correlation = (self.products / self.frames - means[0] * means[1]) / (loud * quiet).sqrt();
        (correlation < INVERTED).then_some((louder, Notice::Inverted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoded;

    fn tone(n: usize) -> f32 {
        (n as f32 * 0.17).sin() * 0.4
    }

    fn stereo(right: impl Fn(usize) -> f32) -> Decoded {
        let samples: Vec<f32> = (0..16_000).flat_map(|n| [tone(n), right(n)]).collect();
        Decoded::from_pcm(&samples, 2, 16_000).unwrap()
    }

    fn is_the_tone(sound: &Sound, scale: f32) -> bool {
        sound.samples().iter().enumerate().all(|(n, sample)| (sample - scale * tone(n)).abs() < 1e-6)
    }

    #[test]
    fn a_silent_side_is_left_out_and_said() {
        for (what, right) in [("nothing", 0.0), ("an offset", 0.01)] {
            let decoded = stereo(|_| right);
            assert_eq!(decoded.notices, [Notice::OneSided], "{what}");
            assert!(is_the_tone(&decoded.sound, 1.0), "{what}");
        }
        let samples: Vec<f32> = (0..16_000).flat_map(|n| [0.0, tone(n)]).collect();
        assert!(is_the_tone(&Sound::from_pcm(&samples, 2, 16_000).unwrap(), 1.0), "the right side alone");
    }

    #[test]
    fn a_side_that_is_turned_round_is_left_out_and_said() {
        let decoded = stereo(|n| -tone(n));
        assert_eq!(decoded.notices, [Notice::Inverted]);
        assert!(is_the_tone(&decoded.sound, 1.0));
        assert_eq!(stereo(|n| -0.5 * tone(n)).notices, [Notice::Inverted], "and quieter");
    }

    #[test]
    fn any_other_stereo_is_the_mean_of_both() {
        let same = stereo(tone);
        assert_eq!(same.notices, []);
        assert!(is_the_tone(&same.sound, 1.0));
        assert!(is_the_tone(&stereo(|n| 0.1 * tone(n)).sound, 0.55), "a quieter side is no silent one");
        assert_eq!(stereo(|n| tone(n + 9)).notices, [], "the same a little later");
        assert_eq!(Decoded::from_pcm(&[0.0; 32_000], 2, 16_000).unwrap().notices, [], "both silent");
    }
}
