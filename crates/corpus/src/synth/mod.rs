//! Made-up voices: speech-like sound by the source-filter model, so that everything can be tried where there is no speech.
//!
//! What comes out is no recording of anybody and says no words. It serves demonstrations and tests; a model that was
//! trained on it knows nothing of real emotions.
//!
//! A voice is a glottal source (the KLGLOTT88 pulse of Klatt & Klatt 1990, with jitter and shimmer) and noise, filtered by
//! a vocal tract of five formants in cascade (Klatt 1980). Where the numbers come from:
//!
//! | what | range | source |
//! | --- | --- | --- |
//! | mean pitch | 119 Hz (even seeds) or 207 Hz (odd seeds), deviation 2.5 semitones between speakers | Traunmüller & Eriksson 1995, men and women |
//! | vowel formants F1 to F3 | men's averages | Peterson & Barney 1952 |
//! | F4, F5 | 3.5 and 4.5 kHz, a uniform tube of 17.5 cm | Fant 1960 |
//! | tract length | formants x 1 (even) or x 1.17 (odd), deviation 4 % | Fant 1975 |
//! | rate | 4.2 to 5.6 syllables a second | below the 5 to 8 of fluent reading (Pellegrino et al. 2011), as acted speech is |
//! | jitter, shimmer | 0.3 to 1 %, 2 to 5 % | healthy voices, Baken & Orlikoff 2000 |
//! | noise of consonants | s, sh and f at 5.8, 3.6 and 6.5 kHz | after Jongman et al. 2000 |
//! | what emotions change | `manner.rs` | directions of Juslin & Laukka 2003; sizes chosen here |
//!
//! The same seed, emotion and take give the same samples on every machine: all arithmetic is IEEE and the transcendental
//! functions are libm's own, not the platform's.
//!
//! References: Baken & Orlikoff, *Clinical Measurement of Speech and Voice*, 2000. Fant, *Acoustic Theory of Speech
//! Production*, 1960; *Non-uniform vowel normalization*, STL-QPSR 1975. Jongman, Wayland & Wong, JASA 108, 2000. Juslin &
//! Laukka, Psychological Bulletin 129, 2003. Klatt, JASA 67, 1980. Klatt & Klatt, JASA 87, 1990. Pellegrino, Coupé &
//! Marsico, Language 87, 2011. Peterson & Barney, JASA 24, 1952. Traunmüller & Eriksson, *The frequency range of the voice
//! fundamental in the speech of male and female adults*, 1995.

mod manner;
mod phone;
mod random;
mod score;
pub mod told;
mod tract;

use random::Random;
use speech::Sound;

/// Sentences that the voices can say: take `n` says sentence `n` modulo this, whoever speaks.
pub const SENTENCES: u64 = 10;

/// What kind of number a random stream is for, so that no two uses share one.
const VOICE: u64 = 0;
const CLIP: u64 = 1;
const TOLD: u64 = 3;

/// A made-up speaker.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    seed: u64,
    /// Mean pitch in Hz.
    pitch: f64,
    /// Factor of all formants; above 1 is a shorter tract than a man's average.
    tract: f64,
    /// Syllables a second.
    rate: f64,
    /// Deviation of a period's length and of its strength, as shares.
    jitter: f64,
    shimmer: f64,
    /// Share of the period for which the glottis is open.
    open_quotient: f64,
    /// Corner of the source's low-pass filter in Hz: the lower, the softer the voice.
    tilt: f64,
    /// Noise of breath, relative to the voice.
    breath: f64,
    /// Level of this speaker and microphone, in dB.
    level: f64,
    /// Noise of the room, in dB relative to full scale.
    room: f64,
    /// How strongly this speaker shows each of the emotions in each of the ways of speaking.
    habits: [manner::Habit; 4],
}

impl Voice {
    /// The speaker with this seed; even seeds have low voices and odd ones high voices.
    pub fn new(seed: u64) -> Voice {
        let mut random = Random::new([VOICE, seed, 0, 0]);
        let high = seed % 2 == 1;
        let (pitch, tract) = if high { (207.0, 1.17) } else { (119.0, 1.0) };
        Voice {
            seed,
            pitch: pitch * libm::exp2(random.normal(2.5) / 12.0),
            tract: tract * (1.0 + random.normal(0.04)),
            rate: random.between(4.2, 5.6),
            jitter: random.between(0.003, 0.01),
            shimmer: random.between(0.02, 0.05),
            open_quotient: random.between(0.5, 0.65) + if high { 0.05 } else { 0.0 },
            tilt: random.between(1_500.0, 3_000.0),
            breath: random.between(0.01, 0.04) * if high { 1.5 } else { 1.0 },
            level: random.normal(1.5),
            room: random.between(-68.0, -52.0),
            habits: std::array::from_fn(|_| manner::Habit::draw(&mut random)),
        }
    }

    /// Whether this is a high voice (an odd seed).
    pub fn is_high(&self) -> bool {
        self.seed % 2 == 1
    }

    /// Says sentence `take` modulo [`SENTENCES`] with an emotion of [`EMOTIONS`](crate::EMOTIONS), for 1.2 to 3 s. Every
    /// take differs in timing, melody and strength. An index beyond the four is said neutrally.
    pub fn say(&self, emotion: usize, take: u64) -> Sound {
        self.say_with(emotion, take, 1.0)
    }

    /// The same where everything that the emotion changes is changed `strength` times as far.
    fn say_with(&self, emotion: usize, take: u64, strength: f64) -> Sound {
        let emotion = if emotion < 4 { emotion } else { manner::NEUTRAL };
        let mut random = Random::new([CLIP, self.seed, emotion as u64, take]);
        let manner = manner::draw(emotion, &self.habits[emotion], strength, &mut random);
        let score = score::compose(self, &manner, take % SENTENCES, &mut random);
        let samples = tract::sound(self, &manner, &score, &mut random);
        Sound::from_pcm(&samples, 1, speech::SAMPLE_RATE)
            .expect("more than a second of mono samples at the crate's own rate is a sound")
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
