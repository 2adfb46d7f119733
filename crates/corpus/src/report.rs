//! What a corpus holds and what of its folder was left out, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::table::Table;
use crate::{Corpus, Kind, Part, WordClips, length};

/// How many examples of skipped files are given for each reason.
const EXAMPLES: usize = 3;
/// How many lines of a list are printed.
const LINES: usize = 10;

/// What was found in a corpus' folder. As text it is a table with a line a speaker, and what to look at below.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which corpus it is.
    pub kind: Kind,
    /// What to know before anything is learnt from this.
    pub warnings: Vec<String>,
    /// The labels, in the order of the counts.
    pub labels: Vec<String>,
    /// What names and tables call the emotions, and which label each became.
    pub words: Vec<WordClips>,
    /// How many clips were found.
    pub clips: usize,
    /// The speakers by name.
    pub speakers: Vec<SpeakerClips>,
    /// How many clips there are of each label of which it is not known who speaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_speakers: Vec<usize>,
    /// How many clips each part of the corpus' own split has; empty where it has none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Part, usize>,
    /// How long the clips last together, in seconds, as far as their headers say it.
    pub seconds: f64,
    /// How many clips are not counted in that.
    pub untimed: usize,
    /// Groups of clips with the same bytes.
    pub duplicates: Vec<Vec<PathBuf>>,
    /// What was left out, the most frequent reason first.
    pub skipped: Vec<SkippedFiles>,
}

/// A speaker's clips.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpeakerClips {
    /// Who speaks.
    pub speaker: String,
    /// How many clips there are of each label.
    pub counts: Vec<usize>,
}

/// Files that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedFiles {
    /// The reason in words.
    pub reason: String,
    /// How many files.
    pub files: usize,
    /// The first of them.
    pub examples: Vec<PathBuf>,
}

impl Corpus {
    /// Counts what was found. Headers are read for lengths, and files of the same length for duplicates.
    pub fn report(&self) -> Report {
        let below = |path: &Path| path.strip_prefix(&self.dir).unwrap_or(path).to_path_buf();
        let mut speakers: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for clip in &self.clips {
            let counts = speakers.entry(clip.speaker.as_deref()).or_insert_with(|| vec![0; self.labels.len()]);
            if let Some(count) = counts.get_mut(clip.label) {
                *count += 1;
            }
            if let Some(part) = clip.part {
                *parts.entry(part).or_default() += 1;
            }
        }
        let unknown_speakers = speakers.remove(&None).unwrap_or_default();
        let timed: Vec<f64> = self.clips.iter().filter_map(|clip| length::seconds(&clip.path)).collect();
        let mut reasons: BTreeMap<&str, SkippedFiles> = BTreeMap::new();
        for (path, reason) in &self.skipped {
            let reason = reason.split_once(": ").map_or(reason.as_str(), |(general, _)| general);
            let skipped = reasons.entry(reason).or_insert_with(|| SkippedFiles {
                reason: reason.to_owned(),
                files: 0,
                examples: Vec::new(),
            });
            skipped.files += 1;
            if skipped.examples.len() < EXAMPLES {
                skipped.examples.push(below(path));
            }
        }
        let mut skipped: Vec<SkippedFiles> = reasons.into_values().collect();
        skipped.sort_by_key(|skipped| std::cmp::Reverse(skipped.files));
        let duplicates = self.duplicates().into_iter().map(|group| group.iter().map(|path| below(path)).collect());
        Report {
            kind: self.kind,
            warnings: self.warnings.iter().cloned().chain(self.unknown_speakers()).collect(),
            labels: self.labels.clone(),
            words: self.words.clone(),
            clips: self.clips.len(),
            speakers: speakers
                .into_iter()
                .filter_map(|(speaker, counts)| Some(SpeakerClips { speaker: speaker?.to_owned(), counts }))
                .collect(),
            unknown_speakers,
            parts,
            seconds: timed.iter().sum(),
            untimed: self.clips.len() - timed.len(),
            duplicates: duplicates.collect(),
            skipped,
        }
    }
}

impl Report {
    /// How many clips each label has.
    pub fn per_label(&self) -> Vec<usize> {
        let counts = || self.speakers.iter().map(|speaker| &speaker.counts).chain([&self.unknown_speakers]);
        let count = |label: usize| counts().filter_map(|counts| counts.get(label)).sum();
        (0..self.labels.len()).map(count).collect()
    }

    /// The labels that no clip has: a model can't learn them from this corpus.
    pub fn absent_labels(&self) -> Vec<&str> {
        self.names(&self.per_label())
    }

