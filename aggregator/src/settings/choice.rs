//! What the options of a strategy and those of an aggregation have in common: how a person gives one, how options change its
//! settings, and what the help says of them. Names, settings and usual values are those of the tables in `protocol`.

use std::fmt::Display;
use std::str::FromStr;

use protocol::{Choice, ProtocolError};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// What one option says about a setting.
pub struct Given {
    /// The option.
    pub option: &'static str,
    /// The setting that it is for.
    pub setting: &'static str,
    /// What was given.
    pub value: Option<f64>,
}

/// Changes the settings for which options are given.
///
/// # Errors
/// An option is for another strategy or aggregation.
pub fn set<T: Choice>(choice: &mut T, given: impl IntoIterator<Item = Given>) -> Result<(), ProtocolError> {
    for Given { option, setting, value } in given {
        if let Some(value) = value
            && !choice.set(setting, value)
        {
            let (name, what) = (choice.name(), T::WHAT);
            let problem = format!("{name} has no such setting; leave it out, or choose another {what}");
            return Err(ProtocolError::Invalid { field: option, problem });
        }
    }
    Ok(())
}

/// A choice as a word on the command line: its name, or all of it as a JSON object.
pub fn word<T>(text: &str) -> Result<T, String>
where
    T: DeserializeOwned + FromStr<Err: Display>,
{
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A choice in JSON: its name, or an object of all of it.
pub fn json<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Nothing,
        Name(String),
        Whole(serde_json::Value),
    }
    match Given::deserialize(deserializer)? {
        Given::Nothing => Ok(None),
        Given::Name(name) => name.parse().map(Some).map_err(D::Error::custom),
        // Taken apart on its own, so that a wrong field is told and not just that nothing fits.
        Given::Whole(whole) => serde_json::from_value(whole).map(Some).map_err(D::Error::custom),
    }
}

/// All names in words.
pub fn names<T: Choice>() -> String {
    listed(T::NAMES, "or")
}

/// The names of those that have this setting.
pub fn with<T: Choice>(setting: &str) -> String {
    let has = |choice: &&T| choice.settings().iter().any(|one| one.name == setting);
    listed(&T::ALL.iter().filter(has).map(Choice::name).collect::<Vec<_>>(), "and")
}

/// The usual values of a setting: the first one's alone, and behind it those that differ, with whose they are.
pub fn usual<T: Choice>(setting: &str) -> String {
    let mut values: Vec<(f64, Vec<&str>)> = Vec::new();
    for choice in T::ALL {
        for value in choice.settings().iter().filter(|one| one.name == setting).filter_map(|one| one.value) {
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, names)) => names.push(choice.name()),
                None => values.push((value, vec![choice.name()])),
            }
        }
    }
    let said = values.iter().enumerate().map(|(place, (value, names))| match place {
        0 => value.to_string(),
        _ => format!("{} {value}", listed(names, "and")),
    });
    said.collect::<Vec<_>>().join("; ")
}

fn listed(names: &[&str], before_last: &str) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {before_last} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Aggregation, Strategy};

    use super::*;

    #[test]
    fn the_help_says_what_the_tables_say() {
        assert_eq!(usual::<Strategy>("server_learning_rate"), "1; fedadagrad 0.1; fedadam and fedyogi 0.01");
        assert_eq!(usual::<Aggregation>("trim"), "0.2");
        assert_eq!(with::<Aggregation>("faulty"), "krum and multi_krum");
        assert_eq!(names::<Aggregation>(), "mean, median, trimmed_mean, krum, multi_krum or clipping");
    }

    #[test]
    fn a_word_is_a_name_or_an_object() {
        assert_eq!(word(" FedNova"), Ok(Strategy::FedNova));
        assert_eq!(word(r#"{"name":"fedprox","mu":0.5}"#), Ok(Strategy::FedProx { mu: 0.5 }));
        assert!(word::<Strategy>(r#"{"name":"fedprox"}"#).unwrap_err().contains("mu"));
        assert!(word::<Strategy>("fedadm").unwrap_err().contains("did you mean fedadam?"));
    }
}
