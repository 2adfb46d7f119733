//! Four made-up words that stand for everyone's seat keys, to be compared aloud: whoever hears the same words on all screens knows
//! that all have the same seats before them, and that the server put none of its own between two of them.
//!
//! A word is three syllables of one of eight consonants and one of four vowels, which sound apart in English, German and
//! Spanish; four words are 60 bits (in the manner of D. Wilkerson's proquints, arXiv:0901.4016).

use std::fmt;

use protocol::Hex;

use crate::task::hash;

const CONSONANTS: &[u8; 8] = b"bfklmrst";
const VOWELS: &[u8; 4] = b"aiou";

/// The four words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub [String; 4]);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The words for these seats, in whichever order they are given.
pub fn words(seats: impl IntoIterator<Item = Hex<32>>) -> Words {
    let mut seats: Vec<[u8; 32]> = seats.into_iter().map(|seat| seat.0).collect();
    seats.sort_unstable();
    seats.dedup();
    let digest = hash("chorus roster words", &[&(seats.len() as u32).to_le_bytes(), seats.as_flattened()]);
    let mut bits = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|index| digest[index]));
    let mut syllable = || {
        let (consonant, vowel) = (CONSONANTS[(bits & 7) as usize], VOWELS[(bits >> 3 & 3) as usize]);
        bits >>= 5;
        [char::from(consonant), char::from(vowel)]
    };
    let mut word = || (0..3).flat_map(|_| syllable()).collect();
    Words([word(), word(), word(), word()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_all_seats_whatever_their_order() {
        let seats = [Hex([1; 32]), Hex([2; 32]), Hex([3; 32])];
        let said = words(seats);
        assert_eq!(said, words([seats[2], seats[0], seats[1], seats[0]]));
        assert_ne!(said, words(seats[..2].iter().copied()));
        for word in &said.0 {
            let letters = word.as_bytes();
            assert!(
                letters.len() == 6
                    && letters.chunks(2).all(|pair| CONSONANTS.contains(&pair[0]) && VOWELS.contains(&pair[1]))
            );
        }
    }
}
