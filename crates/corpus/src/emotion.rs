//! Emotions and the words for them in English, German and Spanish, and the abbreviations of published corpora.
//!
//! Where the words come from: the adjectives and nouns are the dictionaries' (Merriam-Webster, Duden, RAE) for the
//! categories of the corpora in [`published`](crate::published); three letters (`ang`, `hap`, `exc`, `fru` …) are
//! IEMOCAP's codes (Busso et al. 2008) and, in capitals, CREMA-D's (Cao et al. 2014). Codes of one corpus alone, such as the
//! letters of EMO-DB, stand in that corpus' line.

use std::collections::HashMap;
use std::sync::LazyLock;

use text::composed;

/// An emotion that a name can speak of, whether or not the room has a label for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Emotion {
    Angry,
    Happy,
    Neutral,
    Sad,
    Calm,
    Fearful,
    Disgusted,
    Surprised,
    Bored,
    Excited,
    Frustrated,
    Anxious,
    Amused,
    Sleepy,
    Contemptuous,
    Guilty,
    Apologetic,
    Assertive,
    Concerned,
    Encouraging,
    Sarcastic,
}

use Emotion::{
    Amused, Angry, Anxious, Apologetic, Assertive, Bored, Calm, Concerned, Contemptuous, Disgusted, Encouraging,
    Excited, Fearful, Frustrated, Guilty, Happy, Neutral, Sad, Sarcastic, Sleepy, Surprised,
};

/// The words for an emotion, as [`fold`] leaves them, with spaces between them.
struct Words {
    emotion: Emotion,
    /// Words that mean this wherever they stand. The first is the emotion's name.
    plain: &'static str,
    /// Words that are also given names (Joy, Ira, Rabia, Alegría, Ang) or mean something else (neu: new): folders are often
    /// called after people and occasions, so these count only among other emotions.
    doubtful: &'static str,
}

#[rustfmt::skip]
static WORDS: [Words; 21] = [
    Words {
        emotion: Angry,
        plain: "angry anger furious rage mad wut wutend wuetend arger aerger argerlich aergerlich zorn zornig \
                enojo enojado enojada enfado enfadado enfadada furioso furiosa enfurecido enfurecida",
        doubtful: "ang rabia ira furia",
    },
    Words {
        emotion: Happy,
        plain: "happy happiness joyful cheerful freude freudig froh frohlich froehlich gluck glueck glucklich gluecklich \
                feliz felicidad alegre contento contenta",
        doubtful: "hap joy alegria gozo",
    },
    Words {
        emotion: Neutral,
        plain: "neutral neutrality neutralitat neutralitaet neutro neutra neutralidad",
        doubtful: "neu ntr",
    },
    Words { emotion: Sad, plain: "sad sadness traurig trauer traurigkeit triste tristeza", doubtful: "" },
    Words {
        emotion: Calm,
        plain: "calm calmness ruhig ruhe gelassen calma calmado calmada tranquilo tranquila",
        doubtful: "cal",
    },
    Words {
        emotion: Fearful,
        plain: "fear fearful afraid scared angst angstlich aengstlich furcht miedo temor temeroso temerosa asustado asustada",
        doubtful: "fea",
    },
    Words {
        emotion: Disgusted,
        plain: "disgust disgusted ekel angeekelt angewidert asco asqueado asqueada repugnancia",
        doubtful: "dis",
    },
    Words {
        emotion: Surprised,
        plain: "surprise surprised uberrascht ueberrascht uberraschung ueberraschung sorpresa sorprendido sorprendida",
        doubtful: "sur sup",
    },
    Words {
        emotion: Bored,
        plain: "bored boredom langeweile gelangweilt aburrido aburrida aburrimiento",
        doubtful: "bor",
    },
    Words {
        emotion: Excited,
        plain: "excited excitement aufgeregt begeistert begeisterung emocionado emocionada entusiasmado entusiasmada",
        doubtful: "exc",
    },
    Words {
        emotion: Frustrated,
        plain: "frustrated frustration frustriert frustrado frustrada frustracion",
        doubtful: "fru",
    },
    Words {
        emotion: Anxious,
        plain: "anxious anxiety ansioso ansiosa ansiedad",
        doubtful: "anx",
    },
    Words {
        emotion: Amused,
        plain: "amused amusement belustigt amusiert amuesiert divertido divertida",
        doubtful: "",
    },
    Words { emotion: Sleepy, plain: "sleepy sleepiness schlafrig schlaefrig mude muede somnoliento somnolienta", doubtful: "" },
    Words { emotion: Contemptuous, plain: "contempt contemptuous verachtung verachtlich desprecio", doubtful: "" },
    Words { emotion: Guilty, plain: "guilt guilty schuld schuldig culpa culpable", doubtful: "" },
    Words { emotion: Apologetic, plain: "apologetic", doubtful: "" },
    Words { emotion: Assertive, plain: "assertive", doubtful: "" },
    Words { emotion: Concerned, plain: "concerned", doubtful: "" },
    Words { emotion: Encouraging, plain: "encouraging", doubtful: "" },
    Words { emotion: Sarcastic, plain: "sarcastic sarcasm sarkastisch sarkasmus sarcastico sarcasmo", doubtful: "" },
];

