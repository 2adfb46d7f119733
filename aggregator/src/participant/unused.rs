//! Files that were found and could not be used, told by reason. It knows nothing of how they are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serializer;

/// Each reason, the most frequent first, with its files below it; nothing for no files.
pub fn by_reason(unused: &[(PathBuf, String)]) -> String {
    let mut files: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for (path, reason) in unused {
        files.entry(reason).or_default().push(path);
    }
    let mut reasons: Vec<_> = files.into_iter().collect();
    reasons.sort_by_key(|(_, files)| std::cmp::Reverse(files.len()));
    let mut text = String::new();
    for (reason, files) in reasons {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{} not used: {reason}", files.len());
        for file in files {
            let _ = writeln!(text, "  {}", file.display());
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
}
