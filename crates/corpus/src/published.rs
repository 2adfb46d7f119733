//! The file names of published corpora, as their documentation gives them.
//!
//! - RAVDESS (Livingstone & Russo 2018): modality-channel-emotion-intensity-statement-repetition-actor, two digits each.
//! - EMO-DB (Burkhardt et al. 2005): speaker (2 digits), text (letter and 2 digits), emotion (German initial), version.
//! - CREMA-D (Cao et al. 2014): actor_sentence_emotion_level.
//! - TESS (Pichora-Fuller & Dupuis 2020): speaker_word_emotion.
//! - SAVEE (Haq & Jackson 2009): emotion (1 or 2 letters) and number, with the speaker in front or as the folder.

use crate::Kind;
use crate::emotion::{Emotion, fold};

/// What a published file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) kind: Kind,
    pub(crate) speaker: String,
    pub(crate) emotion: Emotion,
    pub(crate) sentence: String,
    /// Whether it is a song.
    pub(crate) sung: bool,
}

/// Reads a name without its extension; `folder` is the name of the folder that it lies in. None where no corpus has such
/// names.
pub(crate) fn read(stem: &str, folder: Option<&str>) -> Option<Published> {
    ravdess(stem)
        .or_else(|| emo_db(stem))
        .or_else(|| crema_d(stem))
        .or_else(|| tess(stem))
        .or_else(|| savee(stem, folder))
}

fn ravdess(stem: &str) -> Option<Published> {
    let fields: Vec<&str> = stem.split('-').collect();
    let [modality, channel, emotion, intensity, statement, repetition, actor] = fields[..] else {
        return None;
    };
    let number = |field: &str, most: u8| {
        let digits = field.len() == 2 && field.bytes().all(|byte| byte.is_ascii_digit());
        let number = field.parse::<u8>().ok().filter(|_| digits)?;
        (1..=most).contains(&number).then_some(number)
    };
    number(modality, 3)?;
    number(intensity, 2)?;
    number(repetition, 2)?;
    number(statement, 2)?;
    number(actor, 24)?;
    let sung = number(channel, 2)? == 2;
    let emotion = match number(emotion, 8)? {
        1 => Emotion::Neutral,
        2 => Emotion::Calm,
        3 => Emotion::Happy,
        4 => Emotion::Sad,
        5 => Emotion::Angry,
        6 => Emotion::Fearful,
        7 => Emotion::Disgusted,
        _ => Emotion::Surprised,
    };
    let (speaker, sentence) = (format!("ravdess_{actor}"), format!("s{statement}"));
    Some(Published { kind: Kind::Ravdess, speaker, emotion, sentence, sung })
}

fn emo_db(stem: &str) -> Option<Published> {
    const SPEAKERS: [&str; 10] = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"];
    const TEXTS: [&str; 10] = ["a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"];
    if stem.len() != 7 || !stem.is_ascii() {
        return None;
    }
    let (speaker, text) = (&stem[..2], &stem[2..5]);
    let version = stem.as_bytes()[6];
    if !SPEAKERS.contains(&speaker) || !TEXTS.contains(&text) || !version.is_ascii_lowercase() {
        return None;
    }
    let emotion = match stem.as_bytes()[5] {
        b'W' => Emotion::Angry,
        b'L' => Emotion::Bored,
        b'E' => Emotion::Disgusted,
        b'A' => Emotion::Fearful,
        b'F' => Emotion::Happy,
        b'T' => Emotion::Sad,
        b'N' => Emotion::Neutral,
        _ => return None,
    };
    Some(Published {
        kind: Kind::EmoDb,
        speaker: format!("emodb_{speaker}"),
        emotion,
        sentence: text.to_string(),
        sung: false,
    })
}

fn crema_d(stem: &str) -> Option<Published> {
    const SENTENCES: [&str; 12] = ["IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI"];
    let fields: Vec<&str> = stem.split('_').collect();
    let [actor, sentence, emotion, level] = fields[..] else {
        return None;
    };
    let known_actor = actor.parse::<u16>().is_ok_and(|actor| (1001..=1091).contains(&actor));
    // One file of the published set has the level X.
    let known_level = ["LO", "MD", "HI", "XX", "X"].contains(&level);
    if !known_actor || !known_level || !SENTENCES.contains(&sentence) {
        return None;
    }
    let emotion = match emotion {
        "ANG" => Emotion::Angry,
        "DIS" => Emotion::Disgusted,
        "FEA" => Emotion::Fearful,
        "HAP" => Emotion::Happy,
        "NEU" => Emotion::Neutral,
        "SAD" => Emotion::Sad,
        _ => return None,
    };
    Some(Published {
        kind: Kind::CremaD,
        speaker: format!("cremad_{actor}"),
        emotion,
        sentence: sentence.to_lowercase(),
        sung: false,
    })
}

