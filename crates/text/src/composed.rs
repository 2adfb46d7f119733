//! One spelling for letters that have two in Unicode: `ż` as one letter, as keyboards write it, or as `z` with a dot behind it, as
//! macOS stores names of files. What is compared here is composed first (normalisation form C, Unicode Standard Annex 15).
//!
//! Without the feature `compose` texts are left as they are: a browser composes them itself.

use std::borrow::Cow;

/// A text with every letter in its composed form.
#[cfg(feature = "compose")]
pub fn composed(text: &str) -> Cow<'_, str> {
    icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A text as it is.
#[cfg(not(feature = "compose"))]
pub fn composed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// A text with every letter taken apart, as macOS stores names of files.
#[cfg(feature = "compose")]
pub fn decomposed(text: &str) -> Cow<'_, str> {
    icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(text)
}

/// A text as it is.
#[cfg(not(feature = "compose"))]
pub fn decomposed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
