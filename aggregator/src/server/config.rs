//! Where the options of `chorus serve` come from: the command line, else the environment, else a file, else their
//! defaults. An option is declared once, for clap; its name in the file is that of its flag with `_` for `-`, and its
//! variable is that name in capitals behind `CHORUS_`.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};
use toml::{Table, Value};

use super::limits::Limits;
use crate::settings::Settings;

/// The commands that have these options.
const COMMANDS: [&str; 2] = ["serve", "config"];
/// The option that names the file, which cannot stand in it.
const FILE: &str = "config";
/// Tables of the file, and the options that stand in each.
const SECTIONS: [(&str, Declared); 2] = [("room", Settings::augment_args), ("limits", Limits::augment_args)];
/// Puts a group's options into a command.
type Declared = fn(Command) -> Command;
/// How alike two names must be (Jaro & Winkler, 0 to 1) for one to be a slip of the other.
const ALIKE: f64 = 0.75;

/// Where an option's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Flag,
    Environment,
    File,
    Default,
    Nowhere,
}

/// One option as it turned out.
struct Choice {
    section: &'static str,
    name: String,
    /// As a person would write them.
    values: Vec<String>,
    many: bool,
    source: Source,
    secret: bool,
}

/// All options, as they turned out, in the order of the sections.
#[derive(Default)]
pub struct Options(Vec<Choice>);

/// Reads the command line, and for `serve` and `config` the environment and the file as well.
///
/// # Errors
/// The file cannot be read, or says something that no option takes. A wrong command line ends the program here.
pub fn read(command: Command, words: Vec<OsString>) -> Result<(ArgMatches, Options)> {
    let command = COMMANDS.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| {
            sub.mut_args(|arg| {
                let variable = variable(arg.get_id().as_str());
                // Made once, and needed to the end. Naming it beside each option would hide the options.
                arg.env(&*variable.leak()).hide_env(true)
            })
        })
    });
    let found = command.clone().get_matches_from(&words);
    let Some((name, chosen)) = found.subcommand().filter(|(name, _)| COMMANDS.contains(name)) else {
        return Ok((found, Options::default()));
    };
    let Some(sub) = command.find_subcommand(name).cloned() else { return Ok((found, Options::default())) };
    let Some(path) = chosen.get_one::<std::path::PathBuf>(FILE).cloned() else {
        let options = Options::of(&sub, chosen, &[]);
        return Ok((found, options));
    };
    let given = from_file(&sub, &path).with_context(|| format!("{} is no configuration", path.display()))?;
    let given: Vec<Given> = given.into_iter().filter(|given| !is_chosen(chosen, &given.id)).collect();
    let words = words.into_iter().chain(given.iter().flat_map(|given| given.words.iter().map(OsString::from)));
    let found = command.try_get_matches_from(words).unwrap_or_else(|error| {
        eprintln!("(with the options of {})", path.display());
        error.exit()
    });
    let from_file: Vec<String> = given.into_iter().map(|given| given.id).collect();
    let options = found.subcommand().map(|(_, chosen)| Options::of(&sub, chosen, &from_file));
    Ok((found, options.unwrap_or_default()))
}

/// Whether the command line or the environment says something about an option.
fn is_chosen(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn variable(id: &str) -> String {
    format!("CHORUS_{}", id.to_uppercase())
}

/// An option in a file, as it would stand on the command line.
struct Given {
    id: String,
    words: Vec<String>,
}

fn from_file(command: &Command, path: &Path) -> Result<Vec<Given>> {
    let text = std::fs::read_to_string(path).context("it cannot be read")?;
    let table: Table = text.parse()?;
    let mut given = Vec::new();
    for (key, value) in table {
        let section = SECTIONS.iter().find(|(section, _)| *section == key);
        match (section, value) {
            (Some((section, _)), Value::Table(table)) => {
                for (key, value) in table {
                    given.extend(option(command, section, &key, value)?);
                }
            }
            (Some(_), _) => bail!("{key} is a table: write [{key}] on a line of its own, and its settings below"),
            (None, value) => given.extend(option(command, "", &key, value)?),
        }
    }
    Ok(given)
}

fn option(command: &Command, section: &str, key: &str, value: Value) -> Result<Option<Given>> {
    let full = |section: &str, name: &str| match section {
        "" => name.to_owned(),
        section => format!("{section}.{name}"),
    };
    let Some(arg) = arguments(command).find(|arg| arg.get_id() == key && section_of(arg) == section) else {
        let known = arguments(command).map(|arg| full(section_of(arg), arg.get_id().as_str()));
        let scored = known.map(|name| {
            let last = name.rsplit('.').next().unwrap_or(&name);
            (strsim::jaro_winkler(last, key), name)
        });
        let nearest = scored.filter(|(score, _)| *score > ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = nearest.map(|(_, name)| format!("; did you mean {name}?")).unwrap_or_default();
        bail!("there is no option {}{hint}", full(section, key));
    };
    let name = full(section, key);
    let words = match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => vec![flag(arg)],
        (ArgAction::SetTrue, Value::Boolean(false)) => return Ok(None),
        (ArgAction::SetTrue, _) => bail!("{name} is true or false"),
        (_, Value::Array(values)) if takes_many(arg) => {
            let words = values.into_iter().map(|value| word(&name, value)).collect::<Result<Vec<_>>>()?;
            if words.is_empty() {
                return Ok(None);
            }
            vec![format!("{}={}", flag(arg), words.join(","))]
        }
        (_, value) => vec![format!("{}={}", flag(arg), word(&name, value)?)],
    };
    Ok(Some(Given { id: arg.get_id().to_string(), words }))
}

fn word(name: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        Value::Array(_) => bail!("{name} is one value, not a list"),
        Value::Table(_) => bail!("{name} is one value, not a table"),
        Value::Datetime(_) => bail!("{name} is no time; write it in quotes"),
    }
}

