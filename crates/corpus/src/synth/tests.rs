//! What the voices must be: the same everywhere, finite, of the right length, and different where they should differ.

use super::*;
use crate::EMOTIONS;

/// The mean of one feature over a clip's louder half of frames.
fn mean(sound: &Sound, feature: &str) -> f64 {
    let place = speech::FEATURE_NAMES.iter().position(|name| *name == feature).unwrap();
    let mut frames = speech::features(sound).unwrap();
    frames.sort_by(|a, b| b[1].total_cmp(&a[1]));
    let loud = &frames[..frames.len() / 2];
    loud.iter().map(|frame| f64::from(frame[place])).sum::<f64>() / loud.len() as f64
}

/// Pitch in Hz of the middle of a clip by autocorrelation: independent of how the voice was made.
fn pitch(sound: &Sound) -> f64 {
    let samples = sound.samples();
    let loudest = samples
        .chunks_exact(1_024)
        .max_by(|a, b| {
            let power = |chunk: &[f32]| chunk.iter().map(|s| s * s).sum::<f32>();
            power(a).total_cmp(&power(b))
        })
        .unwrap();
    let at = |lag: usize| -> f32 { loudest.iter().zip(&loudest[lag..]).map(|(a, b)| a * b).sum() };
    let lag = (32..230).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
    16_000.0 / lag as f64
}

fn over_voices(emotion: usize, measure: impl Fn(&Sound) -> f64) -> f64 {
    let clips = (0..8).flat_map(|seed| (0..3).map(move |take| Voice::new(seed).say(emotion, take)));
    clips.map(|clip| measure(&clip)).sum::<f64>() / 24.0
}

#[test]
fn the_same_seed_emotion_and_take_give_the_same_samples() {
    assert_eq!(Voice::new(3).say(1, 4), Voice::new(3).say(1, 4));
    assert_ne!(Voice::new(3).say(1, 4), Voice::new(3).say(1, 14));
    assert_ne!(Voice::new(3).say(1, 4), Voice::new(3).say(0, 4));
    assert_ne!(Voice::new(3).say(1, 4), Voice::new(5).say(1, 4));
}

#[test]
fn clips_last_1_2_to_3_seconds_and_fit_the_scale() {
    for seed in (0..12).chain([u64::MAX]) {
        for emotion in 0..5 {
            let clip = Voice::new(seed).say(emotion, seed.wrapping_mul(7));
            assert!((1.2..=3.0).contains(&clip.seconds()), "{}", clip.seconds());
            let peak = clip.samples().iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.02..=1.0).contains(&peak), "{peak}");
        }
    }
}

#[test]
fn odd_seeds_are_higher_voices_within_the_range_of_people() {
    for seed in 0..10 {
        let voice = Voice::new(seed);
        let measured = pitch(&voice.say(2, 0));
        let (least, most) = if voice.is_high() { (130.0, 340.0) } else { (70.0, 200.0) };
        assert!((least..most).contains(&measured), "seed {seed}: {measured} Hz");
    }
}

/// The directions of Juslin & Laukka 2003, table 7, on average over voices.
#[test]
fn emotions_sound_as_the_literature_says() {
    let [angry, happy, neutral, sad] = [0, 1, 2, 3].map(|emotion| {
        [
            over_voices(emotion, |clip| mean(clip, "energy").log10()),
            over_voices(emotion, pitch),
            over_voices(emotion, Sound::seconds),
        ]
    });
    let [energy, pitch, seconds] = [0, 1, 2];
    assert!(angry[energy] > happy[energy] && happy[energy] > neutral[energy] && neutral[energy] > sad[energy]);
    assert!(angry[pitch] > neutral[pitch] && happy[pitch] > neutral[pitch] && neutral[pitch] > sad[pitch]);
    assert!(angry[seconds] < neutral[seconds] && happy[seconds] < neutral[seconds] && neutral[seconds] < sad[seconds]);
    assert_eq!(EMOTIONS, ["angry", "happy", "neutral", "sad"]);
}

#[test]
fn an_unknown_emotion_is_said_neutrally() {
    assert_eq!(Voice::new(1).say(99, 2), Voice::new(1).say(NEUTRAL_OF_EMOTIONS, 2));
}

const NEUTRAL_OF_EMOTIONS: usize = 2;