fn tess(stem: &str) -> Option<Published> {
    let fields: Vec<&str> = stem.split('_').collect();
    let [speaker, word, emotion] = fields[..] else {
        return None;
    };
    // OA is a slip in one of the published files.
    let speaker = match speaker {
        "OAF" | "OA" => "oaf",
        "YAF" => "yaf",
        _ => return None,
    };
    // "ps" is short for pleasant surprise.
    let emotion = match emotion {
        "ps" => Emotion::Surprised,
        word => Emotion::of_word(&fold(word))?,
    };
    Some(Published {
        kind: Kind::Tess,
        speaker: format!("tess_{speaker}"),
        emotion,
        sentence: word.to_lowercase(),
        sung: false,
    })
}

fn savee(stem: &str, folder: Option<&str>) -> Option<Published> {
    const SPEAKERS: [&str; 4] = ["DC", "JE", "JK", "KL"];
    // Without the speaker a name such as a01 is too short to mean anything.
    let (speaker, name) = match stem.split_once('_') {
        Some(both) => both,
        None => (folder?, stem),
    };
    if !SPEAKERS.contains(&speaker) {
        return None;
    }
    let digits = name.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    let initials = name.strip_suffix(digits)?;
    if digits.len() != 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let emotion = match initials {
        "a" => Emotion::Angry,
        "d" => Emotion::Disgusted,
        "f" => Emotion::Fearful,
        "h" => Emotion::Happy,
        "n" => Emotion::Neutral,
        "sa" => Emotion::Sad,
        "su" => Emotion::Surprised,
        _ => return None,
    };
    Some(Published {
        kind: Kind::Savee,
        speaker: format!("savee_{}", speaker.to_lowercase()),
        emotion,
        sentence: name.to_string(),
        sung: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stem: &str, folder: Option<&str>) -> Option<(String, Emotion, String)> {
        read(stem, folder).map(|name| (name.speaker, name.emotion, name.sentence))
    }

    fn is(speaker: &str, emotion: Emotion, sentence: &str) -> Option<(String, Emotion, String)> {
        Some((speaker.into(), emotion, sentence.into()))
    }

    #[test]
    fn reads_the_examples_of_each_corpus_own_documentation() {
        // RAVDESS: "02-01-06-01-02-01-12.mp4: video-only, speech, fearful, normal, 'dogs', 1st repetition, 12th actor".
        assert_eq!(said("02-01-06-01-02-01-12", None), is("ravdess_12", Emotion::Fearful, "s02"));
        // EMO-DB: "03a01Fa.wav is the audio file from Speaker 03 speaking text a01 with the emotion Freude (happiness)".
        assert_eq!(said("03a01Fa", None), is("emodb_03", Emotion::Happy, "a01"));
        assert_eq!(said("1001_DFA_ANG_XX", None), is("cremad_1001", Emotion::Angry, "dfa"));
        assert_eq!(said("OAF_back_angry", None), is("tess_oaf", Emotion::Angry, "back"));
        assert_eq!(said("YAF_youth_ps", None), is("tess_yaf", Emotion::Surprised, "youth"));
        assert_eq!(said("sa07", Some("DC")), is("savee_dc", Emotion::Sad, "sa07"));
        assert_eq!(said("KL_n30", None), is("savee_kl", Emotion::Neutral, "n30"));
    }

    #[test]
    fn all_german_initials_of_emo_db() {
        let emotions =
            ["W", "L", "E", "A", "F", "T", "N"].map(|initial| read(&format!("16b10{initial}b"), None).unwrap().emotion);
        use Emotion::{Angry, Bored, Disgusted, Fearful, Happy, Neutral, Sad};
        assert_eq!(emotions, [Angry, Bored, Disgusted, Fearful, Happy, Sad, Neutral]);
    }

    #[test]
    fn near_misses_are_no_published_names() {
        for stem in [
            "03-01-09-01-01-01-01", // no ninth emotion
            "03-01-05-01-01-01-25", // no 25th actor
            "03-01-05-01-01-01",
            "2024-01-05-01-01-01-01",
            "+3-01-05-01-01-01-01",
            "03a03Fa", // no such text
            "04a01Fa", // no such speaker
            "03a01Xa",
            "ü3a01F",
            "1092_DFA_ANG_XX",
            "1001_XXX_ANG_XX",
            "OAF_back_loud",
            "a01",
            "DC_a1",
            "",
        ] {
            assert_eq!(read(stem, None), None, "{stem}");
        }
    }
}
