//! Which of the known names somebody meant by one that isn't among them.

/// How alike two names must be (Jaro & Winkler, 0 to 1) for one to be a slip of the other.
const ALIKE: f64 = 0.75;

/// The known name most like `name`: the only one that ends in it (`19` for `ravdess_19`), else the one whose spelling
/// is nearest. None where nothing is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let mut endings = known.iter().filter(|other| !name.is_empty() && other.to_lowercase().ends_with(&name));
    if let (Some(only), None) = (endings.next(), endings.next()) {
        return Some(only);
    }
    let scored = known.iter().map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), *other));
    scored.filter(|(score, _)| *score > ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
}

/// `; did you mean …?`, or nothing: the end of a message.
pub(crate) fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_endings_and_strangers() {
        let known = ["ravdess_01", "ravdess_11", "ravdess_19"];
        assert_eq!(nearest("ravdes_19", known), Some("ravdess_19"));
        assert_eq!(nearest("19", known), Some("ravdess_19"));
        assert_eq!(nearest("1", known), None, "two end in it");
        assert_eq!(nearest("Anna", known), None);
        assert_eq!(nearest("", known), None);
    }
}
