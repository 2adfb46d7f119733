//! The search for one's own voice in what was sent: any run of bytes of a clip's sound or features, as they are kept or
//! as a network takes them; and for what is said in it. A piece of the voice and a text are planted in a copy of what was sent; a
//! search that does not find them is worth nothing, and says so.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;
use models::Standardisation;
use serde::Serialize;
use text::Transcript;

use crate::receipts::MOST_RECEIPTS;
use crate::{ClipSound, Receipts, text_search};

/// Bytes of one key of the search.
const KEY: usize = 16;
/// Bytes that have to be the same, one after the other, to count as found: every run of that many holds a whole key.
const RUN: usize = 2 * KEY;
/// Bytes of such a run that have to differ from the value before: silence and padding are in everything.
const TELLING: usize = 12;
/// Bytes of the voice that are planted for the search to prove itself with.
const PLANTED: usize = 4 * KEY;
/// The number of the planted piece's receipt; those of what was sent are counted from 1.
const PLANT: u32 = 0;

/// What the search looked for, where it looked, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Searched {
    /// Clips whose sound and features were looked for.
    pub clips: usize,
    /// Bytes of sound that were looked for: as 16-bit samples and as f32.
    pub sound_bytes: u64,
    /// Bytes of features that were looked for: as they are and standardised.
    pub feature_bytes: u64,
    /// Bytes that were looked through.
    pub searched_bytes: u64,
    /// Whether the search found the piece of the voice that was planted into a copy, to prove that it can find.
    pub proved: bool,
    /// Receipts in which a run of the voice was found, and how many bytes long it was.
    pub found: Vec<(u32, usize)>,
    /// Different texts that were looked for, whole and as buckets.
    pub texts: usize,
    /// Those that are too short to be looked for.
    pub short_texts: usize,
    /// Whether the search found the text that was planted.
    pub text_proved: bool,
    /// Receipts in which a text, or a run of its buckets, was found, and how many bytes of it.
    pub found_text: Vec<(u32, usize)>,
}

/// A search, clip by clip, so that the shell can do other things between two of them.
pub struct VoiceSearch {
    haystack: Haystack,
    standardisation: Option<Standardisation>,
    searched: Searched,
}

impl VoiceSearch {
    /// Begins a search for `voice` and what is said in it in what these receipts still hold. Features are looked for standardised
    /// too, once the group's statistics are known.
    pub fn new<'a>(
        receipts: &Receipts,
        voice: impl IntoIterator<Item = &'a ClipSound>,
        texts: &BTreeSet<Transcript>,
        standardisation: Option<Standardisation>,
    ) -> Self {
        let mut sent: Vec<(u32, Bytes)> = receipts.sent().cloned().collect();
        let searched_bytes = sent.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        // A piece of the voice and a text in a copy of the last message.
        let planted = voice
            .into_iter()
            .find_map(|clip| clip.samples().windows(PLANTED).step_by(KEY).find(|piece| telling(piece) > PLANTED / 2));
        let text = texts.iter().find(|text| text_search::is_telling(text)).map(|text| text.as_str().as_bytes());
        if let Some((_, last)) = sent.last().filter(|_| planted.is_some() || text.is_some()) {
            let (before, after) = last.split_at(last.len() / 2);
            sent.push((PLANT, [before, planted.unwrap_or_default(), text.unwrap_or_default(), after].concat().into()));
        }
        let searched = Searched { searched_bytes, ..Searched::default() };
        Self { haystack: Haystack::of(sent), standardisation, searched }
    }

    /// Looks for one clip.
    pub fn look_for(&mut self, clip: &ClipSound) {
        let sound = clip.samples();
        let floats: Vec<u8> = sound
            .as_chunks::<2>()
            .0
            .iter()
            .flat_map(|&sample| (f32::from(i16::from_le_bytes(sample)) / 32_768.0).to_le_bytes())
            .collect();
        let plain: Vec<u8> = clip.inputs.iter().flat_map(|value| value.to_le_bytes()).collect();
        let standardised: Vec<u8> = self.standardisation.as_ref().map_or_else(Vec::new, |scale| {
            let scales = scale.mean.iter().zip(&scale.deviation).cycle();
            let values = clip.inputs.iter().zip(scales);
            values.flat_map(|(x, (mean, deviation))| ((x - mean) / deviation).to_le_bytes()).collect()
        });
        self.searched.clips += 1;
        self.searched.sound_bytes += (sound.len() + floats.len()) as u64;
        self.searched.feature_bytes += (plain.len() + standardised.len()) as u64;
        for needle in [sound, &floats, &plain, &standardised] {
            for (number, bytes) in self.haystack.runs_of(needle) {
                if number == PLANT {
                    self.searched.proved = true;
                } else if self.searched.found.len() < MOST_RECEIPTS {
                    self.searched.found.push((number, bytes));
                }
            }
        }
    }

    /// Looks for what is said.
    pub fn look_for_texts(&mut self, texts: &BTreeSet<Transcript>) {
        let short = texts.iter().filter(|text| !text_search::is_telling(text)).count();
        self.searched.texts += texts.len() - short;
        self.searched.short_texts += short;
        let buckets = texts.iter().flat_map(text_search::buckets);
        let runs: Vec<_> = buckets.flat_map(|buckets| self.haystack.runs_of(&buckets)).collect();
        for (number, bytes) in text_search::found(&self.haystack.sent, texts).into_iter().chain(runs) {
            if number == PLANT {
                self.searched.text_proved = true;
            } else if self.searched.found_text.len() < MOST_RECEIPTS {
                self.searched.found_text.push((number, bytes));
            }
        }
    }

    /// What was found.
    pub fn finish(self) -> Searched {
        self.searched
    }
}

