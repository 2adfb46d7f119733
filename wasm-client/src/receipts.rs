//! What leaves this tab: a receipt of every message and frame that was given to the socket, and the search for the
//! person's own voice in it. Knows bytes and kinds, not the rules of the rounds.
//!
//! It keeps a limited number of receipts and a limited number of the bytes themselves, and says what it has let go.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use bytes::Bytes;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Uint8Array};
use protocol::{ClientMessage, Encoding};
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Serializer;
use sha2::{Digest, Sha256};
use wasm_bindgen::JsValue;

use crate::app::App;
use crate::clips;
use crate::failure::{Failure, set};

/// Receipts that are kept.
const MOST_RECEIPTS: usize = 500;
/// Bytes as they were sent that are kept, for the pictures and the search.
const MOST_BYTES: usize = 4 << 20;
/// What stands in place of a secret.
const DOTS: &str = "••••••••";
/// Columns of the picture of an update.
const COLUMNS: usize = 256;
/// Most rows of it; a larger model gets more columns.
const MOST_ROWS: usize = 512;
/// Bytes of one key of the search.
const KEY: usize = 16;
/// Bytes that have to be the same, one after the other, to count as found: every run of that many holds a whole key.
const RUN: usize = 2 * KEY;
/// Bytes of such a run that have to differ from the value before: silence and padding are in everything.
const TELLING: usize = 12;
/// Bytes of the voice that are planted for the search to prove itself with.
const PLANTED: usize = 4 * KEY;

/// One message, a run of messages that are the same or all of `progress`, or the frames of one transfer.
#[derive(Clone, Serialize)]
struct Receipt {
    /// Counted from 1.
    number: u32,
    /// When the first of it was sent, milliseconds since 1970.
    at: f64,
    /// When the last of it was sent.
    until: f64,
    /// The message's `type`, or `numbers` for the frames of an update.
    kind: String,
    /// Messages, or frames.
    count: u32,
    bytes: u64,
    /// Of the last message; of an update, of its frames one after the other.
    sha256: String,
    /// The last message as it was sent, its secret replaced; empty for frames.
    json: String,
    numbers: Option<Numbers>,
}

/// The values of an update.
#[derive(Clone, Copy, Serialize)]
struct Numbers {
    count: u64,
    /// The L2 norm.
    norm: f64,
    smallest: f32,
    largest: f32,
}

/// The receipt whose frames are being sent.
struct Open {
    number: u32,
    transfer: [u8; 4],
    hash: Sha256,
    sum_squares: f64,
}

/// What was sent, in the order of sending.
#[derive(Default)]
pub(crate) struct Receipts {
    receipts: VecDeque<Receipt>,
    forgotten: u64,
    /// The bytes, each piece with the number of its receipt.
    kept: VecDeque<(u32, Bytes)>,
    kept_bytes: usize,
    sent_bytes: u64,
    next: u32,
    open: Option<Open>,
}

/// What a message calls itself.
#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    receipts: &'a VecDeque<Receipt>,
    forgotten: u64,
    sent_bytes: u64,
}

