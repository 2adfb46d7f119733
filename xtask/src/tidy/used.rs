//! That every file of the pages is named by something: a page, a module, a style, or one of the programs.

use super::Source;

/// Complaints about the files of `www/` that nothing else in there, and nothing in `others`, names.
pub fn unused(pages: &[Source], others: &[Source]) -> Vec<String> {
    let languages = pages.iter().find(|page| page.path.ends_with("/language.js")).map_or("", |page| &page.text);
    let is_used = |file: &Source| match file.path.strip_prefix("words/").and_then(|name| name.strip_suffix(".js")) {
        // Words are chosen by the code of their language.
        Some(code) => languages.contains(&format!(" {code}: '")),
        None => pages.iter().chain(others).any(|other| other.path != file.path && names(&other.text, &file.path)),
    };
    let left: Vec<&Source> = pages.iter().filter(|file| !is_used(file)).collect();
    left.into_iter().map(|file| format!("www/{}: nothing uses it", file.path)).collect()
}

/// Whether a file's name stands in a text as the end of something in quotes or brackets.
fn names(text: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    text.match_indices(name).any(|(at, _)| {
        text[..at].ends_with(['/', '"', '\'', '`']) && text[at + name.len()..].starts_with(['"', '\'', '`', ')'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn what_nothing_names_is_told_of() {
        let pages = [
            source("index.html", "<script src=\"/js/a.js\"></script>"),
            source("js/a.js", "import './language.js'; // once there was b.js"),
            source("js/b.js", "import './b.js';"),
            source("js/language.js", "const LANGUAGES = { en: 'English' };"),
            source("words/en.js", ""),
            source("words/xx.js", ""),
        ];
        let programs = [source("pages.rs", "page(\"index.html\")")];
        assert_eq!(unused(&pages, &programs), ["www/js/b.js: nothing uses it", "www/words/xx.js: nothing uses it"]);
    }
}
