//! The page that says how the program's own authority is installed, and the file that is. It stands in one document without scripts,
//! so that it can be read over plain http too, before a browser trusts anything here.

mod words;

use std::sync::Arc;

use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, PreEscaped, html};
use words::{LANGUAGES, Words};

use crate::server::tls::Own;

/// The page.
pub const PAGE: &str = "/certificate";
/// The file, with the ending that Windows and Android look for.
pub const FILE: &str = "/certificate.crt";
/// Apple's systems, Android and Windows offer to install what is called this.
const CERTIFICATE: &str = "application/x-x509-ca-cert";
/// It has a style of its own and nothing else, whatever else the pages may load.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 42rem; padding: 1.5rem 1rem 3rem; font: 1.0625rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
nav a { display: inline-block; padding: 0.625rem 0.75rem 0.625rem 0; }
summary { padding: 0.75rem 0; font-weight: 600; cursor: pointer; }
li { margin: 0.375rem 0; }
code { font-size: 0.875rem; }
.file { display: inline-block; margin: 0.5rem 0; padding: 0.75rem 1rem; border: 2px solid; border-radius: 0.5rem; font-weight: 600; }
";

/// What a request for one of the two addresses is answered; `None` for any other address. `languages` is `Accept-Language`.
pub fn answer(own: &Own, path_and_query: &str, languages: &str) -> Option<(&'static str, String)> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    match path {
        PAGE => Some(("text/html; charset=utf-8", page(own, language(query, languages)))),
        FILE => Some((CERTIFICATE, own.authority())),
        _ => None,
    }
}

/// The same as an answer over https.
pub fn response(own: Option<&Arc<Own>>, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let languages = headers.get(ACCEPT_LANGUAGE).and_then(|languages| languages.to_str().ok()).unwrap_or_default();
    let (kind, body) = answer(own?, uri.path_and_query()?.as_str(), languages)?;
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
    Some((headers, body).into_response())
}

/// The language that was chosen, or else the first one that the browser asks for and that there is.
fn language(query: &str, languages: &str) -> &'static Words {
    let chosen = query.split('&').filter_map(|pair| pair.strip_prefix("lang="));
    let asked = languages.split(',').map(|language| language.split([';', '-']).next().unwrap_or_default().trim());
    let known = |code: &str| LANGUAGES.iter().find(|words| words.code.eq_ignore_ascii_case(code));
    chosen.chain(asked).find_map(known).unwrap_or(&LANGUAGES[0])
}

fn page(own: &Own, words: &Words) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(words.code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (words.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav {
                    @for language in &LANGUAGES {
                        a href=(format!("{PAGE}?lang={}", language.code)) lang=(language.code) { (language.name) }
                    }
                }
                main {
                    h1 { (words.title) }
                    p { (words.why) }
                    p { (words.whom) }
                    a.file href=(FILE) download="chorus.crt" { (words.file) }
                    @for system in &words.systems {
                        details {
                            summary { (system.name) }
                            ol { @for step in system.steps { li { (step) } } }
                        }
                    }
                    p { (words.then) }
                    p { (words.compare) br; code { (own.authority_fingerprint()) } }
                    p { (words.after) }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_in_the_language_that_was_asked_for() {
        let code = |query, languages| language(query, languages).code;
        assert_eq!(code("", "de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(code("", "fr,es;q=0.5"), "es");
        assert_eq!(code("", ""), "en");
        assert_eq!(code("lang=es", "de"), "es");
        assert_eq!(code("lang=tlh", "de"), "de");
    }

    #[test]
    fn every_language_has_the_same_systems_with_as_many_steps() {
        let shape = |words: &Words| words.systems.each_ref().map(|system| system.steps.len());
        for words in &LANGUAGES {
            assert_eq!(shape(words), shape(&LANGUAGES[0]), "{}", words.code);
            let sentences = [words.title, words.why, words.whom, words.file, words.then, words.compare, words.after];
            let steps = words.systems.iter().flat_map(|system| system.steps.iter().copied());
            assert!(sentences.into_iter().chain(steps).all(|sentence| sentence.len() > 10), "{}", words.code);
        }
    }
}