/// How many of the bytes differ from the byte one f32 before.
fn telling(run: &[u8]) -> usize {
    run.iter().zip(run.iter().skip(4)).filter(|(before, byte)| before != byte).count()
}

/// Sent bytes, found again by any whole key of theirs.
struct Haystack {
    sent: Vec<(u32, Bytes)>,
    keys: HashMap<u128, (u32, u32), BuildHasherDefault<KeyHasher>>,
}

impl Haystack {
    fn of(sent: Vec<(u32, Bytes)>) -> Self {
        let mut keys = HashMap::<_, _, BuildHasherDefault<KeyHasher>>::default();
        for (piece, (_, bytes)) in sent.iter().enumerate() {
            for (place, &key) in bytes.as_chunks::<KEY>().0.iter().enumerate() {
                if telling(&key) > 0 {
                    keys.entry(u128::from_le_bytes(key)).or_insert((piece as u32, (place * KEY) as u32));
                }
            }
        }
        Self { sent, keys }
    }

    /// Runs of at least [`RUN`] bytes that `needle` and the sent bytes share: the receipt's number and the length.
    fn runs_of(&self, needle: &[u8]) -> Vec<(u32, usize)> {
        let mut runs = Vec::new();
        let mut at = 0;
        while let Some(&key) = needle.get(at..).and_then(<[u8]>::first_chunk::<KEY>) {
            at += 1;
            let Some(&(piece, place)) = self.keys.get(&u128::from_le_bytes(key)) else { continue };
            let Some((number, bytes)) = self.sent.get(piece as usize) else { continue };
            let same = |(a, b): &(&u8, &u8)| a == b;
            let (Some((left, right)), Some((sent_left, sent_right))) =
                (needle.split_at_checked(at - 1), bytes.split_at_checked(place as usize))
            else {
                continue;
            };
            let before = left.iter().rev().zip(sent_left.iter().rev()).take_while(same).count();
            let after = right.iter().zip(sent_right).take_while(same).count();
            let run = needle.get(at - 1 - before..at - 1 + after).unwrap_or_default();
            if run.len() >= RUN && telling(run) >= TELLING {
                runs.push((*number, run.len()));
                at += after;
            }
        }
        runs
    }
}

