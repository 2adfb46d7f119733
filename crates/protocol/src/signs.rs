//! How the labels of a room are shown: the sign of each, and its prompts, where the host chose them.
//!
//! A sign is a letter or two (`A`, `ch`), or a picture by its name, which is longer (`bird`), or nothing: then the page
//! shows a shape of its own. Whoever takes part checks the form alone, so that a later program may know more pictures;
//! whoever makes a room also asks [`check_readable`].

use crate::limits::{MAX_PROMPT_CHARS, MAX_PROMPTS, MAX_SIGN_LETTERS};
use crate::parse::{check_range, check_sentence};
use crate::{ProtocolError, RoomConfig};

/// The pictures that the pages of this version draw (`www/js/common/pictures.js`, which a test holds to this list).
pub const PICTURES: [&str; 30] = [
    "angry",
    "happy",
    "neutral",
    "sad",
    "afraid",
    "surprised",
    "piano",
    "guitar",
    "flute",
    "drums",
    "bird",
    "owl",
    "duck",
    "gull",
    "arrow-left",
    "arrow-right",
    "arrow-up",
    "arrow-down",
    "cat",
    "dog",
    "bell",
    "note",
    "sun",
    "moon",
    "star",
    "heart",
    "drop",
    "leaf",
    "house",
    "car",
];

/// Longest name of a picture, letters.
const LONGEST_PICTURE: usize = 20;

/// Letters of other scripts, and digits, that look like a Latin letter in most typefaces: those that Unicode's list of
/// confusables (UTS #39, version 17) has for a single letter, as far as keyboards of Europe have them.
const LOOK: [(&str, char); 18] = [
    ("0OoΟοОо", 'o'),
    ("1IlΙІӀ", 'l'),
    ("ΑА", 'a'),
    ("а", 'a'),
    ("ΒВ", 'b'),
    ("СсϹϲ", 'c'),
    ("ΕЕе", 'e'),
    ("ΗН", 'h'),
    ("іι", 'i'),
    ("Јј", 'j'),
    ("ΚКκк", 'k'),
    ("ΜМ", 'm'),
    ("Ν", 'n'),
    ("ΡРρр", 'p'),
    ("ΤТ", 't'),
    ("ΧХх", 'x'),
    ("ΥУу", 'y'),
    ("Ζ", 'z'),
];

/// Refuses signs and prompts that no room may have, whatever their program.
pub(crate) fn check(room: &RoomConfig) -> Result<(), ProtocolError> {
    let of_labels = |field, count: usize| match count {
        0 => Ok(()),
        count => check_range(field, count, room.labels.len()..=room.labels.len()),
    };
    of_labels("signs", room.signs.len())?;
    for (at, sign) in room.signs.iter().enumerate() {
        if !(sign.is_empty() || is_letters(sign) || is_picture_name(sign)) {
            let problem = format!("{sign:?} is neither one or two letters or digits nor the name of a picture");
            return Err(ProtocolError::invalid("signs", problem));
        }
        if !sign.is_empty() && room.signs[..at].contains(sign) {
            return Err(ProtocolError::invalid(
                "signs",
                format!("{sign:?} stands there twice; give each label its own"),
            ));
        }
    }
    of_labels("prompts", room.prompts.len())?;
    for prompts in &room.prompts {
        check_range("prompts", prompts.len(), 0..=MAX_PROMPTS)?;
        prompts.iter().try_for_each(|prompt| check_sentence("prompts", prompt, MAX_PROMPT_CHARS))?;
    }
    Ok(())
}

/// Refuses signs that this version's pages cannot draw, and those that people would take for one another: that differ in
/// nothing but capital and small letters, or look alike.
///
/// # Errors
/// Which, and what to do.
pub fn check_readable(signs: &[String]) -> Result<(), ProtocolError> {
    for (at, sign) in signs.iter().enumerate().filter(|(_, sign)| !sign.is_empty()) {
        if is_picture_name(sign) && !PICTURES.contains(&sign.as_str()) {
            let pictures = PICTURES.join(", ");
            let problem = format!("there is no picture {sign:?}; choose one or two letters, or one of {pictures}");
            return Err(ProtocolError::invalid("signs", problem));
        }
        let like = |other: &&String| is_letters(other) && is_letters(sign) && are_alike(other, sign);
        if let Some(other) = signs[..at].iter().find(like) {
            let problem = format!("{other:?} and {sign:?} look alike; choose letters that nobody mixes up");
            return Err(ProtocolError::invalid("signs", problem));
        }
    }
    Ok(())
}

