//! What an emotion changes in the way of speaking.
//!
//! The directions are those of Juslin & Laukka 2003 (their tables of pitch, level, rate and voice quality by emotion): anger
//! is loud, bright, fast and high with a wide melody; happiness is high and wide, fairly fast and loud, rising; sadness is
//! low, narrow and falling, slow, soft and dull with more pauses and breath. Smiling shortens the tract (Tartter 1980).
//! The sizes are chosen so that emotions overlap, and speakers differ in what they show (`Habit`): a classifier has
//! something to learn, and something to get wrong.

use super::random::Random;

pub(super) const NEUTRAL: usize = 2;

/// How one clip is spoken, relative to the voice's own way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Semitones above the voice's mean pitch.
    pub(super) pitch: f64,
    /// Octaves by which the melody is wider.
    pub(super) range: f64,
    /// Semitones from the beginning to the end.
    pub(super) slope: f64,
    /// Octaves of the rate.
    pub(super) rate: f64,
    /// dB of the level.
    pub(super) level: f64,
    /// Octaves of the source's low-pass corner.
    pub(super) tilt: f64,
    /// Octaves of the jitter and shimmer.
    pub(super) rough: f64,
    /// Octaves of the breath's noise.
    pub(super) breath: f64,
    /// Octaves of the pauses' length.
    pub(super) pause: f64,
    /// Share by which the formants are higher.
    pub(super) smile: f64,
}

/// Angry, happy, neutral, sad, each at full strength.
const MANNERS: [Manner; 4] = [
    Manner {
        pitch: 3.5,
        range: 0.5,
        slope: -3.5,
        rate: 0.25,
        level: 7.5,
        tilt: 1.2,
        rough: 1.6,
        breath: -0.5,
        pause: -0.6,
        smile: 0.0,
    },
    Manner {
        pitch: 5.5,
        range: 1.0,
        slope: 2.0,
        rate: 0.15,
        level: 3.0,
        tilt: 0.3,
        rough: -0.2,
        breath: 0.3,
        pause: -0.3,
        smile: 0.08,
    },
    Manner {
        pitch: 0.0,
        range: 0.0,
        slope: -2.5,
        rate: 0.0,
        level: 0.0,
        tilt: 0.0,
        rough: 0.0,
        breath: 0.0,
        pause: 0.0,
        smile: 0.0,
    },
    Manner {
        pitch: -1.5,
        range: -1.0,
        slope: -4.5,
        rate: -0.4,
        level: -6.0,
        tilt: -1.0,
        rough: 0.4,
        breath: 1.5,
        pause: 1.2,
        smile: -0.02,
    },
];

/// How strongly a speaker shows one emotion in each way of speaking.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Habit {
    melody: f64,
    rate: f64,
    level: f64,
    quality: f64,
}

impl Habit {
    pub(super) fn draw(random: &mut Random) -> Habit {
        Habit {
            melody: random.between(0.7, 1.2),
            rate: random.between(0.6, 1.3),
            level: random.between(0.7, 1.2),
            quality: random.between(0.7, 1.2),
        }
    }
}

/// The manner of one clip: the emotion by the speaker's habit, at a strength of its own (`times` as great as people's), with some
/// chance in everything.
pub(super) fn draw(emotion: usize, habit: &Habit, times: f64, random: &mut Random) -> Manner {
    let full = &MANNERS[emotion];
    let neutral = &MANNERS[NEUTRAL];
    let strength = times * random.between(0.75, 1.15);
    let mut shown = |full: f64, neutral: f64, habit: f64, deviation: f64| {
        neutral + (full - neutral) * strength * habit + random.normal(deviation)
    };
    Manner {
        pitch: shown(full.pitch, neutral.pitch, habit.melody, 0.6),
        range: shown(full.range, neutral.range, habit.melody, 0.25),
        slope: shown(full.slope, neutral.slope, habit.melody, 1.0),
        rate: shown(full.rate, neutral.rate, habit.rate, 0.08),
        level: shown(full.level, neutral.level, habit.level, 1.2),
        tilt: shown(full.tilt, neutral.tilt, habit.quality, 0.25),
        rough: shown(full.rough, neutral.rough, habit.quality, 0.3),
        breath: shown(full.breath, neutral.breath, habit.quality, 0.3),
        pause: shown(full.pause, neutral.pause, habit.rate, 0.3),
        smile: shown(full.smile, neutral.smile, habit.quality, 0.01),
    }
}
