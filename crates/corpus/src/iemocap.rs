//! IEMOCAP as its publisher ships it: `Session1` to `Session5`, each with a folder of label files and one of sounds.
//!
//! A label file (`dialog/EmoEvaluation/Ses01F_impro01.txt`) has a line such as
//! `[6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]` for each utterance, whose sound is
//! `sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`. What is said stands in `dialog/transcriptions/Ses01F_impro01.txt`,
//! `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.` The last group of letters says which of the session's two
//! people speaks. "xxx" is an utterance of which the raters did not agree.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::emotion::Emotion;
use crate::found::{Found, NOT_THERE, unknown_label};
use crate::published::{Published, TABLE};
use crate::vocabulary::Vocabulary;
use crate::{Clip, CorpusError};

const SESSIONS: [&str; 5] = ["Session1", "Session2", "Session3", "Session4", "Session5"];
const LABELS: &str = "dialog/EmoEvaluation";
const SOUNDS: &str = "sentences/wav";
const TRANSCRIPTS: &str = "dialog/transcriptions";
/// How many folders deep the sessions are looked for, and in how many folders at most.
const DEEPEST: usize = 3;
const MOST_FOLDERS: usize = 1_000;

/// The release, or what of it is there.
pub(crate) struct Release {
    /// The folders of sessions, those also that are missing.
    sessions: Vec<PathBuf>,
}

impl Release {
    /// Looks for it in `dir` and a few folders deeper: what the publisher's archive unpacks to may lie in another folder. A
    /// folder of sessions need not have all of them, nor all that belongs to one; `dir` may be a session itself.
    pub(crate) fn find(dir: &Path) -> Option<Release> {
        let is_session = |folder: &Path| folder.join(LABELS).is_dir() || folder.join(SOUNDS).is_dir();
        if is_session(dir) && dir.canonicalize().is_ok_and(|dir| SESSIONS.iter().any(|session| dir.ends_with(session)))
        {
            return Some(Release { sessions: vec![dir.to_path_buf()] });
        }
        let mut folders = vec![dir.to_path_buf()];
        for depth in 0..=DEEPEST {
            let sessions = |root: &PathBuf| SESSIONS.map(|session| root.join(session));
            if let Some(root) = folders.iter().find(|root| sessions(root).iter().any(|session| is_session(session))) {
                return Some(Release { sessions: sessions(root).to_vec() });
            }
            if depth < DEEPEST {
                let within = |folder: &PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
                let entries = folders.iter().flat_map(within).map(|entry| entry.path());
                folders = entries.filter(|path| path.is_dir() && !is_hidden(path)).take(MOST_FOLDERS).collect();
                folders.sort();
            }
        }
        None
    }

    /// All labelled utterances, session after session, by name. `dir` is the folder that was asked for.
    ///
    /// # Errors
    /// Where no session has labels, or a label file can't be read: its utterances would be missing unseen.
    pub(crate) fn read(&self, dir: &Path, vocabulary: &Vocabulary<'_>) -> Result<Found, CorpusError> {
        let folder_error = |source| CorpusError::Folder { path: dir.to_path_buf(), source };
        let missing = self.missing();
        if !self.sessions.iter().any(|session| session.join(LABELS).is_dir()) {
            let missing = format!("no session has its folder {LABELS} of labels ({})", missing.unwrap_or_default());
            return Err(CorpusError::Incomplete { path: dir.to_path_buf(), corpus: "IEMOCAP", missing });
        }
        let absent = missing.map(|missing| format!("IEMOCAP is not whole: {missing}"));
        let mut found = Found { absent, ..Found::default() };
        for session in &self.sessions {
            let folder = session.join(LABELS);
            if !folder.is_dir() {
                found.skip(session.clone(), "a session without its folder dialog/EmoEvaluation of labels");
                continue;
            }
            // Without them, or with a part of them, the others are heard alone, and the report says so.
            let said = transcripts(&session.join(TRANSCRIPTS)).map_err(folder_error)?;
            for (name, code) in utterances(&folder).map_err(folder_error)? {
                let said = said.get(&name).map_or("", String::as_str);
                take(session, &name, &code, said, vocabulary, &mut found);
            }
        }
        if happy_for_excited(vocabulary).is_some() {
            found.warnings.push(
                "happy is IEMOCAP's excited (exc) alone, as in the paper of Chau & Garces; with --map excited=happy it is happy \
                 (hap) and excited together, as in most of the literature (5,531 clips of four emotions), and with --map \
                 happy=happy it is happy alone"
                    .to_owned(),
            );
        }
        Ok(found)
    }