    /// Speakers without a clip of some label, and which; labels that nobody has are left out.
    pub fn gaps(&self) -> Vec<(&str, Vec<&str>)> {
        let absent = self.absent_labels();
        let gap = |speaker: &'_ SpeakerClips| {
            let mut missing = self.names(&speaker.counts);
            missing.retain(|label| !absent.contains(label));
            missing
        };
        let all = self.speakers.iter().map(|speaker| (speaker.speaker.as_str(), gap(speaker)));
        all.filter(|(_, missing)| !missing.is_empty()).collect()
    }

    /// What each word became.
    fn fmt_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labelled =
            self.words.iter().filter_map(|one| Some(format!("{} = {} ({})", one.word, one.label.as_ref()?, one.clips)));
        writeln!(f, "Words and their labels: {}.", labelled.collect::<Vec<_>>().join(", "))?;
        let left_out = self.words.iter().filter(|one| one.label.is_none());
        let left_out: Vec<String> = left_out.map(|one| format!("{} ({})", one.word, one.clips)).collect();
        if !left_out.is_empty() {
            writeln!(
                f,
                "Left out, since they are no labels (--map WORD=LABEL takes one in): {}.",
                left_out.join(", ")
            )?;
        }
        Ok(())
    }

    /// The labels whose count is 0.
    fn names(&self, counts: &[usize]) -> Vec<&str> {
        self.labels.iter().zip(counts).filter(|(_, count)| **count == 0).map(|(label, _)| label.as_str()).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} clips of {} speakers", self.kind, self.clips, self.speakers.len())?;
        if !self.unknown_speakers.is_empty() {
            write!(f, " and others who are not known")?;
        }
        let told = self.unknown_speakers.is_empty();
        if let Some(all) = self.kind.speakers().filter(|all| told && *all != self.speakers.len()) {
            write!(f, " (of {all} that were published)")?;
        }
        match self.untimed {
            0 => writeln!(f, ", {:.2} hours", self.seconds / 3600.0)?,
            untimed => writeln!(f, ", {:.2} hours without {untimed} of unknown length", self.seconds / 3600.0)?,
        }
        for warning in &self.warnings {
            writeln!(f, "WARNING: {warning}.")?;
        }
        let mut table = Table::new(["speaker"].into_iter().chain(self.labels.iter().map(String::as_str)));
        table.heading.push("clips".to_owned());
        let row = |name: &str, counts: &[usize]| {
            let numbers = counts.iter().copied().chain([counts.iter().sum()]).map(|number| number.to_string());
            std::iter::once(name.to_owned()).chain(numbers).collect()
        };
        table.rows.extend(self.speakers.iter().map(|speaker| row(&speaker.speaker, &speaker.counts)));
        if !self.unknown_speakers.is_empty() {
            table.rows.push(row("(not known)", &self.unknown_speakers));
        }
        table.rows.push(row("all", &self.per_label()));
        table.fmt(f)?;
        self.fmt_words(f)?;
        if !self.parts.is_empty() {
            let parts: Vec<String> = self.parts.iter().map(|(part, clips)| format!("{part} {clips}")).collect();
            writeln!(f, "Its own split, which --own-split tests by: {}.", parts.join(", "))?;
        }
        let absent = self.absent_labels();
        if !absent.is_empty() {
            writeln!(f, "No clip at all is {}.", absent.join(" or "))?;
        }
        let gaps =
            self.gaps().into_iter().map(|(speaker, labels)| format!("{speaker}: no clip is {}", labels.join(" or ")));
        list(f, "Speakers without clips of a label", gaps)?;
        let groups = self.duplicates.iter().map(|group| paths(group, " = "));
        list(f, "The same bytes under several names", groups)?;
        let skipped = self.skipped.iter().map(|skipped| {
            format!("{} × {} (for example {})", skipped.files, skipped.reason, paths(&skipped.examples, ", "))
        });
        list(f, "Skipped", skipped)
    }
}

fn paths(paths: &[PathBuf], between: &str) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(between)
}

/// A heading with the first lines of a list below it; nothing where there are none.
fn list(f: &mut fmt::Formatter<'_>, heading: &str, lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let all = lines.len();
    if all > 0 {
        writeln!(f, "{heading}:")?;
    }
    for line in lines.take(LINES) {
        writeln!(f, "  {line}")?;
    }
    match all.saturating_sub(LINES) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_what_to_look_at_below() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &[u8]| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        // Half a second of silence: 16,000 samples a second of two bytes.
        let mut wav =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x80\x3e\0\0".to_vec();
        wav.resize(wav.len() + 16_000, 0);
        write("Anna/angry/1.wav", &wav);
        write("Anna/angry/2.wav", &wav);
        write("Anna/sad/1.mp3", b"mp3");
        write("Ben/sad/1.mp3", b"another mp3");
        write("Ben/notes.txt", b"");
        let corpus = Corpus::open(dir.path(), &crate::EMOTIONS.map(String::from)).unwrap();
        let report = corpus.report();
        assert_eq!(
            report.to_string(),
            "folders of labels: 4 clips of 2 speakers, 0.00 hours without 2 of unknown length\n\
             speaker  angry  happy  neutral  sad  clips\n\
             Anna         2      0        0    1      3\n\
             Ben          0      0        0    1      1\n\
             all          2      0        0    2      4\n\
             Words and their labels: angry = angry (2), sad = sad (2).\n\
             No clip at all is happy or neutral.\n\
             Speakers without clips of a label:\n  Ben: no clip is angry\n\
             The same bytes under several names:\n  Anna/angry/1.wav = Anna/angry/2.wav\n\
             Skipped:\n  1 × not a sound file by its name (for example Ben/notes.txt)\n"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["kind"], "folders");
        assert_eq!(json["speakers"][0], serde_json::json!({"speaker": "Anna", "counts": [2, 0, 0, 1]}));
        assert_eq!((json["seconds"].as_f64(), json["untimed"].as_u64()), (Some(1.0), Some(2)));
    }
}
