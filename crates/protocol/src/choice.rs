//! What a room chooses by name, such as its strategy: one table for each, which says the names, the settings behind each name,
//! their usual values and their ranges. Everything that is said about them anywhere else is read from it. No single choice is
//! known here.

use std::fmt;

use crate::ProtocolError;

/// Likeness of two names, 0 to 1 (Jaro and Winkler), from which on one is taken for the other, mistyped.
const LIKENESS: f64 = 0.8;

/// Something with a name and settings of its own, as its table has it. In JSON an object whose `name` is the name, beside the
/// settings.
pub trait Choice: Copy + PartialEq + 'static {
    /// What it is called in texts, such as `strategy`.
    const WHAT: &'static str;
    /// All of them with their usual settings, in the order in which they are listed to people.
    const ALL: &'static [Self];
    /// Their names, in the same order.
    const NAMES: &'static [&'static str];

    /// The name that people and messages use.
    fn name(&self) -> &'static str;

    /// The name as its authors write it.
    fn title(&self) -> &'static str;

    /// Its settings, in the table's order.
    fn settings(&self) -> Vec<Setting>;

    /// Sets one of them; whether it has such a setting. What the value may be is for the check of the room.
    fn set(&mut self, setting: &str, value: f64) -> bool;
}

/// A setting of a choice as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name in messages.
    pub name: &'static str,
    /// Its value; nothing where that is left to the aggregator.
    pub value: Option<f64>,
    /// What the value may be.
    pub range: Range,
}

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// From the first to the second, both of them included.
    Between(f64, f64),
    /// Above the first and not above the second.
    Above(f64, f64),
    /// Above the first and below the second.
    Inside(f64, f64),
}

impl Range {
    /// Whether a value is one of them.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Range::Between(low, high) => value >= low && value <= high,
            Range::Above(low, high) => value > low && value <= high,
            Range::Inside(low, high) => value > low && value < high,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Between(low, high) => write!(f, "lie between {low} and {high}"),
            Range::Above(low, high) => write!(f, "lie above {low} and not above {high}"),
            Range::Inside(low, high) => write!(f, "lie above {low} and below {high}"),
        }
    }
}

/// Refuses settings outside of their ranges.
pub(crate) fn check(choice: &impl Choice) -> Result<(), ProtocolError> {
    for Setting { name, value, range } in choice.settings() {
        if value.is_some_and(|value| !range.holds(value)) {
            return Err(ProtocolError::invalid(name, format!("must {range}")));
        }
    }
    Ok(())
}

/// A name that is in no line of the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {name:?}{} There are {}", hint(.guess), .names.join(", "))]
pub struct UnknownName {
    /// What was to be chosen.
    pub what: &'static str,
    /// The name that was asked for, shortened.
    pub name: String,
    /// The name that was probably meant.
    pub guess: Option<&'static str>,
    /// Those that there are.
    pub names: &'static [&'static str],
}

fn hint(guess: &Option<&'static str>) -> String {
    guess.map_or(".".to_owned(), |guess| format!(", did you mean {guess}?"))
}

/// A choice by its name, however it is capitalised and with `-` or `_`, with its usual settings.
pub(crate) fn by_name<T: Choice>(name: &str) -> Result<T, UnknownName> {
    let wanted = name.trim().to_lowercase().replace('-', "_");
    T::ALL.iter().find(|choice| choice.name() == wanted).copied().ok_or_else(|| {
        let likeness = |known: &&str| strsim::jaro_winkler(known, &wanted);
        let nearest = T::NAMES.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        UnknownName {
            what: T::WHAT,
            name: name.chars().take(40).collect(),
            guess: nearest.filter(|nearest| likeness(nearest) >= LIKENESS),
            names: T::NAMES,
        }
    })
}

/// The choice that goes by this word, however it is capitalised and with `-` or `_`; `words` are all of them.
pub(crate) fn by_word<T: Copy>(what: &'static str, words: &[(&str, T)], word: &str) -> Result<T, ProtocolError> {
    let wanted = word.trim().to_lowercase().replace('-', "_");
    words.iter().find(|(known, _)| *known == wanted).map(|(_, choice)| *choice).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        let (last, others) = known.split_last().expect("there is more than one to choose from");
        ProtocolError::invalid(what, format!("choose {} or {last}", others.join(", ")))
    })
}

/// A setting's type.
pub(crate) trait Number: Copy {
    fn of(value: f64) -> Self;
    fn value(self) -> Option<f64>;
}

impl Number for f64 {
    fn of(value: f64) -> f64 {
        value
    }

    fn value(self) -> Option<f64> {
        Some(self)
    }
}

impl Number for u32 {
    fn of(value: f64) -> u32 {
        value as u32
    }

    fn value(self) -> Option<f64> {
        Some(self.into())
    }
}

impl Number for Option<f64> {
    fn of(value: f64) -> Option<f64> {
        Some(value)
    }

    fn value(self) -> Option<f64> {
        self
    }
}