    /// What isn't there, in words; None where all is.
    fn missing(&self) -> Option<String> {
        let name = |session: &Path| session.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (there, absent): (Vec<&PathBuf>, Vec<&PathBuf>) =
            self.sessions.iter().partition(|session| session.is_dir());
        let mut parts: Vec<String> = Vec::new();
        if !absent.is_empty() {
            let names: Vec<String> = absent.into_iter().map(|session| name(session)).collect();
            parts.push(format!("without {}", names.join(", ")));
        }
        for session in there {
            parts.extend(
                [LABELS, SOUNDS]
                    .into_iter()
                    .filter(|part| !session.join(part).is_dir())
                    .map(|part| format!("{} without {part}", name(session))),
            );
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Names and codes of all utterances in a session's label files.
fn utterances(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let lines = lines(folder)?;
    let both = lines.iter().filter_map(|line| utterance(line));
    Ok(both.map(|(name, code)| (name.to_owned(), code.to_owned())).collect())
}

/// What is said in a session's utterances, by their names; nothing where there is no such folder.
fn transcripts(folder: &Path) -> io::Result<HashMap<String, String>> {
    if !folder.is_dir() {
        return Ok(HashMap::new());
    }
    let lines = lines(folder)?;
    let both = lines.iter().filter_map(|line| transcript(line));
    Ok(both.map(|(name, said)| (name.to_owned(), said.to_owned())).collect())
}

/// Name and words, from a line of a transcription. Lines of breaths and laughs between utterances have other names.
fn transcript(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(' ')?;
    let (_, said) = rest.trim_start().strip_prefix('[')?.split_once("]:")?;
    Some((name, said.trim()))
}

/// The lines of a folder's text files, file after file by name.
fn lines(folder: &Path) -> io::Result<Vec<String>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    // The archive holds a hidden "._" file of macOS beside each; folders beside are single raters' opinions.
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt") && !is_hidden(file));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let bytes =
            fs::read(&file).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        let text = String::from_utf8_lossy(&bytes);
        all.extend(text.lines().map(str::to_owned));
    }
    Ok(all)
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

fn take(session: &Path, name: &str, code: &str, said: &str, vocabulary: &Vocabulary<'_>, found: &mut Found) {
    let Some(Utterance { dialogue, speaker, sentence }) = parse(name) else {
        found.skip(session.join(LABELS).join(name), "its name is none of an IEMOCAP utterance");
        return;
    };
    let path = session.join(SOUNDS).join(dialogue).join(format!("{name}.wav"));
    let Some(emotion) = emotion(code) else {
        found.skip(path, &unknown_label(if code == "xxx" { "not agreed on" } else { code }));
        return;
    };
    let mut word = vocabulary.meaning(code, Some(emotion));
    // The paper's happy class is excited speech alone; what most others take is both, `--map excited=happy`.
    if let Some(happy) = happy_for_excited(vocabulary) {
        if emotion == Emotion::Happy {
            found.note(&word, None);
            found.skip(path, "happy in IEMOCAP's own sense, where the label happy stands for excited");
            return;
        }
        if emotion == Emotion::Excited {
            word.label = Some(happy);
        }
    }
    let Some(label) = found.label(&path, &word, vocabulary, &HashSet::from([Emotion::Happy])) else { return };
    found.named += 1;
    if path.is_file() {
        let transcript = found.transcript(said);
        found.add(Clip { path, speaker: Some(speaker), label, sentence, part: None, transcript }, release());
    } else {
        found.missing += 1;
        found.skip(path, NOT_THERE);
    }
}

/// The label happy, where excited speech alone stands for it.
fn happy_for_excited(vocabulary: &Vocabulary<'_>) -> Option<usize> {
    let has_own = vocabulary.meaning("exc", Some(Emotion::Excited)).label.is_some();
    vocabulary.stood_in_for(Emotion::Happy).filter(|_| !has_own)
}

/// Its line in the table of corpora.
fn release() -> Option<&'static Published> {
    TABLE.iter().find(|corpus| corpus.id == "iemocap")
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
