//! How names are to be read where a corpus is called as no other is: patterns and mappings that a person gives.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::Mapping;

/// Longest pattern, in bytes.
const LONGEST: usize = 1_000;
/// Most memory that a compiled pattern may take, in bytes.
const LARGEST: usize = 1 << 20;
/// How deep groups may stand in groups.
const DEEPEST: u32 = 20;

/// What a person says of a corpus' names and files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Where the speaker stands in a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker_pattern: Option<Pattern>,
    /// Where the label stands in a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_pattern: Option<Pattern>,
    /// Which labels words stand for, beside their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<Mapping>,
    /// Whether to go on without the clips that can't be read, however many they are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_unreadable: bool,
}

impl Reading {
    /// Whether nothing is said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A regular expression in the syntax of the crate `regex`, which takes time in proportion to the text, whatever it is.
/// What it stands for is its first group, else all that matches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPattern {
    /// It is too long.
    #[error("a pattern has at most {LONGEST} bytes")]
    TooLong,
    /// It is none, or would take too much memory.
    #[error("{0}")]
    Syntax(String),
}

impl Pattern {
    /// What it finds in a path, which is written with `/` between folders.
    pub fn find<'t>(&self, path: &'t str) -> Option<&'t str> {
        let groups = self.0.captures(path)?;
        let found = groups.iter().skip(1).flatten().next().or_else(|| groups.get(0))?.as_str().trim();
        (!found.is_empty()).then_some(found)
    }
}

impl FromStr for Pattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        if text.len() > LONGEST {
            return Err(NoPattern::TooLong);
        }
        let compiled = RegexBuilder::new(text).size_limit(LARGEST).nest_limit(DEEPEST).build();
        compiled.map(Self).map_err(|error| NoPattern::Syntax(error.to_string()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = NoPattern;

    fn try_from(text: String) -> Result<Self, NoPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, path: &str) -> Option<String> {
        pattern.parse::<Pattern>().unwrap().find(path).map(str::to_owned)
    }

    #[test]
    fn the_first_group_counts_else_all() {
        assert_eq!(found("^[^/]+/([^/]+)/", "corpus/Jürgen/1.wav").as_deref(), Some("Jürgen"));
        assert_eq!(found(r"(\w+)_\d+\.wav$", "corpus/Jürgen_3.wav").as_deref(), Some("Jürgen"));
        assert_eq!(found("(?<speaker>s[0-9]+)", "x/s12_1.wav").as_deref(), Some("s12"));
        assert_eq!(found("spk[0-9]", "x/spk7_1.wav").as_deref(), Some("spk7"));
        assert_eq!(found("(?:(a)|(b))$", "x/b").as_deref(), Some("b"));
        assert_eq!(found("(x*)$", "b"), None);
    }

    #[test]
    fn hostile_patterns_are_refused_or_quick() {
        for pattern in ["(", &"a".repeat(1_001), &"(".repeat(500), "(?:a{1000}){1000}", r"\w{10000}"] {
            assert!(pattern.parse::<Pattern>().is_err());
        }
        // The classic that takes other engines years.
        let begin = std::time::Instant::now();
        assert_eq!(found("^(a+)+$", &("a".repeat(20_000) + "!")), None);
        assert!(begin.elapsed().as_secs() < 10);
    }

    #[test]
    fn what_is_said_is_stored_as_text() {
        let reading = Reading {
            speaker_pattern: Some("^([^/]+)/".parse().unwrap()),
            label_pattern: None,
            map: vec!["excited=happy".parse().unwrap()],
            skip_unreadable: true,
        };
        let json =
            serde_json::json!({"speaker_pattern": "^([^/]+)/", "map": ["excited=happy"], "skip_unreadable": true});
        assert_eq!(serde_json::to_value(&reading).unwrap(), json);
        assert_eq!(serde_json::from_value::<Reading>(json).unwrap(), reading);
        assert!(Reading::default().is_usual() && !reading.is_usual());
    }
}
