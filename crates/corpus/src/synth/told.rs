//! A made-up corpus with made-up transcripts, of which it is known what tells the label: the voice, the text, both, neither, or the
//! two against each other. So it is also known how often the best of all models can be right.
//!
//! Nobody says these words: a made-up voice has vowels and no language. What is *neutral*, voice or text, tells nothing, for no
//! clip has that label.

use super::manner::NEUTRAL;
use super::random::Random;
use super::{SENTENCES, TOLD, Voice};
use speech::Sound;

/// The labels, as indices of [`EMOTIONS`](crate::EMOTIONS): all but neutral.
pub const LABELS: [usize; 3] = [0, 1, 3];
/// Frames of sentences; a clip's is its script.
pub const SCRIPTS: u64 = FRAMES.len() as u64;
/// Of so many clips in which voice and text disagree, the voice is right in all but one.
const DISAGREEING: u64 = 4;

/// What tells the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Telling {
    /// The voice; the text is neutral.
    Voice,
    /// The text; the voice is neutral.
    Text,
    /// Both say the same.
    Both,
    /// Both are neutral.
    Neither,
    /// The voice says one label and the text another; three times of four the voice is right.
    Against,
}

impl Telling {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Voice, Self::Text, Self::Both, Self::Neither, Self::Against];

    /// Its name, which may be a folder's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Text => "text",
            Self::Both => "both",
            Self::Neither => "neither",
            Self::Against => "against",
        }
    }

    /// How often the best model is right that hears, reads, or does both, where each label is as frequent as the others and voices
    /// and texts are never mistaken.
    pub fn best(self, hears: bool, reads: bool) -> f64 {
        let guessing = 1.0 / LABELS.len() as f64;
        let one_of_four = 1.0 / DISAGREEING as f64;
        match (self, hears, reads) {
            (Self::Voice, true, _) | (Self::Text, _, true) => 1.0,
            (Self::Both, hears, reads) if hears || reads => 1.0,
            (Self::Against, true, _) => 1.0 - one_of_four,
            // Who only reads cannot know that it is such a clip, and trusts what it reads.
            (Self::Against, false, true) => one_of_four,
            _ => guessing,
        }
    }
}

/// A clip of the corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its label, an index of [`EMOTIONS`](crate::EMOTIONS).
    pub label: usize,
    /// The number of its sentence's frame, below [`SCRIPTS`].
    pub script: u64,
    /// What would be said, if anybody spoke.
    pub transcript: String,
    /// How it sounds.
    pub sound: Sound,
}

/// Take `take` of what this voice says with a label, told so; `label` is one of [`LABELS`]. `strength` is how many times as strongly as
/// people do the voice shows what it feels: at 2 a listener is hardly ever wrong.
pub fn tell(voice: &Voice, telling: Telling, label: usize, take: u64, strength: f64) -> Told {
    let [heard, read] = sides(voice, telling, label, take);
    let Drawn { script, word, sentence } = Drawn::of(voice, telling, label, take);
    Told {
        label,
        script: script as u64,
        transcript: FRAMES[script].replace("{}", WORDS[read][word]),
        sound: voice.say_with(heard, own(telling, label, take) * SENTENCES + sentence, strength),
    }
}

/// A number for each take of each way of telling each label: no two share one, or a voice would say the same twice.
fn own(telling: Telling, label: usize, take: u64) -> u64 {
    let place = LABELS.iter().position(|one| *one == label).unwrap_or_default();
    (telling as u64 * LABELS.len() as u64 + place as u64) * 10_000 + take
}

/// What has nothing to do with the sides, and must betray nothing of them: it is drawn by chance.
struct Drawn {
    /// The frame of the text, and which of the words of what it says.
    script: usize,
    word: usize,
    /// The sentence of the voice, below [`SENTENCES`].
    sentence: u64,
}

impl Drawn {
    fn of(voice: &Voice, telling: Telling, label: usize, take: u64) -> Self {
        let mut random = Random::new([TOLD, voice.seed, own(telling, label, take), 0]);
        let script = random.index(FRAMES.len());
        Self { script, word: random.index(WORDS[0].len()), sentence: random.index(SENTENCES as usize) as u64 }
    }
}

/// What the voice says and what the text says.
fn sides(voice: &Voice, telling: Telling, label: usize, take: u64) -> [usize; 2] {
    let place = LABELS.iter().position(|one| *one == label).unwrap_or_default();
    // Each of the others in turn, and in another order with every second pair of voices: whichever two labels voice and text say, the
    // voice is as often right, and neither what they say nor who speaks betrays which of them is.
    let other = LABELS[(place + 1 + ((take / DISAGREEING + voice.seed / 2) % 2) as usize) % LABELS.len()];
    let text_is_right = take % DISAGREEING == DISAGREEING - 1;
    match telling {
        Telling::Voice => [label, NEUTRAL],
        Telling::Text => [NEUTRAL, label],
        Telling::Both => [label, label],
        Telling::Neither => [NEUTRAL, NEUTRAL],
        Telling::Against if text_is_right => [other, label],
        Telling::Against => [label, other],
    }
}

/// What sentence `take` modulo [`SENTENCES`](super::SENTENCES) says where it says the same in every mood.
pub fn in_every_mood(take: u64) -> String {
    let sentence = (take % super::SENTENCES) as usize;
    FRAMES[sentence % FRAMES.len()].replace("{}", WORDS[NEUTRAL][sentence % WORDS[NEUTRAL].len()])
}

