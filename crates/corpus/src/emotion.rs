//! Emotions and the words for them in English, German and Spanish.

/// An emotion that a name can speak of, whether or not the room has a label for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

use Emotion::{Angry, Bored, Calm, Disgusted, Excited, Fearful, Frustrated, Happy, Neutral, Sad, Surprised};

/// Words as [`fold`] leaves them. Words that are also given names of people (Ira, Joy) are left out: folders are often
/// called after speakers.
const WORDS: [(Emotion, &[&str]); 11] = [
    (
        Angry,
        &[
            "angry",
            "anger",
            "ang",
            "furious",
            "rage",
            "wut",
            "wutend",
            "wuetend",
            "arger",
            "aerger",
            "argerlich",
            "aergerlich",
            "zorn",
            "zornig",
            "enojo",
            "enojado",
            "enojada",
            "enfado",
            "enfadado",
            "enfadada",
            "rabia",
            "furioso",
            "furiosa",
        ],
    ),
    (
        Happy,
        &[
            "happy",
            "happiness",
            "hap",
            "joyful",
            "cheerful",
            "freude",
            "freudig",
            "froh",
            "frohlich",
            "froehlich",
            "gluck",
            "glueck",
            "glucklich",
            "gluecklich",
            "feliz",
            "felicidad",
            "alegre",
            "alegria",
            "contento",
            "contenta",
        ],
    ),
    (Neutral, &["neutral", "neutrality", "neu", "neutralitat", "neutralitaet", "neutro", "neutra", "neutralidad"]),
    (Sad, &["sad", "sadness", "traurig", "trauer", "traurigkeit", "triste", "tristeza"]),
    (Calm, &["calm", "calmness", "ruhig", "ruhe", "gelassen", "calma", "calmado", "calmada", "tranquilo", "tranquila"]),
    (Fearful, &["fear", "fearful", "afraid", "angst", "angstlich", "aengstlich", "miedo", "temeroso", "temerosa"]),
    (Disgusted, &["disgust", "disgusted", "ekel", "angeekelt", "asco", "asqueado", "asqueada"]),
    (
        Surprised,
        &[
            "surprise",
            "surprised",
            "uberrascht",
            "ueberrascht",
            "uberraschung",
            "ueberraschung",
            "sorpresa",
            "sorprendido",
            "sorprendida",
        ],
    ),
    (Bored, &["bored", "boredom", "langeweile", "gelangweilt", "aburrido", "aburrida", "aburrimiento"]),
    (Excited, &["excited", "excitement", "exc", "aufgeregt", "begeistert", "emocionado", "emocionada"]),
    (Frustrated, &["frustrated", "frustration", "fru", "frustriert", "frustrado", "frustrada", "frustracion"]),
];

impl Emotion {
    /// Its first English word.
    pub(crate) fn name(self) -> &'static str {
        let words = WORDS.iter().find(|(emotion, _)| *emotion == self);
        words.and_then(|(_, words)| words.first()).copied().unwrap_or_default()
    }

    /// The emotion that a folded word stands for.
    pub(crate) fn of_word(folded: &str) -> Option<Emotion> {
        let stands_for = |(_, words): &&(Emotion, &[&str])| words.contains(&folded);
        WORDS.iter().find(stands_for).map(|(emotion, _)| *emotion)
    }

    /// The first of `labels` that names this emotion; excited speech counts as happy where a room has no label for it,
    /// as is usual with IEMOCAP.
    pub(crate) fn among(self, labels: &[String]) -> Option<usize> {
        let position =
            |emotion: Emotion| labels.iter().position(|label| Emotion::of_word(&fold(label)) == Some(emotion));
        match self {
            Excited => position(Excited).or_else(|| position(Happy)),
            other => position(other),
        }
    }
}

/// Lower case and without accents, so that `Wütend`, `WÜTEND` and `wütend` with a separate dieresis (as macOS stores
/// names) are one word.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.trim().chars().flat_map(char::to_lowercase) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_written_as_fold_leaves_it_and_stands_for_one_emotion() {
        let mut all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
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
    }

    #[test]
    fn excited_is_happy_only_where_the_room_has_no_label_for_it() {
        let four = crate::EMOTIONS.map(String::from);
        assert_eq!(Excited.among(&four), Some(1));
        let two = ["happy", "excited"].map(String::from);
        assert_eq!(Excited.among(&two), Some(1));
        assert_eq!(Calm.among(&four), None);
    }
}
