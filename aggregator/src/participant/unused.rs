//! Files that were found and could not be used, told by reason. It knows nothing of how they are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serializer;

/// Clips of a folder that can't be read are passed over with a word while they are no more than one in so many.
const FEWEST_UNREADABLE: usize = 10;

/// Refuses a folder of whose clips many could not be read: what is learnt of the rest is not what was asked for.
///
/// # Errors
/// More than a tenth of `clips` are in `unreadable`, and nobody said to go on without them.
pub fn suffices(folder: &Path, clips: usize, unreadable: &[(PathBuf, String)], go_on: bool) -> Result<()> {
    ensure!(
        go_on || unreadable.len() * FEWEST_UNREADABLE <= clips,
        "{} of the {clips} clips in {} can't be read; mend or remove them, or go on without them with --skip-unreadable\n{}",
        unreadable.len(),
        folder.display(),
        by_reason(unreadable)
    );
    Ok(())
}

/// Each reason, the most frequent first, with its files below it; nothing for no files. Reasons that differ behind their first
/// colon alone, as where each names another file, are one, and what is behind it stands with the file.
pub fn by_reason(unused: &[(PathBuf, String)]) -> String {
    let mut files: BTreeMap<&str, Vec<(&Path, &str)>> = BTreeMap::new();
    for (path, reason) in unused {
        let general = reason.split_once(": ").map_or(&**reason, |(general, _)| general);
        files.entry(general).or_default().push((path, reason));
    }
    let mut reasons: Vec<_> = files.into_iter().collect();
    reasons.sort_by_key(|(_, files)| std::cmp::Reverse(files.len()));
    let mut text = String::new();
    for (general, files) in reasons {
        let same = files.iter().all(|(_, reason)| *reason == files[0].1);
        let told = if same { files[0].1 } else { general };
        // Writing to a text does not fail.
        let _ = writeln!(text, "{} not used: {told}", files.len());
        for (path, reason) in files {
            let _ = writeln!(text, "  {}{}", path.display(), &reason[told.len()..]);
        }
    }
    text
}

/// Each file with its reason behind a colon, as programs read it.
pub fn as_lines<S: Serializer>(unused: &&[(PathBuf, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(unused.iter().map(|(path, reason)| format!("{}: {reason}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_there_below_their_reason() {
        let unused = [("a.wav", "no sound"), ("b.amr", "AMR"), ("c.amr", "AMR")];
        let unused = unused.map(|(path, reason)| (PathBuf::from(path), reason.to_owned()));
        assert_eq!(by_reason(&unused), "2 not used: AMR\n  b.amr\n  c.amr\n1 not used: no sound\n  a.wav\n");
        assert_eq!(by_reason(&[]), "");
    }

    #[test]
    fn more_than_a_tenth_is_too_many_unless_somebody_says_otherwise() {
        let lost = |count: usize| vec![(PathBuf::from("a.wav"), "damaged".to_owned()); count];
        let suffices = |count, go_on| suffices(Path::new("data"), 80, &lost(count), go_on);
        assert!(suffices(8, false).is_ok() && suffices(64, true).is_ok());
        let refused = suffices(9, false).unwrap_err().to_string();
        assert!(refused.starts_with("9 of the 80 clips in data can't be read;"), "{refused}");
        assert!(refused.contains("--skip-unreadable\n9 not used: damaged\n"), "{refused}");
    }

    #[test]
    fn reasons_that_each_name_another_file_are_one() {
        let unused = [("l/a.wav", "another has its sound: w/a.wav"), ("l/b.wav", "another has its sound: w/b.wav")];
        let unused = unused.map(|(path, reason)| (PathBuf::from(path), reason.to_owned()));
        let told = "2 not used: another has its sound\n  l/a.wav: w/a.wav\n  l/b.wav: w/b.wav\n";
        assert_eq!(by_reason(&unused), told);
    }
}
