//! IEMOCAP as its publisher ships it: `Session1` to `Session5`, each with a folder of label files and one of sounds.
//!
//! A label file (`dialog/EmoEvaluation/Ses01F_impro01.txt`) has a line such as
//! `[6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]` for each utterance, whose sound is
//! `sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`. The last group of letters says which of the session's two
//! people speaks. "xxx" is an utterance of which the raters did not agree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Clip;
use crate::disk::{Found, NOT_THERE, unknown_label};
use crate::emotion::Emotion;

const SESSIONS: [&str; 5] = ["Session1", "Session2", "Session3", "Session4", "Session5"];
const LABELS: &str = "dialog/EmoEvaluation";

/// The folder with the sessions: `dir` itself, or what the publisher's archive unpacks to in it. None where there are no
/// IEMOCAP labels.
pub(crate) fn root(dir: &Path) -> Option<PathBuf> {
    let has_labels = |root: &PathBuf| SESSIONS.iter().any(|session| root.join(session).join(LABELS).is_dir());
    [dir.to_path_buf(), dir.join("IEMOCAP_full_release")].into_iter().find(has_labels)
}

/// All labelled utterances, session after session, by name.
///
/// # Errors
/// Where a label file can't be read: its utterances would be missing unseen.
pub(crate) fn read(root: &Path, labels: &[String]) -> io::Result<Found> {
    let mut found = Found::default();
    for session in SESSIONS.map(|session| root.join(session)) {
        let folder = session.join(LABELS);
        if !folder.is_dir() {
            found.skip(session, "a session without its folder dialog/EmoEvaluation of labels");
            continue;
        }
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        // The archive holds a hidden "._" file of macOS beside each; folders beside are single raters' opinions.
        files.retain(|file| file.extension().is_some_and(|extension| extension == "txt") && !is_hidden(file));
        files.sort();
        for file in files {
            let bytes = fs::read(&file)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
            for (name, code) in String::from_utf8_lossy(&bytes).lines().filter_map(utterance) {
                take(&session, name, code, labels, &mut found);
            }
        }
    }
    Ok(found)
}

fn is_hidden(file: &Path) -> bool {
    file.file_name().unwrap_or_default().to_string_lossy().starts_with('.')
}

/// Name and code of the emotion, from the line that begins an utterance.
fn utterance(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.strip_prefix('[')?.split_once(']')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?, fields.next()?))
}

fn take(session: &Path, name: &str, code: &str, labels: &[String], found: &mut Found) {
    let Some(Utterance { dialogue, speaker, sentence }) = parse(name) else {
        found.skip(session.join(LABELS).join(name), "its name is none of an IEMOCAP utterance");
        return;
    };
    let path = session.join("sentences/wav").join(dialogue).join(format!("{name}.wav"));
    let Some(emotion) = emotion(code) else {
        found.skip(path, &unknown_label(if code == "xxx" { "not agreed on" } else { code }));
        return;
    };
    // The paper's happy class is excited speech alone.
    if emotion == Emotion::Happy && Emotion::Excited.among(labels) == Emotion::Happy.among(labels) {
        found.skip(path, "happy in IEMOCAP's own sense, where the label happy stands for excited");
        return;
    }
    let Some(label) = emotion.among(labels) else {
        found.skip(path, &unknown_label(emotion.name()));
        return;
    };
    found.named += 1;
    if path.is_file() {
        found.clips.push(Clip { path, speaker, label, sentence });
    } else {
        found.missing += 1;
        found.skip(path, NOT_THERE);
    }
}

fn emotion(code: &str) -> Option<Emotion> {
    Some(match code {
        "ang" => Emotion::Angry,
        "hap" => Emotion::Happy,
        "exc" => Emotion::Excited,
        "neu" => Emotion::Neutral,
        "sad" => Emotion::Sad,
        "fru" => Emotion::Frustrated,
        "fea" => Emotion::Fearful,
        "sur" => Emotion::Surprised,
        "dis" => Emotion::Disgusted,
        _ => return None,
    })
}

/// What an utterance's name says.
#[derive(Debug, PartialEq, Eq)]
struct Utterance<'a> {
    dialogue: &'a str,
    speaker: String,
    /// The script, for what is not improvised.
    sentence: Option<String>,
}

/// None for what can't be a name of IEMOCAP: it becomes part of a path.
fn parse(name: &str) -> Option<Utterance<'_>> {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let (dialogue, turn) = name.rsplit_once('_').filter(|_| plain)?;
    let (session, scene) = dialogue.split_once('_')?;
    let session = session.strip_prefix("Ses")?.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let gender = turn.chars().next().filter(|letter| ['F', 'M'].contains(letter))?;
    let sentence = scene.starts_with("script").then(|| scene.to_owned());
    Some(Utterance { dialogue, speaker: format!("iemocap_{session}{gender}"), sentence })
}

#[cfg(test)]
#[path = "iemocap_tests.rs"]
mod tests;
