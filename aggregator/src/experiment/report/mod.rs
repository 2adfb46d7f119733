//! Placeholder.
use super::results::Results;
/// The page.
pub fn page(results: &Results) -> String {
    results.command.clone()
}