/// One or two letters or digits of any script. Signs of other kinds, such as emoji, look different on every device, and no
/// contrast can be promised of them.
fn is_letters(sign: &str) -> bool {
    (1..=MAX_SIGN_LETTERS).contains(&sign.chars().count()) && sign.chars().all(char::is_alphanumeric)
}

fn is_picture_name(sign: &str) -> bool {
    (MAX_SIGN_LETTERS + 1..=LONGEST_PICTURE).contains(&sign.len())
        && sign.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-')
}

fn are_alike(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase() || look(one) == look(other)
}

/// What a sign looks like: the same text for all that are alike.
fn look(sign: &str) -> String {
    let like = |letter: char| LOOK.iter().find(|(group, _)| group.contains(letter)).map_or(letter, |(_, latin)| *latin);
    sign.chars().map(like).collect::<String>().to_lowercase().replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What the teacher's page says of the same signs (`tests/page/signs.test.mjs`).
    #[derive(Deserialize)]
    struct Case {
        signs: Vec<String>,
        problem: Option<String>,
    }

    #[test]
    fn signs_are_refused_here_where_the_page_refuses_them() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/page/signs.json")).unwrap();
        for Case { signs, problem } in &cases {
            let mut room = crate::samples::room();
            room.labels = (0..signs.len()).map(|label| format!("label {label}")).collect();
            room.signs.clone_from(signs);
            let found = check(&room).and_then(|()| check_readable(signs));
            let said = found.as_ref().err().map(|error| {
                let said = error.to_string();
                let kinds =
                    [("twice", "twice"), ("look alike", "alike"), ("no picture", "picture"), ("neither", "form")];
                kinds
                    .iter()
                    .find(|(words, _)| said.contains(words))
                    .map_or(said.clone(), |(_, kind)| (*kind).to_owned())
            });
            assert_eq!(said, *problem, "{signs:?}");
        }
        assert!(cases.len() > 20 && cases.iter().any(|case| case.problem.is_none()));
    }

    #[test]
    fn every_picture_can_be_chosen_and_they_all_differ() {
        let all: Vec<String> = PICTURES.iter().map(|&name| name.to_owned()).collect();
        assert!(all.iter().all(|name| is_picture_name(name)));
        assert_eq!(check_readable(&all), Ok(()));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), PICTURES.len());
    }

    #[test]
    fn prompts_are_bounded() {
        let with = |prompts: Vec<Vec<String>>| {
            let mut room = crate::samples::room();
            room.prompts = prompts;
            check(&room)
        };
        let labels = crate::samples::room().labels.len();
        let all = |prompt: &str, count: usize| vec![vec![prompt.to_owned(); count]; labels];
        assert_eq!(with(Vec::new()), Ok(()));
        assert_eq!(with(all("Say “aaa” as in “father”.", MAX_PROMPTS)), Ok(()));
        assert_eq!(with(all(&"ä".repeat(MAX_PROMPT_CHARS), 1)), Ok(()));
        for (wrong, why) in [
            (all("a", MAX_PROMPTS + 1), "too many lines"),
            (all(&"a".repeat(MAX_PROMPT_CHARS + 1), 1), "a line that is too long"),
            (all("", 1), "a blank line"),
            (all(" \u{3000}", 1), "a line of blanks"),
            (all("a\nb", 1), "two lines in one"),
            (all("\u{202e}txt", 1), "a mark that turns the line round"),
            (vec![Vec::new(); labels + 1], "a label that is not there"),
            (vec![Vec::new(); labels - 1], "a label without any"),
        ] {
            assert!(with(wrong).unwrap_err().to_string().starts_with("prompts"), "{why}");
        }
    }
}