/// Keys are as good as random already: folding them is enough.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u128(&mut self, key: u128) {
        let folded = (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((key >> 64) as u64);
        self.0 = folded.wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use corpus::synth::Voice;
    use protocol::{ClientMessage, Encoding};

    use super::*;

    fn clip() -> ClipSound {
        ClipSound::of(&Voice::new(3).say(0, 0)).unwrap()
    }

    fn receipts_of(frames: &[Vec<u8>]) -> Receipts {
        let mut receipts = Receipts::default();
        receipts.message(0.0, &ClientMessage::Pause { diverged: false }, r#"{"type":"pause"}"#);
        for (number, payload) in frames.iter().enumerate() {
            // Each its own transfer, so that each has a receipt: numbers 2, 3, …
            let frame = [&(number as u32).to_le_bytes()[..], &[0; 4], payload].concat();
            receipts.frame(0.0, &frame.into(), Some(Encoding::F32));
        }
        receipts
    }

    fn search(receipts: &Receipts, clip: &ClipSound, standardisation: Option<Standardisation>) -> Searched {
        let mut search = VoiceSearch::new(receipts, [clip], &BTreeSet::new(), standardisation);
        search.look_for(clip);
        search.finish()
    }

    fn bytes_of(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
        values.into_iter().flat_map(f32::to_le_bytes).collect()
    }

    #[test]
    fn what_does_not_hold_the_voice_is_clean_and_the_search_proves_itself() {
        let clip = clip();
        let update = bytes_of((0..4096).map(|n| (n as f32).sin()));
        let receipts = receipts_of(&[update]);
        let searched = search(&receipts, &clip, Some(Standardisation::identity()));
        assert!(searched.proved);
        assert_eq!(searched.found, []);
        assert_eq!(searched.clips, 1);
        assert_eq!(searched.searched_bytes, receipts.told().sent_bytes, "the planted piece is not counted");
        assert_eq!(searched.sound_bytes, 3 * clip.samples().len() as u64, "2 and 4 bytes a sample");
        assert_eq!(searched.feature_bytes, 2 * 4 * clip.inputs.len() as u64);
    }

    #[test]
    fn a_voice_is_found_in_whichever_form_it_was_sent() {
        let clip = clip();
        let scale = Standardisation { mean: vec![0.25; 60], deviation: vec![1.5; 60] };
        let samples = clip.samples()[8000..8200].to_vec();
        let floats = bytes_of(samples.as_chunks::<2>().0.iter().map(|&s| f32::from(i16::from_le_bytes(s)) / 32_768.0));
        let frame = 2 * 60..3 * 60;
        let features = bytes_of(clip.inputs[frame.clone()].iter().copied());
        let standardised = bytes_of(clip.inputs[frame].iter().map(|value| (value - 0.25) / 1.5));
        let surrounded = |voice: &[u8]| [&[1, 2, 3, 4, 5, 6, 7][..], voice, &[9; 40]].concat();
        let sent = [samples, floats, features, standardised].map(|voice| surrounded(&voice));
        let searched = search(&receipts_of(&sent), &clip, Some(scale));
        let mut numbers: Vec<u32> = searched.found.iter().map(|&(number, _)| number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert!(searched.found.iter().all(|&(_, bytes)| bytes >= RUN));
        assert!(searched.found.contains(&(2, 200)), "the whole run is told: {:?}", searched.found);
    }

    #[test]
    fn what_is_said_is_looked_for_in_every_form_and_the_search_proves_itself() {
        let texts: BTreeSet<Transcript> =
            ["Nobody may read this sentence", "no"].map(|text| Transcript::new(text).unwrap()).into();
        let said = texts.iter().find(|text| text.as_str().len() > 2).unwrap();
        let buckets: Vec<u8> = said.buckets().into_iter().flat_map(u16::to_le_bytes).collect();
        let search = |frames: &[Vec<u8>]| {
            let receipts = receipts_of(frames);
            let mut search = VoiceSearch::new(&receipts, [&clip()], &texts, None);
            search.look_for_texts(&texts);
            search.finish()
        };
        let update = bytes_of((0..4096).map(|n| (n as f32).sin()));
        let clean = search(std::slice::from_ref(&update));
        assert_eq!((clean.texts, clean.short_texts, clean.text_proved), (1, 1, true));
        assert_eq!(clean.found_text, []);
        let leaking = search(&[update, [&[1, 2, 3][..], said.as_str().as_bytes(), &[9; 40]].concat(), buckets]);
        let mut numbers: Vec<u32> = leaking.found_text.iter().map(|&(number, _)| number).collect();
        numbers.dedup();
        assert_eq!(numbers, [3, 4]);
        assert!(!search(&[]).found_text.iter().any(|_| true), "a message alone says nothing of it");
    }

    #[test]
    fn a_run_that_is_too_short_is_nothing() {
        let clip = clip();
        let receipts = receipts_of(&[[&[7; 9][..], &clip.samples()[8000..8000 + RUN - 2], &[9; 40]].concat()]);
        assert_eq!(search(&receipts, &clip, None).found, []);
    }

    #[test]
    fn silence_is_in_everything_and_proves_nothing() {
        let mut silent = clip();
        let (samples, values) = (silent.wav.len(), silent.inputs.len());
        silent.wav[44..samples].fill(0);
        silent.inputs = vec![0.0; values];
        let searched = search(&receipts_of(&[vec![0; 4096]]), &silent, Some(Standardisation::identity()));
        assert_eq!(searched.found, []);
        assert!(!searched.proved, "there is nothing of it that could be planted");
    }

    #[test]
    fn where_nothing_was_sent_nothing_is_proved() {
        assert!(!search(&Receipts::default(), &clip(), None).proved);
    }
}