/// Declares a choice. Each line of the table is a variant, `Variant = "name"` and behind it its settings, each of them a field
/// `field: type = usual value, range;`.
macro_rules! choice {
    (
        $(#[$about:meta])*
        pub enum $choice:ident, a $what:literal {
            $(
                $(#[$line:meta])*
                $variant:ident = $name:literal $({
                    $( $(#[$setting:meta])* $field:ident: $kind:ty = $usual:expr, $range:expr; )*
                })?
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name")]
        pub enum $choice {
            $(
                $(#[$line])*
                #[serde(rename = $name)]
                $variant $({ $( $(#[$setting])* $field: $kind, )* })?,
            )*
        }

        impl $crate::choice::Choice for $choice {
            const WHAT: &'static str = $what;
            const ALL: &'static [$choice] = &[$( $choice::$variant $({ $( $field: $usual, )* })?, )*];
            const NAMES: &'static [&'static str] = &[$( $name, )*];

            fn name(&self) -> &'static str {
                match self {
                    $( $choice::$variant { .. } => $name, )*
                }
            }

            fn title(&self) -> &'static str {
                match self {
                    $( $choice::$variant { .. } => stringify!($variant), )*
                }
            }

            fn settings(&self) -> Vec<$crate::choice::Setting> {
                match *self {
                    $( $choice::$variant $({ $( $field, )* })? => vec![$($(
                        $crate::choice::Setting {
                            name: stringify!($field),
                            value: $crate::choice::Number::value($field),
                            range: $range,
                        },
                    )*)?], )*
                }
            }

            fn set(&mut self, setting: &str, value: f64) -> bool {
                match self {
                    $( $choice::$variant $({ $( $field, )* })? => {
                        $($(
                            if setting == stringify!($field) {
                                *$field = $crate::choice::Number::of(value);
                                return true;
                            }
                        )*)?
                    } )*
                }
                false
            }
        }

        impl Default for $choice {
            /// The first of the table.
            fn default() -> $choice {
                <$choice as $crate::choice::Choice>::ALL[0]
            }
        }

        impl std::str::FromStr for $choice {
            type Err = $crate::choice::UnknownName;

            /// By its name, with its usual settings.
            fn from_str(name: &str) -> Result<$choice, $crate::choice::UnknownName> {
                $crate::choice::by_name(name)
            }
        }

        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::choice::Choice::name(self))
            }
        }
    };
}
pub(crate) use choice;

/// Declares a choice without settings, which is a word in messages as well. The first is the usual one.
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $choice:ident, a $what:literal {
            $( $(#[$line:meta])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $choice {
            $( $(#[$line])* #[serde(rename = $word)] $variant, )*
        }

        impl $choice {
            const WORDS: &'static [(&'static str, $choice)] = &[$( ($word, $choice::$variant), )*];
        }

        impl Default for $choice {
            /// The usual one.
            fn default() -> $choice {
                $choice::WORDS[0].1
            }
        }

        impl std::str::FromStr for $choice {
            type Err = $crate::ProtocolError;

            fn from_str(word: &str) -> Result<$choice, $crate::ProtocolError> {
                $crate::choice::by_word($what, $choice::WORDS, word)
            }
        }

        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $( $choice::$variant => $word, )*
                })
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aggregation, Modalities, Stragglers, Strategy};

    /// Every line of a table is read back from its name and from its JSON, and each of its settings can be set.
    fn agrees<T>()
    where
        T: Choice + std::fmt::Debug + std::str::FromStr<Err = UnknownName> + serde::Serialize,
        T: serde::de::DeserializeOwned,
    {
        assert_eq!(T::ALL.len(), T::NAMES.len());
        for (usual, name) in T::ALL.iter().zip(T::NAMES) {
            assert_eq!(usual.name(), *name);
            assert_eq!(name.parse(), Ok(*usual));
            assert_eq!(check(usual), Ok(()));
            let json = serde_json::to_value(usual).unwrap();
            assert_eq!(json["name"], *name);
            assert_eq!(serde_json::from_value::<T>(json.clone()).unwrap(), *usual);
            let mut changed = *usual;
            for Setting { name, value, .. } in usual.settings() {
                assert_eq!(json.get(name).and_then(serde_json::Value::as_f64), value, "{name}");
                assert!(changed.set(name, value.unwrap_or(1.0)));
            }
            assert!(!changed.set("name", 1.0));
            if usual.settings().iter().all(|setting| setting.value.is_some()) {
                assert_eq!(changed, *usual);
            }
        }
    }

    #[test]
    fn what_a_table_says_is_what_messages_say() {
        agrees::<Strategy>();
        agrees::<Aggregation>();
    }

    #[test]
    fn a_word_is_read_however_it_is_written_and_others_name_all_there_are() {
        assert_eq!(" Fewer-Steps ".parse(), Ok(Stragglers::FewerSteps));
        assert_eq!(Stragglers::FewerSteps.to_string(), "fewer_steps");
        assert_eq!(serde_json::from_str::<Modalities>(r#""voice""#).unwrap(), Modalities::Voice);
        assert!(serde_json::from_str::<Modalities>(r#""Voice""#).is_err(), "messages have one way to write it");
        assert_eq!(Modalities::default(), Modalities::Both);
        let problem = "taste".parse::<Modalities>().unwrap_err().to_string();
        assert!(problem.ends_with("choose both, voice or text"), "{problem}");
        let problem = "half".parse::<Stragglers>().unwrap_err().to_string();
        assert!(problem.ends_with("choose whole or fewer_steps"), "{problem}");
    }

    #[test]
    fn a_range_has_its_ends_or_not() {
        let ends = |range: Range| [0.0, 0.25, 0.5, f64::NAN].map(|value| range.holds(value));
        assert_eq!(ends(Range::Between(0.0, 0.5)), [true, true, true, false]);
        assert_eq!(ends(Range::Above(0.0, 0.5)), [false, true, true, false]);
        assert_eq!(ends(Range::Inside(0.0, 0.5)), [false, true, false, false]);
        assert_eq!(Range::Between(0.0, 0.9999).to_string(), "lie between 0 and 0.9999");
        assert_eq!(Range::Above(0.0, 1.0e9).to_string(), "lie above 0 and not above 1000000000");
        assert_eq!(Range::Inside(0.0, 0.5).to_string(), "lie above 0 and below 0.5");
    }
}