fn flag(arg: &Arg) -> String {
    format!("--{}", arg.get_long().unwrap_or_default())
}

/// The options that a file may have.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let is_help = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        arg.get_long().is_some() && !is_help && arg.get_id() != FILE
    })
}

fn section_of(arg: &Arg) -> &'static str {
    let holds = |options: Declared| {
        options(Command::new("section")).get_arguments().any(|known| known.get_id() == arg.get_id())
    };
    SECTIONS.iter().find(|(_, options)| holds(*options)).map_or("", |(section, _)| section)
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_value_delimiter().is_some()
}

impl Options {
    fn of(command: &Command, matches: &ArgMatches, from_file: &[String]) -> Self {
        let mut choices: Vec<Choice> = arguments(command)
            .map(|arg| {
                let id = arg.get_id().as_str();
                let raw = matches.get_raw(id).into_iter().flatten();
                let source = match matches.value_source(id) {
                    _ if from_file.iter().any(|given| given == id) => Source::File,
                    Some(ValueSource::CommandLine) => Source::Flag,
                    Some(ValueSource::EnvVariable) => Source::Environment,
                    Some(_) => Source::Default,
                    None => Source::Nowhere,
                };
                let values = match arg.get_action() {
                    ArgAction::SetTrue => vec![matches.get_flag(id).to_string()],
                    _ => raw.map(|value| value.to_string_lossy().into_owned()).collect(),
                };
                let (section, name) = (section_of(arg), id.to_owned());
                Choice { section, name, values, many: takes_many(arg), source, secret: arg.is_hide_env_values_set() }
            })
            .collect();
        choices.sort_by_key(|choice| SECTIONS.iter().position(|(section, _)| *section == choice.section));
        Self(choices)
    }

    /// What is not as it is by default, on one line, without secrets.
    pub fn changed(&self) -> String {
        self.chosen().map(|choice| format!("{}={}", choice.name, choice.shown())).collect::<Vec<_>>().join(" ")
    }

    /// The same of one section alone, as on the command line.
    pub fn changed_in(&self, section: &str) -> String {
        let changed = self.chosen().filter(|choice| choice.section == section);
        changed
            .map(|choice| format!("--{} {}", choice.name.replace('_', "-"), choice.shown()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn chosen(&self) -> impl Iterator<Item = &Choice> {
        self.0.iter().filter(|choice| !matches!(choice.source, Source::Default | Source::Nowhere))
    }
}

impl Choice {
    fn shown(&self) -> String {
        if self.secret { "(hidden)".to_owned() } else { self.values.join(",") }
    }

    /// As a value in a file.
    fn toml(&self) -> Value {
        let mut values = self.values.iter().map(|text| {
            let number = text.parse().map(Value::Integer);
            let number = number.or_else(|_| text.parse::<f64>().map(Value::Float));
            let truth = || text.parse().map(Value::Boolean);
            number.or_else(|_| truth()).unwrap_or_else(|_| Value::String(text.clone()))
        });
        if self.many {
            Value::Array(values.collect())
        } else {
            values.next().unwrap_or_else(|| Value::Array(Vec::new()))
        }
    }
}

/// A file that says the same, but for secrets, with a word on where each value comes from.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for choice in &self.0 {
            if choice.section != section {
                section = choice.section;
                writeln!(f, "\n[{section}]")?;
            }
            let Choice { name, .. } = choice;
            let source = match choice.source {
                Source::Flag => "command line".to_owned(),
                Source::Environment => format!("variable {}", variable(name)),
                Source::File => "file".to_owned(),
                Source::Default => "default".to_owned(),
                Source::Nowhere => String::new(),
            };
            match choice.source {
                Source::Nowhere => writeln!(f, "# {name} is not set")?,
                _ if choice.secret => writeln!(f, "# {name} is set and not shown  # {source}")?,
                _ => writeln!(f, "{name} = {}  # {source}", choice.toml())?,
            }
        }
        Ok(())
    }
}
