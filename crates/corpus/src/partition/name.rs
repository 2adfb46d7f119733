//! What partitions are called.

use std::fmt;
use std::str::FromStr;

use super::{Concentration, Partition};
use crate::suggestion::{did_you_mean, nearest};

const CENTRALISED: &str = "centralised";
const RANDOM: &str = "random";
const SINGLE_EMOTION: &str = "single-emotion";
const BY_SPEAKER: &str = "by-speaker";
const DIRICHLET: &str = "dirichlet";
const QUANTITY_SKEW: &str = "quantity-skew";
const ALL: [&str; 6] = [CENTRALISED, RANDOM, SINGLE_EMOTION, BY_SPEAKER, DIRICHLET, QUANTITY_SKEW];

/// Why a text names no partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPartition {
    /// Nothing is called so.
    #[error("there is no partition {name:?}{}; there are {}", did_you_mean(suggestion), ALL.join(", "))]
    Name {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// It has a parameter after a colon, but takes none.
    #[error("the partition {name} takes no parameter; write just {name}")]
    Parameter {
        /// The partition.
        name: &'static str,
    },
    /// Its concentration is missing, no number, or out of bounds.
    #[error(
        "the partition {name} needs a concentration from {} to {}, not {given:?}; write, for example, {name}:0.5",
        Concentration::LEAST,
        Concentration::MOST
    )]
    Concentration {
        /// The partition.
        name: &'static str,
        /// What stood after the colon.
        given: String,
    },
}

impl FromStr for Partition {
    type Err = UnknownPartition;

    fn from_str(text: &str) -> Result<Partition, UnknownPartition> {
        let (given, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let Some(name) = ALL.into_iter().find(|name| *name == given) else {
            let suggestion = nearest(given, ALL).map(str::to_owned);
            return Err(UnknownPartition::Name { name: given.to_owned(), suggestion });
        };
        let plain = |partition| match parameter {
            None => Ok(partition),
            Some(_) => Err(UnknownPartition::Parameter { name }),
        };
        let concentration = |default: Option<Concentration>| match parameter {
            None => default.ok_or(String::new()),
            Some(given) => given.parse().ok().and_then(Concentration::new).ok_or(given.to_owned()),
        };
        let bad = |given| UnknownPartition::Concentration { name, given };
        match name {
            CENTRALISED => plain(Partition::Centralised),
            RANDOM => plain(Partition::Random),
            SINGLE_EMOTION => plain(Partition::SingleEmotion),
            BY_SPEAKER => plain(Partition::BySpeaker),
            DIRICHLET => concentration(None).map(Partition::Dirichlet).map_err(bad),
            _ => concentration(Some(Concentration::HALF)).map(Partition::QuantitySkew).map_err(bad),
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Centralised => f.pad(CENTRALISED),
            Partition::Random => f.pad(RANDOM),
            Partition::SingleEmotion => f.pad(SINGLE_EMOTION),
            Partition::BySpeaker => f.pad(BY_SPEAKER),
            Partition::Dirichlet(alpha) => f.pad(&format!("{DIRICHLET}:{alpha}")),
            Partition::QuantitySkew(alpha) => f.pad(&format!("{QUANTITY_SKEW}:{alpha}")),
        }
    }
}

impl TryFrom<String> for Partition {
    type Error = UnknownPartition;

    fn try_from(text: String) -> Result<Partition, UnknownPartition> {
        text.parse()
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> String {
        partition.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["centralised", "random", "single-emotion", "by-speaker", "dirichlet:0.1", "quantity-skew:2"] {
            let partition: Partition = name.parse().unwrap();
            assert_eq!(partition.to_string(), name);
            let json = serde_json::to_string(&partition).unwrap();
            assert_eq!(json, format!("{name:?}"));
            assert_eq!(serde_json::from_str::<Partition>(&json).unwrap(), partition);
        }
        assert_eq!("quantity-skew".parse(), "quantity-skew:0.5".parse::<Partition>());
    }

    #[test]
    fn slips_are_answered_with_what_was_meant() {
        let message = |text: &str| text.parse::<Partition>().unwrap_err().to_string();
        assert!(message("centralized").contains("did you mean \"centralised\"?"));
        assert!(message("by_speaker").contains("did you mean \"by-speaker\"?"));
        assert!(message("dirichelt:0.1").contains("did you mean \"dirichlet\"?"));
        assert!(message("emotion").contains("did you mean \"single-emotion\"?"));
        let stranger = message("xyz");
        assert!(stranger.contains("there are centralised, random") && !stranger.contains("mean"), "{stranger}");
        assert!(message("random:3").contains("takes no parameter"));
        for text in ["dirichlet", "dirichlet:", "dirichlet:x", "dirichlet:0", "dirichlet:NaN", "quantity-skew:-1"] {
            assert!(message(text).contains("needs a concentration from 0.001 to 10000"), "{text}");
        }
    }
}
