//! The file names of published corpora, read as their documentation gives them: one line of [`TABLE`] each.

mod line;
mod table;
#[cfg(test)]
mod trees;

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use text::Transcript;

use crate::emotion::{Emotion, fold};
pub use line::Published;
pub(crate) use line::Tabled;
pub use table::TABLE;

/// What a published file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) corpus: &'static Published,
    pub(crate) speaker: Option<String>,
    /// The corpus' code for the emotion, and which that is.
    pub(crate) emotion: Option<(String, Emotion)>,
    pub(crate) sentence: Option<String>,
    /// What tells it from the speaker's other takes.
    pub(crate) take: String,
    /// Whether it is a song.
    pub(crate) sung: bool,
    /// Whether there is no speech in it: a film without its sound, a laryngogram.
    pub(crate) mute: bool,
}

impl Said {
    /// What is said, where the corpus' description gives the words of its sentences.
    pub(crate) fn transcript(&self) -> Option<Transcript> {
        let sentence = self.sentence.as_deref()?;
        let (_, words) = self.corpus.sentences.iter().find(|(name, _)| *name == sentence)?;
        Transcript::new(words).ok()
    }

    /// Whether nothing is left to ask the folders: what is felt is said, and who speaks as far as this corpus tells.
    pub(crate) fn is_all(&self) -> bool {
        self.emotion.is_some() && (self.speaker.is_some() || self.corpus.speaker.is_empty())
    }
}

/// Each corpus with the names that it has, at the end of a path.
static PATTERNS: LazyLock<Vec<(&'static Published, Regex)>> = LazyLock::new(|| {
    let named = TABLE.iter().filter(|corpus| !corpus.pattern.is_empty());
    let compiled = named.map(|corpus| Some((corpus, Regex::new(&format!("(?:^|/)(?:{})$", corpus.pattern)).ok()?)));
    // That none is left out is tested.
    compiled.flatten().collect()
});

/// The corpora that a path without its extension could be of, in the table's order.
pub(crate) fn candidates(path: &str) -> impl Iterator<Item = &'static Published> {
    PATTERNS.iter().filter(move |(_, pattern)| pattern.is_match(path)).map(|(corpus, _)| *corpus)
}

/// What the path says if it is of this corpus.
pub(crate) fn read(path: &str, corpus: &'static Published) -> Option<Said> {
    let (_, pattern) = PATTERNS.iter().find(|(other, _)| *other == corpus)?;
    let groups = pattern.captures(path)?;
    let code = groups.name("emotion").map(|code| code.as_str());
    let emotion = match code {
        Some(code) => {
            let known = corpus.codes.iter().find(|(other, _)| *other == code).map(|(_, emotion)| *emotion);
            Some((code.to_owned(), known.or_else(|| Emotion::of_word(&fold(code)))?))
        }
        None => None,
    };
    let stem = path.rsplit('/').next().unwrap_or(path);
    // Two letters for session and speaker are how the literature writes of IEMOCAP's people.
    let cased = |text: String| if corpus.id == "iemocap" { text } else { text.to_lowercase() };
    Some(Said {
        corpus,
        speaker: filled(corpus.speaker, pattern, &groups).map(cased),
        emotion,
        sentence: filled(corpus.sentence, pattern, &groups).map(cased),
        take: filled(corpus.take, pattern, &groups).unwrap_or_else(|| stem.to_owned()),
        sung: groups.name("song").is_some(),
        mute: groups.name("mute").is_some(),
    })
}

