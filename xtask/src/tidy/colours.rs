//! That css/tokens.css alone names colours: everything else takes them from there, so that light and dark stay in step.

use super::Source;

const TOKENS: &str = "css/tokens.css";
/// Functions that make a colour of numbers.
const FUNCTIONS: [&str; 10] = ["rgb(", "rgba(", "hsl(", "hsla(", "hwb(", "lab(", "lch(", "oklab(", "oklch(", "color("];
/// Names that anyone might write; `transparent` and `currentcolor` are none of their own.
const NAMES: [&str; 24] = [
    "aqua", "black", "blue", "brown", "crimson", "cyan", "fuchsia", "gold", "gray", "green", "grey", "indigo", "lime",
    "magenta", "maroon", "navy", "olive", "orange", "pink", "purple", "red", "silver", "teal", "white",
];

/// Complaints about colours in a style sheet or a module. Pictures are files of their own, which no token reaches.
pub fn named_in(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let values = match path.rsplit_once('.') {
        Some((_, "css")) if path != TOKENS => values_of(text),
        Some((_, "js")) if path.starts_with("js/") => text.split(['\'', '"', '`']).skip(1).step_by(2).collect(),
        _ => return Vec::new(),
    };
    let found = values.into_iter().filter(|value| is_colour(value) || (path.ends_with(".css") && has_name(value)));
    found.map(|value| format!("www/{path}: `{}` names a colour, which only {TOKENS} does", value.trim())).collect()
}

/// The values of a style sheet's declarations.
fn values_of(sheet: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = sheet;
    while let Some(end) = rest.find(['{', '}', ';']) {
        let (piece, after) = rest.split_at(end);
        let piece = piece.rsplit("*/").next().unwrap_or_default();
        if !after.starts_with('{')
            && let Some((_, value)) = piece.split_once(':')
        {
            values.push(value);
        }
        rest = &after[1..];
    }
    values
}

/// Whether a colour is made of numbers in here.
fn is_colour(value: &str) -> bool {
    let begins = |at: usize| !value[..at].ends_with(|before: char| before.is_alphanumeric() || before == '-');
    let function = FUNCTIONS.iter().any(|function| value.match_indices(function).any(|(at, _)| begins(at)));
    let hex = value.split('#').skip(1).any(|after| {
        let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '-').unwrap_or(after.len());
        matches!(end, 3 | 4 | 6 | 8) && after[..end].chars().all(|letter| letter.is_ascii_hexdigit())
    });
    function || hex
}

fn has_name(value: &str) -> bool {
    value.split(|letter: char| !letter.is_alphanumeric() && letter != '-').any(|word| NAMES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        named_in(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_colour_is_seen_in_whatever_form() {
        assert_eq!(found("css/a.css", "a:hover { color: #FFF; border: 1px solid rgb(1 2 3 / 5%) }"), 2);
        assert_eq!(found("css/a.css", "@media print { body { background: white; } }"), 1);
        assert_eq!(found("js/room/a.js", "context.fillStyle = 'rgb(255 255 255 / 88%)';"), 1);
        assert_eq!(found("js/room/a.js", "const ink = '#1d2230';"), 1);
    }

    #[test]
    fn what_only_looks_like_one_is_let_pass() {
        assert_eq!(found("css/tokens.css", ":root { --ink: #1d2230; }"), 0);
        assert_eq!(found("css/a.css", "/* #fff; */ #dead-end { white-space: nowrap; color: var(--red); }"), 0);
        assert_eq!(found("css/a.css", "a { background: color-mix(in oklab, var(--bad) 85%, var(--ink)); }"), 0);
        assert_eq!(found("js/room/a.js", "byId('dead-end').href = '#clips'; const white = '{word}';"), 0);
        assert_eq!(found("favicon.svg", "<rect fill=\"#3d4bb8\"/>"), 0);
    }
}