/// Words that take back what is said beside them: "not angry" is no anger.
const NEGATIONS: [&str; 10] = ["not", "no", "non", "never", "without", "nicht", "kein", "keine", "ohne", "sin"];

/// The emotion of each word, and whether the word is plain.
static MEANING: LazyLock<HashMap<&'static str, (Emotion, bool)>> = LazyLock::new(|| {
    let of = |words: &'static Words| {
        let plain = words.plain.split_whitespace().map(|word| (word, (words.emotion, true)));
        plain.chain(words.doubtful.split_whitespace().map(|word| (word, (words.emotion, false))))
    };
    WORDS.iter().flat_map(of).collect()
});

impl Emotion {
    /// Its first English word.
    pub(crate) fn name(self) -> &'static str {
        let words = WORDS.iter().find(|words| words.emotion == self);
        words.and_then(|words| words.plain.split_whitespace().next()).unwrap_or_default()
    }

    /// The emotion that this one is counted as where a corpus or a room does not tell them apart: excited speech is happy,
    /// as is usual with IEMOCAP, and anxiety is fear, as in EMO-DB's "anxiety/fear".
    pub(crate) fn near(self) -> Option<Emotion> {
        match self {
            Excited => Some(Happy),
            Anxious => Some(Fearful),
            _ => None,
        }
    }

    /// The emotion that a folded word stands for, where it is known to stand for one.
    pub(crate) fn of_word(folded: &str) -> Option<Emotion> {
        MEANING.get(folded).map(|(emotion, _)| *emotion)
    }

    /// Whether a folded word of an emotion may also be somebody's name, or mean something else.
    pub(crate) fn is_doubtful(folded: &str) -> bool {
        MEANING.get(folded).is_some_and(|(_, plain)| !plain)
    }
}

/// Whether a folded word takes back what is said beside it.
pub(crate) fn negates(folded: &str) -> bool {
    NEGATIONS.contains(&folded)
}

/// Lower case and without the accents of English, German and Spanish, so that `Wütend`, `WÜTEND` and `wütend` with a separate
/// dieresis (as macOS stores names) are one word.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in composed(text.trim()).chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' | 'á' | 'à' | 'â' => folded.push('a'),
            'é' | 'è' | 'ê' => folded.push('e'),
            'í' | 'ì' | 'î' => folded.push('i'),
            'ö' | 'ó' | 'ò' | 'ô' => folded.push('o'),
            'ü' | 'ú' | 'ù' | 'û' => folded.push('u'),
            'ñ' => folded.push('n'),
            'ß' => folded.push_str("ss"),
            '\u{300}'..='\u{36F}' => {}
            other => folded.push(other),
        }
    }
    folded
}

/// The words of a name: runs of letters. A change from small letters to capitals begins none, since names of corpora have
/// too many of them.
pub(crate) fn tokens(name: &str) -> impl Iterator<Item = &str> {
    name.split(|letter: char| !letter.is_alphabetic() && !('\u{300}'..='\u{36F}').contains(&letter))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_written_as_fold_leaves_it_and_stands_for_one_emotion() {
        let words = |words: &'static Words| words.plain.split_whitespace().chain(words.doubtful.split_whitespace());
        let mut all: Vec<&str> = WORDS.iter().flat_map(words).collect();
        for word in &all {
            assert_eq!(*word, fold(word));
        }
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        for word in ["wütend", "WÜTEND", "wu\u{308}tend", "wuetend", "Ärger", "Enojado", " anger "] {
            assert_eq!(Emotion::of_word(&fold(word)), Some(Angry), "{word}");
        }
        assert_eq!(Emotion::of_word(&fold("Frustración")), Some(Frustrated));
        assert_eq!(Emotion::of_word(&fold("Alegría")), Some(Happy));
    }

    #[test]
    fn names_of_people_are_doubtful_words() {
        for name in ["Rabia", "Ang", "Alegría", "Joy", "Ira", "neu"] {
            assert!(Emotion::is_doubtful(&fold(name)), "{name}");
        }
        assert!(!Emotion::is_doubtful("angry") && !Emotion::is_doubtful("anna"));
    }
}