/// The template with its groups; None for an empty one, and where one of its groups is not there.
fn filled(template: &str, pattern: &Regex, groups: &Captures<'_>) -> Option<String> {
    let uses = |name: &str| template.contains(&format!("${name}")) || template.contains(&format!("${{{name}}}"));
    let missing = pattern.capture_names().flatten().any(|name| uses(name) && groups.name(name).is_none());
    if template.is_empty() || missing {
        return None;
    }
    let mut text = String::new();
    groups.expand(template, &mut text);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emotion::Emotion::{Angry, Bored, Disgusted, Fearful, Happy, Neutral, Sad, Sleepy, Surprised};

    fn first(path: &str) -> Option<Said> {
        candidates(path).find_map(|corpus| read(path, corpus))
    }

    fn said(path: &str) -> Option<(String, Emotion, String)> {
        let said = first(path)?;
        Some((said.speaker?, said.emotion?.1, said.sentence.unwrap_or_default()))
    }

    fn is(speaker: &str, emotion: Emotion, sentence: &str) -> Option<(String, Emotion, String)> {
        Some((speaker.into(), emotion, sentence.into()))
    }

    #[test]
    fn every_pattern_compiles_and_says_what_its_templates_need() {
        for corpus in TABLE {
            assert!(corpus.pattern.is_empty() != corpus.tables.is_empty(), "{}: names or tables", corpus.name);
            let Ok(pattern) = Regex::new(corpus.pattern) else { panic!("{} has no good pattern", corpus.name) };
            let groups: Vec<&str> = pattern.capture_names().flatten().collect();
            for template in [corpus.speaker, corpus.sentence, corpus.take] {
                for name in template.split('$').skip(1) {
                    let name = name.trim_start_matches('{');
                    let end = name.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(name.len());
                    assert!(groups.contains(&&name[..end]), "{}: {template}", corpus.name);
                }
            }
            assert!(!corpus.licence.is_empty() && !corpus.source.is_empty(), "{}", corpus.name);
        }
        let mut ids: Vec<&str> = TABLE.iter().map(|corpus| corpus.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), TABLE.len());
    }

    #[test]
    fn reads_the_examples_of_each_corpus_own_documentation() {
        // RAVDESS: "02-01-06-01-02-01-12.mp4: video-only, speech, fearful, normal, 'dogs', 1st repetition, 12th actor".
        assert_eq!(said("02-01-06-01-02-01-12"), is("ravdess_12", Fearful, "s02"));
        // EMO-DB: "03a01Fa.wav is the audio file from Speaker 03 speaking text a01 with the emotion Freude (happiness)".
        assert_eq!(said("03a01Fa"), is("emodb_03", Happy, "a01"));
        assert_eq!(said("1001_DFA_ANG_XX"), is("cremad_1001", Angry, "dfa"));
        assert_eq!(said("OAF_back_angry"), is("tess_oaf", Angry, "back"));
        assert_eq!(said("OA_bite_neutral"), is("tess_oaf", Neutral, "bite"));
        assert_eq!(said("YAF_youth_ps"), is("tess_yaf", Surprised, "youth"));
        assert_eq!(said("DC/sa07"), is("savee_dc", Sad, "sa07"));
        assert_eq!(said("KL_n30"), is("savee_kl", Neutral, "n30"));
        // EmoV-DB: "anger_1-28_0011.wav: first word (emotion style) … last four digit is the sentence number".
        assert_eq!(said("sam/Angry/anger_1-28_0011"), is("emovdb_sam", Angry, "0011"));
        assert_eq!(said("bea/sleepiness_1-28_0011"), is("emovdb_bea", Sleepy, "0011"));
        // nEMO: "{speaker_id}_{emotion}_{sentence_id}.wav", the first row of data.tsv.
        assert_eq!(said("samples/WR0_surprised_64"), is("nemo_wr0", Surprised, "64"));
        // URDU: "SM1_F01_A12 indicates that this is 1st file recorded by speaker No. 1 and … 12th file of angry emotion".
        assert_eq!(said("SM1_F01_A12"), is("urdu_sm1", Angry, ""));
        // ShEMO: "F14A09" of a female speaker, "M02F01" fearful.
        assert_eq!(said("F14A09"), is("shemo_f14", Angry, ""));
        assert_eq!(said("M02F01"), is("shemo_m02", Fearful, ""));
        // CaFE: "AA-E-I-S.wav", "P = Peur (Fear)".
        assert_eq!(said("12-P-2-6"), is("cafe_12", Fearful, "6"));
        // DEMoS: "Guilt - col … Speaker ID (number after the second '_')".
        assert_eq!(said("PR_m_12_rab03a"), is("demos_12", Angry, ""));
        assert_eq!(said("dis-f1-b1"), is("emovo_f1", Disgusted, "b1"));
        assert_eq!(said("disgust/d05 (3)"), is("aesdd_3", Disgusted, "d05"));
        // SUBESCO's one name that breaks its rule.
        assert_eq!(said("F_02_MONIKA_S_2_SURPRISE_3]"), is("subesco_f_02", Surprised, "2"));
    }

    #[test]
    fn all_german_initials_of_emo_db() {
        let emotions = ["W", "L", "E", "A", "F", "T", "N"].map(|initial| said(&format!("16b10{initial}b")).unwrap().1);
        assert_eq!(emotions, [Angry, Bored, Disgusted, Fearful, Happy, Sad, Neutral]);
    }

    #[test]
    fn near_misses_are_no_published_names() {
        for stem in [
            "03-01-09-01-01-01-01", // no ninth emotion
            "03-01-06-01-01-01-25", // no 25th actor
            "03-01-05-01-01-01",
            "2024-01-05-01-01-01-01",
            "+3-01-05-01-01-01-01",
            "03a03Fa", // no such text
            "04a01Fa", // no such speaker
            "03a01Xa",
            "ü3a01F",
            "1092_DFA_ANG_XX",
            "1000_DFA_ANG_XX",
            "1001_XXX_ANG_XX",
            "OAF_back_loud",
            "a01",
            "DC_a1",
            "a01 (1)", // a copy of anything, without AESDD's folder
            "0021_000001",
            "",
        ] {
            assert_eq!(first(stem), None, "{stem}");
        }
    }
}
