//! What is said and when: the phones of a sentence with their lengths, and the melody.

use super::manner::Manner;
use super::phone::{CONSONANTS, PAUSE, Phone, VOWELS};
use super::random::Random;
use super::{SENTENCES, Voice};

/// Clips are at least and at most so long, in seconds.
const SHORTEST: f64 = 1.25;
const LONGEST: f64 = 2.95;
/// What texts are drawn from; nothing of the speaker or the emotion is in it.
const TEXT: u64 = 2;

/// A phone and when it ends, in seconds.
pub(super) struct Note {
    pub(super) phone: Phone,
    pub(super) end: f64,
}

/// A whole sentence.
pub(super) struct Score {
    pub(super) notes: Vec<Note>,
    /// Length in seconds.
    pub(super) seconds: f64,
    /// Middle of each syllable in seconds, and how far its pitch stands out, in semitones.
    accents: Vec<(f64, f64)>,
    slope: f64,
}

impl Score {
    /// The melody at this time, in semitones from the clip's mean pitch.
    pub(super) fn melody(&self, time: f64) -> f64 {
        let bumps: f64 = self
            .accents
            .iter()
            .map(|(middle, height)| {
                let distance = (time - middle) / 0.09;
                height * libm::exp(-0.5 * distance * distance)
            })
            .sum();
        bumps + self.slope * (time / self.seconds - 0.5)
    }
}

/// One syllable of a text: indices of its consonant and vowel, and whether a word ends with it.
struct Syllable {
    consonant: usize,
    vowel: usize,
    ends_word: bool,
    stressed: bool,
}

/// The syllables of a sentence: the same for everybody.
fn text(sentence: u64) -> Vec<Syllable> {
    let mut random = Random::new([TEXT, sentence % SENTENCES, 0, 0]);
    let number = 6 + random.index(4);
    (0..number)
        .map(|index| Syllable {
            consonant: random.index(CONSONANTS.len()),
            vowel: random.index(VOWELS.len()),
            ends_word: index % 2 == 1 && random.between(0.0, 1.0) < 0.5,
            stressed: index % 2 == 0 || random.between(0.0, 1.0) < 0.2,
        })
        .collect()
}

pub(super) fn compose(voice: &Voice, manner: &Manner, sentence: u64, random: &mut Random) -> Score {
    let syllable = 1.0 / (voice.rate * libm::exp2(manner.rate));
    let pause = 0.09 * libm::exp2(manner.pause);
    let width = libm::exp2(manner.range);
    let mut notes: Vec<Note> = Vec::new();
    let mut accents = Vec::new();
    let mut time = 0.0;
    let mut add = |phone: Phone, seconds: f64, time: &mut f64| {
        if seconds > 0.0 {
            *time += seconds;
            notes.push(Note { phone, end: *time });
        }
    };

    add(PAUSE, random.between(0.05, 0.15), &mut time);
    for part in text(sentence) {
        let stretch = random.between(0.85, 1.15) * if part.stressed { 1.1 } else { 0.9 };
        for phone in CONSONANTS[part.consonant] {
            add(phone, phone.length * syllable * stretch, &mut time);
        }
        let vowel = VOWELS[part.vowel];
        let length = vowel.length * syllable * stretch;
        let height = if part.stressed { random.between(1.0, 3.5) } else { random.between(-0.8, 0.8) };
        accents.push((time + length * 0.4, height * width));
        add(vowel, length, &mut time);
        if part.ends_word {
            add(PAUSE, pause * random.between(0.6, 1.4), &mut time);
        }
    }
    add(PAUSE, random.between(0.08, 0.2), &mut time);

    let factor = time.clamp(SHORTEST, LONGEST) / time;
    for note in &mut notes {
        note.end *= factor;
    }
    for accent in &mut accents {
        accent.0 *= factor;
    }
    Score { notes, seconds: time * factor, accents, slope: manner.slope }
}
