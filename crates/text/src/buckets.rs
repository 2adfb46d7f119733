//! From a transcript to the numbers of buckets ("the hashing trick", Weinberger et al. 2009, as fastText uses it for
//! subwords, Bojanowski et al. 2017). Nothing here is learnt or looked up, and another program can do the same in a few lines:
//! `tests/reference/text/golden.py` does.
//!
//! 1. Each letter is made the lower case of its upper case (`ẞ`, `ß` and `SS` are all `ss`, and `Σ`, `σ`, `ς` all `σ`).
//! 2. Pieces are the *n-grams*, 3, 4 and 5 neighbouring characters of the text with a space before and one behind it; and the
//!    *words*, what stands between spaces, without signs at its ends where anything else is left. Of scripts that have no spaces
//!    between words each letter is a word, and each pair of neighbours.
//! 3. A piece's bucket is the 32-bit FNV-1a hash of one byte, `g` for an n-gram and `w` for a word, and the piece in UTF-8,
//!    folded: (hash >> 13 ^ hash) & 8191.

/// How many buckets there are: 2^13.
pub const BUCKETS: usize = 1 << 13;
/// Most pieces of one transcript. Changing the case may make three letters of one; each begins three n-grams and two words.
pub const MOST: usize = 1 << 14;

/// Lengths of n-grams, in characters.
const LENGTHS: [usize; 3] = [3, 4, 5];
/// <https://datatracker.ietf.org/doc/html/rfc9923>, the 32-bit parameters.
const OFFSET_BASIS: u32 = 0x811C_9DC5;
const PRIME: u32 = 0x0100_0193;

/// The buckets of all pieces, ascending.
pub(crate) fn of(line: &str) -> Vec<u16> {
    let folded: Vec<char> = line.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let spaced = [&[' '], folded.as_slice(), &[' ']].concat();
    let mut buckets: Vec<u16> =
        LENGTHS.iter().flat_map(|&length| spaced.windows(length)).map(|gram| bucket(b'g', gram)).collect();
    for between in folded.split(|letter| *letter == ' ') {
        for run in between.chunk_by(|one, next| has_no_spaces(*one) == has_no_spaces(*next)) {
            if run.first().is_some_and(|first| has_no_spaces(*first)) {
                buckets.extend(run.chunks(1).chain(run.windows(2)).map(|word| bucket(b'w', word)));
            } else {
                buckets.push(bucket(b'w', without_signs(run)));
            }
        }
    }
    buckets.sort_unstable();
    buckets
}

/// A word without signs at its ends; signs alone stay as they are.
fn without_signs(run: &[char]) -> &[char] {
    let begin = run.iter().position(|letter| !is_sign(*letter));
    let end = run.iter().rposition(|letter| !is_sign(*letter));
    begin.zip(end).and_then(|(begin, end)| run.get(begin..=end)).unwrap_or(run)
}

fn bucket(kind: u8, piece: &[char]) -> u16 {
    let mut hash = (OFFSET_BASIS ^ u32::from(kind)).wrapping_mul(PRIME);
    for letter in piece {
        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(PRIME);
        }
    }
    ((hash >> 13 ^ hash) & (BUCKETS as u32 - 1)) as u16
}

/// Signs of writing: those of ASCII and Latin-1, dashes and quotation marks, and those of Arabic, Devanagari and Chinese.
fn is_sign(letter: char) -> bool {
    letter.is_ascii_punctuation()
        || matches!(letter,
            '\u{A1}'..='\u{BF}' | '\u{60C}' | '\u{61B}' | '\u{61F}' | '\u{964}' | '\u{965}' | '\u{2010}'..='\u{205E}'
            | '\u{3001}'..='\u{303F}' | '\u{FF01}'..='\u{FF0F}' | '\u{FF1A}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF40}'
            | '\u{FF5B}'..='\u{FF65}')
}

/// Whether it belongs to a script that puts no spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters.
fn has_no_spaces(letter: char) -> bool {
    matches!(letter,
        '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}'
        | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FF9F}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{LONGEST, Transcript};

    #[derive(Deserialize)]
    struct Case {
        text: String,
        buckets: Vec<u16>,
    }

    /// What `tests/reference/text/golden.py` makes of the same texts, in a dozen scripts.
    #[test]
    fn buckets_are_those_of_the_reference() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/golden.json")).unwrap();
        assert!(cases.len() > 15);
        for Case { text, buckets } in cases {
            assert_eq!(Transcript::new(&text).unwrap().buckets(), buckets, "{text}");
        }
    }

    /// The published hash of the empty text, of "a" and of "foobar" (RFC 9923, appendix C), which our pieces begin with.
    #[test]
    fn the_hash_is_the_published_one() {
        let fnv =
            |text: &str| text.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME));
        assert_eq!([fnv(""), fnv("a"), fnv("foobar")], [0x811C_9DC5, 0xE40C_292C, 0xBF9C_F968]);
        let folded = |hash: u32| ((hash >> 13 ^ hash) & 0x1FFF) as u16;
        assert_eq!(bucket(b'f', &['o', 'o', 'b', 'a', 'r']), folded(0xBF9C_F968));
    }

    #[test]
    fn there_are_never_more_than_a_network_takes() {
        // Three letters in upper case, and a script without spaces.
        for letter in ["\u{390}", "好", "a ", "😀"] {
            let letters: String = letter.chars().cycle().take(LONGEST).collect();
            let buckets = Transcript::new(&letters).unwrap().buckets();
            assert!(!buckets.is_empty() && buckets.len() <= MOST, "{letter}: {}", buckets.len());
            assert!(buckets.iter().all(|&bucket| usize::from(bucket) < BUCKETS));
        }
        assert!(!Transcript::new("a").unwrap().buckets().is_empty(), "the shortest has pieces, too");
    }
}
