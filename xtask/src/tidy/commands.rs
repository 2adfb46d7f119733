//! That page and worker know the same commands, with the same fields: `Commands` in www/js/worker/messages.js, which
//! TypeScript holds the page to, and `Command` in wasm-client/src/commands.rs, which serde reads. Compares the two texts;
//! what a type means beyond its name is left to the readers of both.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

/// The fields of each command, by name.
type Commands = BTreeMap<String, BTreeMap<String, Field>>;

/// A field of a command.
#[derive(Debug, PartialEq)]
struct Field {
    /// Its type as JavaScript has it; none where that cannot be told.
    kind: Option<String>,
    /// Whether it may be left out.
    optional: bool,
}

/// Complaints about commands and fields that one side does not know, or knows otherwise.
///
/// # Errors
/// Where a source cannot be read, or has no commands.
pub fn complaints(worker: &Path, page: &Path) -> Result<Vec<String>> {
    let read = |file: &Path| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let theirs =
        of_enum(&read(&worker.join("commands.rs"))?, |module| read(&worker.join(module).with_extension("rs")))?;
    let ours = of_types(&read(&page.join("messages.js"))?);
    ensure!(
        !theirs.is_empty() && !ours.is_empty(),
        "no commands were found in {} or {}",
        worker.display(),
        page.display()
    );
    Ok(differences(&theirs, &ours))
}

fn differences(worker: &Commands, page: &Commands) -> Vec<String> {
    let mut found = Vec::new();
    for name in worker.keys().chain(page.keys().filter(|name| !worker.contains_key(*name))) {
        let (Some(theirs), Some(ours)) = (worker.get(name), page.get(name)) else {
            let (one, other) = if worker.contains_key(name) { ("worker", "page") } else { ("page", "worker") };
            found.push(format!("command `{name}`: the {one} knows it, the {other} does not"));
            continue;
        };
        for field in theirs.keys().chain(ours.keys().filter(|field| !theirs.contains_key(*field))) {
            match (theirs.get(field), ours.get(field)) {
                (Some(wanted), Some(given)) => {
                    if given.optional && !wanted.optional {
                        found.push(format!("command `{name}`: the page may leave `{field}` out, the worker needs it"));
                    }
                    if let (Some(wanted), Some(given)) = (&wanted.kind, &given.kind)
                        && wanted != given
                    {
                        found.push(format!(
                            "command `{name}`: `{field}` is `{wanted}` for the worker, `{given}` for the page"
                        ));
                    }
                }
                (Some(wanted), None) if wanted.optional => {}
                (Some(_), None) => found.push(format!("command `{name}`: the page gives no `{field}`")),
                (None, _) => found.push(format!("command `{name}`: the worker knows no `{field}`")),
            }
        }
    }
    found
}

/// The variants of `Command`. `read` gives the source of a module that has the struct of a variant like `Charts(charts::Request)`.
fn of_enum(source: &str, read: impl Fn(&str) -> Result<String>) -> Result<Commands> {
    let mut commands = Commands::new();
    let mut lines = body_of(source, "pub enum Command {").lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(end) = line.find([' ', '(']).filter(|_| line.starts_with(char::is_uppercase)) else { continue };
        let name = in_snake_case(&line[..end]);
        let fields = if let Some(tuple) = line[end..].strip_prefix('(') {
            let path = tuple.trim_end_matches("),");
            let (module, of) = path.rsplit_once("::").with_context(|| format!("`{path}` names no module"))?;
            let source = read(module)?;
            fields_of(body_of(&source, &format!("struct {of} {{")).lines().map(str::trim))
        } else if line.ends_with("{},") {
            BTreeMap::new()
        } else {
            fields_of(lines.by_ref().take_while(|line| *line != "},"))
        };
        commands.insert(name, fields);
    }
    Ok(commands)
}

/// What stands between a line and the brace in the first column that closes it.
fn body_of<'a>(source: &'a str, opening: &str) -> &'a str {
    let after = source.split_once(opening).map_or("", |(_, after)| after);
    after.split_once("\n}").map_or(after, |(body, _)| body)
}

fn fields_of<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, Field> {
    let mut fields = BTreeMap::new();
    let mut default = false;
    for line in lines {
        if line.starts_with("#[serde(default") {
            default = true;
        } else if !line.starts_with("//")
            && !line.starts_with('#')
            && let Some((name, kind)) = line.trim_end_matches(',').split_once(": ")
        {
            let name = name.rsplit(' ').next().unwrap_or(name);
            let optional = default || kind.starts_with("Option<");
            fields.insert(name.to_owned(), Field { kind: in_javascript(kind), optional });
            default = false;
        }
    }
    fields
}

