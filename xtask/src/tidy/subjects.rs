//! How commits are called: a subject that fits into one line, of work that is done.

const LONGEST: usize = 72;

/// Complaints about commits, each a line of its short name and its subject.
pub fn complaints(log: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| {
            let (name, subject) = line.split_once(' ')?;
            let length = subject.chars().count();
            let unfinished = ["WIP", "wip", "fixup!", "squash!", "amend!"].iter().any(|word| subject.starts_with(word));
            match (length > LONGEST, unfinished) {
                (true, _) => Some(format!("commit {name}: its subject has {length} letters, {LONGEST} are the most")),
                (_, true) => Some(format!("commit {name}: “{subject}” is not finished")),
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_short_and_finished() {
        assert_eq!(complaints("abc1234 Say what is done\n"), [""; 0]);
        assert_eq!(complaints(&format!("abc1234 {}", "ä".repeat(72))), [""; 0]);
        assert_eq!(complaints(&format!("abc1234 {}", "a".repeat(73))).len(), 1);
        assert_eq!(complaints("abc1234 WIP\nabc1235 fixup! Say what is done").len(), 2);
        assert_eq!(complaints(""), [""; 0]);
    }
}