impl Receipts {
    /// A message that was sent as `text`.
    pub(crate) fn message(&mut self, message: &ClientMessage, text: &str) {
        let secret = match message {
            ClientMessage::Hello { token, .. } => token.as_ref().map(protocol::Token::secret),
            _ => None,
        };
        let json = secret.map_or_else(|| text.to_owned(), |secret| text.replace(secret, DOTS));
        let kind = serde_json::from_str::<Kind>(text).map_or_else(|_| String::new(), |kind| kind.r#type);
        let at = js_sys::Date::now();
        let sha256 = hex(Sha256::new_with_prefix(text));
        let bytes = text.len() as u64;
        match self.receipts.back_mut() {
            Some(last) if last.kind == kind && (kind == "progress" || last.json == json) => {
                last.until = at;
                last.count += 1;
                last.bytes += bytes;
                last.sha256 = sha256;
                last.json = json;
            }
            _ => {
                let number = self.number();
                self.add(Receipt { number, at, until: at, kind, count: 1, bytes, sha256, json, numbers: None });
            }
        }
        self.keep(Bytes::copy_from_slice(text.as_bytes()), None);
    }

    /// A binary frame that was sent: 4 bytes that name its transfer, 4 that say where in it, then values.
    pub(crate) fn frame(&mut self, frame: &Bytes, encoding: Encoding) {
        let Some((&transfer, rest)) = frame.split_first_chunk::<4>() else { return };
        let Some((offset, payload)) = rest.split_first_chunk::<4>() else { return };
        let at = js_sys::Date::now();
        if *offset == [0; 4] || self.open.as_ref().is_none_or(|open| open.transfer != transfer) {
            let number = self.number();
            self.open = Some(Open { number, transfer, hash: Sha256::new(), sum_squares: 0.0 });
            self.add(Receipt {
                number,
                at,
                until: at,
                kind: "numbers".to_owned(),
                count: 0,
                bytes: 0,
                sha256: String::new(),
                json: String::new(),
                numbers: Some(Numbers { count: 0, norm: 0.0, smallest: f32::INFINITY, largest: f32::NEG_INFINITY }),
            });
        }
        let Some(open) = self.open.as_mut() else { return };
        open.hash.update(frame);
        let number = open.number;
        if let Some(receipt) = self.receipts.iter_mut().rev().find(|receipt| receipt.number == number) {
            receipt.until = at;
            receipt.count += 1;
            receipt.bytes += frame.len() as u64;
            receipt.sha256 = hex(open.hash.clone());
            // A full frame's payload is a whole number of values.
            if let (Some(numbers), Ok(values)) = (receipt.numbers.as_mut(), encoding.values(payload)) {
                for value in values {
                    numbers.count += 1;
                    open.sum_squares += f64::from(value) * f64::from(value);
                    numbers.smallest = numbers.smallest.min(value);
                    numbers.largest = numbers.largest.max(value);
                }
                numbers.norm = open.sum_squares.sqrt();
            }
        }
        self.keep(frame.clone(), Some(number));
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn add(&mut self, receipt: Receipt) {
        self.receipts.push_back(receipt);
        if self.receipts.len() > MOST_RECEIPTS {
            self.receipts.pop_front();
            self.forgotten += 1;
        }
    }

    /// Keeps the bytes, under the last receipt's number if none is given.
    fn keep(&mut self, bytes: Bytes, number: Option<u32>) {
        self.sent_bytes += bytes.len() as u64;
        self.kept_bytes += bytes.len();
        let number = number.or_else(|| self.receipts.back().map(|last| last.number));
        self.kept.push_back((number.unwrap_or_default(), bytes));
        while self.kept_bytes > MOST_BYTES
            && let Some((_, oldest)) = self.kept.pop_front()
        {
            self.kept_bytes -= oldest.len();
        }
    }

    /// The values of an update, if all of its frames are still here.
    fn values(&self, number: u32, encoding: Encoding) -> Option<Vec<f32>> {
        let wanted = self.receipts.iter().find(|receipt| receipt.number == number)?.numbers?.count;
        let mut values = Vec::new();
        for (_, frame) in self.kept.iter().filter(|(of, _)| *of == number) {
            values.extend(encoding.values(frame.get(protocol::limits::CHUNK_HEADER_BYTES..)?).ok()?);
        }
        (!values.is_empty() && values.len() as u64 == wanted).then_some(values)
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Serialize)]
struct SearchingEvent {
    r#type: &'static str,
    fraction: f64,
}

/// What the search looked for, where it looked, and what it found.
#[derive(Default, Serialize)]
struct Searched {
    /// Clips whose sound and features were looked for.
    clips: usize,
    /// Bytes of sound that were looked for: as 16-bit samples and as f32.
    sound_bytes: u64,
    /// Bytes of features that were looked for: as they are and standardised.
    feature_bytes: u64,
    /// Bytes that were looked through.
    searched_bytes: u64,
    /// Whether the search found the piece of the voice that was planted into a copy, to prove that it can find.
    proved: bool,
    /// Receipts in which a run of the voice was found, and how many bytes long it was.
    found: Vec<(u32, usize)>,
}

impl App {
    /// All receipts, oldest first.
    pub(crate) fn receipts(&self) -> Result<JsValue, Failure> {
        let receipts = self.receipts.borrow();
        let Receipts { receipts, forgotten, sent_bytes, .. } = &*receipts;
        to_js(&Answer { receipts, forgotten: *forgotten, sent_bytes: *sent_bytes })
    }

    /// A picture of an update's values: 0 to 255, 128 is zero, 4 root mean squares and more are the ends.
    pub(crate) fn receipt_picture(&self, number: u32) -> Result<JsValue, Failure> {
        let answer = Object::new();
        let Some(values) = self.receipts.borrow().values(number, self.encoding()) else { return Ok(answer.into()) };
        let squares: f64 = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let end = (4.0 * (squares / values.len() as f64).sqrt()).max(f64::MIN_POSITIVE);
        // Casting from float saturates, and takes NaN to 0.
        let mut pixels: Vec<u8> =
            values.iter().map(|&value| (128.0 + 127.0 * (f64::from(value) / end).clamp(-1.0, 1.0)) as u8).collect();
        let columns = COLUMNS.max(pixels.len().div_ceil(MOST_ROWS));
        let rows = pixels.len().div_ceil(columns);
        pixels.resize(columns * rows, 128);
        set(&answer, "columns", &(columns as u32).into());
        set(&answer, "rows", &(rows as u32).into());
        set(&answer, "pixels", &Uint8Array::from(pixels.as_slice()));
        Ok(answer.into())
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.room.borrow().as_ref().map_or(Encoding::F32, |room| room.encoding)
    }

    /// Looks for the sound and the features of every clip in what was sent.
    pub(crate) async fn search_voice(self: &Rc<Self>) -> Result<JsValue, Failure> {
        let mut sent: Vec<(u32, Bytes)> = self.receipts.borrow().kept.iter().cloned().collect();
        let stored = self.clips.borrow().clone();
        let standardisation = self.model.borrow().as_ref().map(|model| model.standardisation.clone());
        let mut searched = Searched {
            clips: stored.len(),
            searched_bytes: sent.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            ..Searched::default()
        };
        // A piece of the voice in a copy of the last message: a search that does not find it is worth nothing.
        let planted = stored.iter().find_map(|clip| {
            let sound = clips::samples_as_bytes(clip);
            let at = (0..sound.len().saturating_sub(PLANTED))
                .step_by(KEY)
                .find(|&at| sound.get(at..at + PLANTED).is_some_and(|piece| telling(piece) > PLANTED / 2))?;
            Some(sound.get(at..at + PLANTED)?.to_vec())
        });
        if let (Some(planted), Some((_, last))) = (planted, sent.last()) {
            let (before, after) = last.split_at(last.len() / 2);
            sent.push((0, [before, &planted, after].concat().into()));
        }
        let haystack = Haystack::of(&sent);
        for (index, clip) in stored.iter().enumerate() {
            let sound = clips::samples_as_bytes(clip);
            let floats: Vec<u8> = sound
                .as_chunks::<2>()
                .0
                .iter()
                .flat_map(|&sample| (f32::from(i16::from_le_bytes(sample)) / 32_768.0).to_le_bytes())
                .collect();
            let features = clip.inputs.to_vec();
            let plain: Vec<u8> = features.iter().flat_map(|value| value.to_le_bytes()).collect();
            let standardised: Vec<u8> = standardisation.as_ref().map_or_else(Vec::new, |scale| {
                let scales = scale.mean.iter().zip(&scale.deviation).cycle();
                features
                    .iter()
                    .zip(scales)
                    .flat_map(|(x, (mean, deviation))| ((x - mean) / deviation).to_le_bytes())
                    .collect()
            });
            searched.sound_bytes += (sound.len() + floats.len()) as u64;
            searched.feature_bytes += (plain.len() + standardised.len()) as u64;
            for needle in [&sound, &floats, &plain, &standardised] {
                for (number, bytes) in haystack.runs_of(needle) {
                    if number == 0 {
                        searched.proved = true;
                    } else if searched.found.len() < MOST_RECEIPTS {
                        searched.found.push((number, bytes));
                    }
                }
            }
            // The connection must go on meanwhile.
            self.post(&SearchingEvent { r#type: "searching", fraction: (index + 1) as f64 / stored.len() as f64 });
            TimeoutFuture::new(0).await;
        }
        to_js(&searched)
    }
}

fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Failure> {
    value.serialize(&Serializer::json_compatible()).map_err(|error| Failure::new("receipts", error.to_string()))
}

/// How many of the bytes differ from the byte one f32 before.
fn telling(run: &[u8]) -> usize {
    run.iter().zip(run.iter().skip(4)).filter(|(before, byte)| before != byte).count()
}

/// Sent bytes, found again by any whole key of theirs.
struct Haystack<'a> {
    sent: &'a [(u32, Bytes)],
    keys: HashMap<u128, (u32, u32), BuildHasherDefault<KeyHasher>>,
}

impl<'a> Haystack<'a> {
    fn of(sent: &'a [(u32, Bytes)]) -> Self {
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