/// A type of Rust as JavaScript has it, where it is a plain one.
fn in_javascript(kind: &str) -> Option<String> {
    let inside = |of: &str| kind.strip_prefix(of)?.strip_suffix('>').and_then(in_javascript);
    Some(match kind {
        "String" => "string".to_owned(),
        "bool" => "boolean".to_owned(),
        "f32" | "f64" | "u8" | "u16" | "u32" | "u64" | "usize" => "number".to_owned(),
        "ArrayBuffer" | "Float32Array" => kind.to_owned(),
        _ => match (inside("Option<"), inside("Vec<")) {
            (Some(kind), _) => format!("{kind} | null"),
            (_, Some(kind)) => format!("{kind}[]"),
            _ => return None,
        },
    })
}

fn in_snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The properties of `Commands`: `@property {Command<{field: type, other?: type}, Answer>} name`.
fn of_types(source: &str) -> Commands {
    let commands = source.lines().filter_map(|line| line.split_once("@property {Command<")).filter_map(|(_, rest)| {
        let (kind, name) = rest.rsplit_once(">} ").filter(|(_, name)| !name.is_empty())?;
        let name = name.split(' ').next()?;
        let fields = pieces(kind).into_iter().next()?.trim();
        let fields = fields.strip_prefix('{').and_then(|fields| fields.strip_suffix('}')).unwrap_or_default();
        let fields = pieces(fields).into_iter().filter_map(|field| {
            let (name, kind) = field.split_once(": ")?;
            let plain = ["string", "number", "boolean", "ArrayBuffer", "Float32Array"];
            let base = kind.trim().trim_end_matches(" | null").trim_end_matches("[]");
            let known = plain.contains(&base).then(|| kind.trim().to_owned());
            let optional = name.ends_with('?');
            Some((name.trim().trim_end_matches('?').to_owned(), Field { kind: known, optional }))
        });
        Some((name.to_owned(), fields.collect()))
    });
    commands.collect()
}

/// A text at those of its commas that are in no brackets.
fn pieces(text: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut pieces) = (0_i32, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '{' | '[' | '<' | '(' => depth += 1,
            '}' | ']' | '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    const ENUM: &str = "
pub enum Command {
    /// Adds sound.
    AddPcm {
        /// A name: any.
        name: String,
        path: Option<String>,
        #[serde(with = \"serde_wasm_bindgen::preserve\")]
        samples: Float32Array,
        #[serde(default)]
        made_up: bool,
    },
    /// Takes back.
    Undo {},
    Charts(charts::Request),
}
";
    const STRUCT: &str =
        "pub struct Request {\n    /// Counts.\n    confusion: Option<Vec<Vec<u32>>>,\n    pub words: ChartWords,\n}";
    const TYPES: &str = "
 * @property {Command<{name: string, path?: string | null, samples: Float32Array}, {clip: number}>} add_pcm with its name
 * @property {Command<Nothing, Nothing>} undo
 * @property {Command<{confusion: number[][] | null, words: {a: string, b: number}}, Charts>} charts
";

    fn compare(types: &str) -> Vec<String> {
        let theirs = of_enum(ENUM, |module| {
            assert_eq!(module, "charts");
            Ok(STRUCT.to_owned())
        });
        differences(&theirs.unwrap(), &of_types(types))
    }

    #[test]
    fn the_two_ends_agree() {
        let workspace = places::workspace();
        let found = complaints(&workspace.join("wasm-client/src"), &workspace.join("www/js/worker")).unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn whatever_differs_is_told_of() {
        assert_eq!(compare(TYPES), [""; 0]);
        for (from, to, complaint) in [
            ("} undo", "} redo", "command `undo`: the worker knows it, the page does not"),
            ("samples: Float32Array", "samples: number[]", "`samples` is `Float32Array` for the worker, `number[]`"),
            ("{name: string, ", "{", "the page gives no `name`"),
            ("name: string, ", "name?: string, ", "the page may leave `name` out"),
            ("{name: string, ", "{name: string, loud: boolean, ", "the worker knows no `loud`"),
            ("number[][] | null", "number[][]", "`confusion` is `number[][] | null` for the worker, `number[][]`"),
        ] {
            let found = compare(&TYPES.replace(from, to));
            assert!(found.iter().any(|line| line.contains(complaint)), "{to}: {found:?}");
        }
    }
}