/// Sentences that suit any mood.
const FRAMES: [&str; 12] = [
    "I just came home and I feel {}",
    "She told me that she is {} about it",
    "This whole day has been {}",
    "Honestly, the meeting was {}",
    "You could hear that he was {}",
    "The letter made me {}",
    "After the game everybody was {}",
    "What a {} morning that was",
    "My sister called, and she sounded {}",
    "It was a rather {} evening",
    "The news from work left us {}",
    "Whenever I think of it I am {}",
];

/// Words for angry, happy, neutral and sad.
const WORDS: [&[&str]; 4] = [
    &["furious", "outraged", "angry", "enraged", "irate", "livid"],
    &["happy", "delighted", "wonderful", "cheerful", "thrilled", "joyful"],
    &["ordinary", "usual", "busy", "quiet", "regular", "normal"],
    &["sad", "heartbroken", "miserable", "gloomy", "tearful", "lonely"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neutral_tells_nothing_and_against_each_other_the_voice_is_right_three_times_of_four() {
        let voice = Voice::new(5);
        for label in LABELS {
            let words = |telling, take| {
                let said = tell(&voice, telling, label, take, 1.0).transcript;
                (0..4).find(|&emotion| WORDS[emotion].iter().any(|word| said.contains(word))).unwrap()
            };
            assert!((0..6).all(|take| words(Telling::Voice, take) == NEUTRAL));
            assert!((0..6).all(|take| words(Telling::Neither, take) == NEUTRAL));
            assert!((0..6).all(|take| words(Telling::Text, take) == label && words(Telling::Both, take) == label));
            let right: Vec<u64> = (0..8).filter(|&take| words(Telling::Against, take) == label).collect();
            assert_eq!(right, [3, 7]);
        }
    }

    /// Whatever the two say, it is the voice's in three of four.
    #[test]
    fn nothing_betrays_who_is_right_where_they_disagree() {
        let mut right = std::collections::BTreeMap::<(usize, usize), [u32; 2]>::new();
        for seed in 0..4 {
            for (label, take) in LABELS.into_iter().flat_map(|label| (0..4).map(move |take| (label, take))) {
                let [heard, read] = sides(&Voice::new(seed), Telling::Against, label, take);
                assert!(heard != read && (heard == label || read == label));
                right.entry((heard, read)).or_default()[usize::from(read == label)] += 1;
            }
        }
        assert_eq!(right.len(), 6);
        assert!(right.values().all(|counts| *counts == [6, 2]), "{right:?}");
    }

    /// Whoever learns from half of the voices what a sentence, a frame or a word goes with, in a high voice and in a low one, knows
    /// nothing of the other half.
    #[test]
    fn nothing_that_is_drawn_betrays_the_label_or_who_is_right() {
        type Seen = fn(&Voice, Telling, usize, u64) -> usize;
        let seen: [Seen; 3] = [
            |voice, telling, label, take| Drawn::of(voice, telling, label, take).sentence as usize,
            |voice, telling, label, take| Drawn::of(voice, telling, label, take).script,
            |voice, telling, label, take| Drawn::of(voice, telling, label, take).word,
        ];
        for (telling, of_chance) in
            [(Telling::Neither, 1.0 / 3.0), (Telling::Text, 1.0 / 3.0), (Telling::Against, 0.75)]
        {
            for seen in seen {
                let clips = |seeds: std::ops::Range<u64>| {
                    let each = seeds.flat_map(|seed| LABELS.map(|label| (seed, label)));
                    let each = each.flat_map(|(seed, label)| (0..4).map(move |take| (Voice::new(seed), label, take)));
                    each.map(|(voice, label, take)| {
                        let [_, read] = sides(&voice, telling, label, take);
                        let answer = if telling == Telling::Against { usize::from(read == label) } else { label };
                        (2 * seen(&voice, telling, label, take) + usize::from(voice.is_high()), answer)
                    })
                    .collect::<Vec<_>>()
                };
                let mut learnt = std::collections::BTreeMap::<usize, [u32; 4]>::new();
                for (what, answer) in clips(0..40) {
                    learnt.entry(what).or_default()[answer] += 1;
                }
                let guess = |what: &usize| learnt.get(what).and_then(|counts| (0..4).max_by_key(|&one| counts[one]));
                let asked = clips(40..80);
                let right = asked.iter().filter(|(what, answer)| guess(what) == Some(*answer)).count();
                let share = right as f64 / asked.len() as f64;
                // Four deviations of 480 guesses.
                let most = of_chance + 4.0 * (of_chance * (1.0 - of_chance) / asked.len() as f64).sqrt();
                assert!(share < most, "{telling:?}: right in {share} where chance is right in {of_chance}");
            }
        }
    }

    #[test]
    fn the_best_rates_are_those_of_the_design() {
        let all = |hears, reads| Telling::ALL.iter().map(|telling| telling.best(hears, reads)).sum::<f64>() / 5.0;
        let third = 1.0 / 3.0;
        assert!((all(true, true) - (3.0 + third + 0.75) / 5.0).abs() < 1e-12);
        assert!((all(true, false) - (2.0 + 2.0 * third + 0.75) / 5.0).abs() < 1e-12);
        assert!((all(false, true) - (2.0 + 2.0 * third + 0.25) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn no_word_is_in_another_and_every_frame_takes_one() {
        let all: Vec<&str> = WORDS.concat();
        for (place, word) in all.iter().enumerate() {
            assert!(all.iter().enumerate().all(|(other, longer)| other == place || !longer.contains(word)), "{word}");
            assert!(FRAMES.iter().all(|frame| !frame.contains(word) && frame.matches("{}").count() == 1));
        }
    }

    #[test]
    fn the_same_options_give_the_same_clip() {
        let told = |seed| tell(&Voice::new(seed), Telling::Both, 3, 7, 2.0);
        assert_eq!(told(3), told(3));
        assert_ne!(told(3).sound, told(4).sound);
    }
}
