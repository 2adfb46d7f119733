//! The search for what is said in one's clips in what was sent: each text whole, in the ways in which programs write text. That its
//! buckets are not there is looked for as the voice is, in runs.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use text::Transcript;

/// Texts of fewer bytes are not looked for: they are in everything.
pub(crate) const SHORTEST: usize = 8;

/// A text in each way in which it may have been written: UTF-8, as JSON has it with and without letters beyond ASCII, UTF-16.
fn ways(text: &str) -> BTreeSet<Vec<u8>> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let ascii: String = json
        .encode_utf16()
        .map(|unit| {
            u8::try_from(unit)
                .ok()
                .filter(u8::is_ascii)
                .map_or(format!("\\u{unit:04x}"), |letter| char::from(letter).to_string())
        })
        .collect();
    let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    BTreeSet::from([text.as_bytes().to_vec(), json.as_bytes().to_vec(), ascii.into_bytes(), wide])
}

/// Buckets as lists of numbers: 16 or 32 bits each, or f32.
pub(crate) fn buckets(text: &Transcript) -> [Vec<u8>; 3] {
    let buckets = text.buckets();
    [
        buckets.iter().flat_map(|bucket| bucket.to_le_bytes()).collect(),
        buckets.iter().flat_map(|&bucket| u32::from(bucket).to_le_bytes()).collect(),
        buckets.iter().flat_map(|&bucket| f32::from(bucket).to_le_bytes()).collect(),
    ]
}

/// Whether a text is long enough to be looked for.
pub(crate) fn is_telling(text: &Transcript) -> bool {
    text.as_str().len() >= SHORTEST
}

/// In which pieces of what was sent a text was found, and how many bytes of it; once a piece and way of writing.
pub(crate) fn found<'a>(
    sent: &[(u32, Bytes)],
    texts: impl IntoIterator<Item = &'a Transcript>,
) -> BTreeSet<(u32, usize)> {
    let mut needles = HashMap::<[u8; SHORTEST], Vec<Vec<u8>>>::new();
    for way in texts.into_iter().filter(|text| is_telling(text)).flat_map(|text| ways(text.as_str())) {
        if let Some(&first) = way.first_chunk() {
            needles.entry(first).or_default().push(way);
        }
    }
    let mut found = BTreeSet::new();
    for (number, bytes) in sent {
        for at in 0..bytes.len() {
            let Some(rest) = bytes.get(at..) else { break };
            let Some(first) = rest.first_chunk::<SHORTEST>() else { break };
            let here = needles.get(first).into_iter().flatten().filter(|needle| rest.starts_with(needle));
            found.extend(here.map(|needle| (*number, needle.len())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Transcript {
        Transcript::new(text).unwrap()
    }

    fn sent(bytes: &[u8]) -> Vec<(u32, Bytes)> {
        vec![(3, Bytes::copy_from_slice(bytes))]
    }

    #[test]
    fn a_text_is_found_however_it_is_written() {
        let said = text("Grüße an “Łukasz” 😀");
        // As Python's json.dumps writes it.
        let escaped = r"Gr\u00fc\u00dfe an \u201c\u0141ukasz\u201d \ud83d\ude00";
        let wide: Vec<u8> = said.as_str().encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [said.as_str().as_bytes(), escaped.as_bytes(), &wide] {
            let around = [b"{\"text\":\"", bytes, b"\"}"].concat();
            assert_eq!(found(&sent(&around), [&said]), BTreeSet::from([(3, bytes.len())]), "{around:?}");
        }
        let quoted = text("she said \"no\"");
        assert_eq!(found(&sent(br#"["she said \"no\""]"#), [&quoted]).len(), 1);
    }

    #[test]
    fn what_was_not_sent_is_not_found_and_short_texts_are_not_looked_for() {
        let said = text("The bus comes at eight");
        assert!(found(&sent(b"The bus comes at nine, the bus comes at eigh"), [&said]).is_empty());
        assert!(found(&sent(b"{\"type\":\"pause\",\"no\":\"no way\"}"), [&text("no"), &text("no way")]).is_empty());
        assert!(!is_telling(&text("no way")) && is_telling(&text("no way!?")));
        assert!(found(&[], [&said]).is_empty());
    }
}
