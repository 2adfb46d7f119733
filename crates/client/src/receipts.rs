//! What leaves a participant: a receipt of every message and frame that was given to the socket. Knows bytes and kinds,
//! not the rules of the rounds.
//!
//! It keeps a limited number of receipts and a limited number of the bytes themselves, and says what it has let go. What of it
//! changes is handed out for storing, and taken back after a reload.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use protocol::{ClientMessage, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Receipts that are kept.
pub(crate) const MOST_RECEIPTS: usize = 500;
/// Bytes as they were sent that are kept, for the pictures and the search.
const MOST_BYTES: usize = 4 << 20;
/// What stands in place of a secret.
const DOTS: &str = "••••••••";
/// Columns of the picture of an update.
const COLUMNS: usize = 256;
/// Most rows of it; a larger model gets more columns.
const MOST_ROWS: usize = 512;

/// One message, a run of messages that are the same or all of `progress`, or the frames of one transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Counted from 1.
    pub number: u32,
    /// When the first of it was sent, milliseconds since 1970.
    pub at: f64,
    /// When the last of it was sent.
    pub until: f64,
    /// The message's `type`, or `numbers` for the frames of an update, `masked_numbers` for those of a masked one.
    pub kind: String,
    /// Messages, or frames.
    pub count: u32,
    /// All of it.
    pub bytes: u64,
    /// Of the last message; of an update, of its frames one after the other.
    pub sha256: String,
    /// The last message as it was sent, its secret replaced; empty for frames.
    pub json: String,
    /// What the frames hold.
    pub numbers: Option<Numbers>,
}

/// The values of an update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// How many.
    pub count: u64,
    /// The L2 norm.
    pub norm: f64,
    /// The least of them.
    pub smallest: f32,
    /// The greatest of them.
    pub largest: f32,
}

/// All receipts as the page shows them.
#[derive(Serialize)]
pub struct Told<'a> {
    /// The oldest first.
    pub receipts: &'a VecDeque<Receipt>,
    /// How many are no longer kept.
    pub forgotten: u64,
    /// Everything that was sent.
    pub sent_bytes: u64,
}

/// A receipt as it outlives a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// The bytes as they were sent, as far as they are kept, in the order of sending.
    pub pieces: Vec<Bytes>,
    /// Everything that was sent when this was stored.
    pub sent_bytes: u64,
}

/// What of the receipts has to be stored anew.
#[derive(Debug, PartialEq)]
pub struct ReceiptChanges {
    /// These are new, or others than they were.
    pub stored: Vec<StoredReceipt>,
    /// The receipts of these numbers are no longer kept.
    pub gone: Vec<u32>,
}

/// A picture of an update's values.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatePicture {
    /// Its columns.
    pub columns: usize,
    /// Its rows.
    pub rows: usize,
    /// Row by row: 128 is zero, 4 root mean squares and more are the ends, 0 and 255.
    pub pixels: Vec<u8>,
}

impl UpdatePicture {
    /// A picture of so many values, one dot each.
    pub fn of(values: &[f32]) -> Self {
        let squares: f64 = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let end = (4.0 * (squares / values.len().max(1) as f64).sqrt()).max(f64::MIN_POSITIVE);
        // Casting from float saturates, and takes NaN to 0.
        let mut pixels: Vec<u8> =
            values.iter().map(|&value| (128.0 + 127.0 * (f64::from(value) / end).clamp(-1.0, 1.0)) as u8).collect();
        let columns = COLUMNS.max(pixels.len().div_ceil(MOST_ROWS));
        let rows = pixels.len().div_ceil(columns);
        pixels.resize(columns * rows, 128);
        Self { columns, rows, pixels }
    }
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
pub struct Receipts {
    receipts: VecDeque<Receipt>,
    forgotten: u64,
    /// The bytes, each piece with the number of its receipt.
    kept: VecDeque<(u32, Bytes)>,
    kept_bytes: usize,
    sent_bytes: u64,
    next: u32,
    open: Option<Open>,
    /// Numbers of receipts that are others than they were stored.
    changed: BTreeSet<u32>,
    /// Numbers of receipts that may be stored and are no longer kept.
    gone: Vec<u32>,
}

/// What a message calls itself.
#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Receipts {
    /// Those that were stored, in any order; what is sent from now on follows them.
    pub fn restored(mut stored: Vec<StoredReceipt>) -> Self {
        stored.sort_by_key(|one| one.receipt.number);
        stored.dedup_by_key(|one| one.receipt.number);
        let mut receipts = Self::default();
        let sent = stored.iter().map(|one| one.sent_bytes).max().unwrap_or_default();
        for StoredReceipt { receipt, pieces, .. } in stored {
            let number = receipt.number;
            receipts.next = number;
            receipts.add(receipt);
            for piece in pieces {
                receipts.keep(piece, Some(number));
            }
            receipts.changed.remove(&number);
        }
        receipts.sent_bytes = sent;
        // Those that were let go before count, whatever was stored of them.
        receipts.forgotten = u64::from(receipts.next) - receipts.receipts.len() as u64;
        receipts
    }

    /// What has changed since this was last asked; `None` where nothing has.
    pub fn changes(&mut self) -> Option<ReceiptChanges> {
        if self.changed.is_empty() && self.gone.is_empty() {
            return None;
        }
        let changed = std::mem::take(&mut self.changed);
        let pieces_of = |number| {
            self.kept.iter().filter(|(of, _)| *of == number).map(|(_, piece)| piece.clone()).collect::<Vec<_>>()
        };
        let stored = self.receipts.iter().filter(|receipt| changed.contains(&receipt.number)).map(|receipt| {
            StoredReceipt { receipt: receipt.clone(), pieces: pieces_of(receipt.number), sent_bytes: self.sent_bytes }
        });
        let stored = stored.collect();
        Some(ReceiptChanges { stored, gone: std::mem::take(&mut self.gone) })
    }

    /// A message that was sent as `text`, at this time in milliseconds since 1970.
    pub fn message(&mut self, at: f64, message: &ClientMessage, text: &str) {
        let secret = match message {
            ClientMessage::Hello { token, .. } => token.as_ref().map(protocol::Token::secret),
            _ => None,
        };
        let json = secret.map_or_else(|| text.to_owned(), |secret| text.replace(secret, DOTS));
        let kind = serde_json::from_str::<Kind>(text).map_or_else(|_| String::new(), |kind| kind.r#type);
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

    /// A binary frame that was sent at this time: 4 bytes that name its transfer, 4 that say where in it, then values, or
    /// (without an encoding) masked numbers, which say nothing by themselves.
    pub fn frame(&mut self, at: f64, frame: &Bytes, encoding: Option<Encoding>) {
        let Some((&transfer, rest)) = frame.split_first_chunk::<4>() else { return };
        let Some((offset, payload)) = rest.split_first_chunk::<4>() else { return };
        if *offset == [0; 4] || self.open.as_ref().is_none_or(|open| open.transfer != transfer) {
            let number = self.number();
            self.open = Some(Open { number, transfer, hash: Sha256::new(), sum_squares: 0.0 });
            self.add(Receipt {
                number,
                at,
                until: at,
                kind: if encoding.is_some() { "numbers" } else { "masked_numbers" }.to_owned(),
                count: 0,
                bytes: 0,
                sha256: String::new(),
                json: String::new(),
                numbers: encoding.map(|_| Numbers {
                    count: 0,
                    norm: 0.0,
                    smallest: f32::INFINITY,
                    largest: f32::NEG_INFINITY,
                }),
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
            let values = encoding.and_then(|encoding| encoding.values(payload).ok());
            if let (Some(numbers), Some(values)) = (receipt.numbers.as_mut(), values) {
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

    /// All receipts that are kept.
    pub fn told(&self) -> Told<'_> {
        Told { receipts: &self.receipts, forgotten: self.forgotten, sent_bytes: self.sent_bytes }
    }

    /// The bytes that are kept, each piece with the number of its receipt.
    pub fn sent(&self) -> impl Iterator<Item = &(u32, Bytes)> {
        self.kept.iter()
    }

    /// A picture of an update's values, if all of its frames are still here.
    pub fn picture(&self, number: u32, encoding: Encoding) -> Option<UpdatePicture> {
        let values = self.values(number, encoding)?;
        Some(UpdatePicture::of(&values))
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn add(&mut self, receipt: Receipt) {
        self.receipts.push_back(receipt);
        if self.receipts.len() > MOST_RECEIPTS
            && let Some(oldest) = self.receipts.pop_front()
        {
            self.forgotten += 1;
            self.gone.push(oldest.number);
        }
    }

    /// Keeps the bytes, under the last receipt's number if none is given.
    fn keep(&mut self, bytes: Bytes, number: Option<u32>) {
        self.sent_bytes += bytes.len() as u64;
        self.kept_bytes += bytes.len();
        let number = number.or_else(|| self.receipts.back().map(|last| last.number)).unwrap_or_default();
        self.kept.push_back((number, bytes));
        self.changed.insert(number);
        while self.kept_bytes > MOST_BYTES
            && let Some((of, oldest)) = self.kept.pop_front()
        {
            self.kept_bytes -= oldest.len();
            self.changed.insert(of);
        }
    }

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

#[cfg(test)]
mod tests {
    use protocol::{Chunk, RoomCode, Round, Token, TransferId};

    use super::*;

    fn say(receipts: &mut Receipts, at: f64, message: &ClientMessage) {
        receipts.message(at, message, &serde_json::to_string(message).unwrap());
    }

    fn progress(step: u32) -> ClientMessage {
        ClientMessage::Progress { round: Round(1), epoch: 1, epochs: 1, step, steps: 9 }
    }

    fn frame(transfer: u32, offset: u32, values: &[f32]) -> Bytes {
        let payload: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Chunk { transfer: TransferId(transfer), offset, payload: payload.into() }.frame()
    }

    #[test]
    fn masked_numbers_are_counted_and_not_read() {
        let mut receipts = Receipts::default();
        receipts.frame(1.0, &frame(5, 0, &[3.0, -4.0]), None);
        let told = receipts.told();
        let receipt = &told.receipts[0];
        assert_eq!((receipt.kind.as_str(), receipt.count, receipt.bytes), ("masked_numbers", 1, 16));
        assert!(receipt.numbers.is_none() && receipts.picture(receipt.number, Encoding::F32).is_none());
    }

    #[test]
    fn a_message_is_told_with_its_hash() {
        let mut receipts = Receipts::default();
        // FIPS 180-2, appendix B.1.
        receipts.message(7.0, &ClientMessage::Pause { diverged: false }, "abc");
        let receipt = &receipts.receipts[0];
        assert_eq!(receipt.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((receipt.number, receipt.count, receipt.bytes), (1, 1, 3));
        assert_eq!((receipt.at, receipt.until), (7.0, 7.0));
        assert_eq!(receipts.told().sent_bytes, 3);
    }

    #[test]
    fn a_secret_is_shown_as_dots() {
        let secret = "0123456789abcdef0123456789abcdef";
        let mut receipts = Receipts::default();
        let hello = ClientMessage::Hello {
            protocol: 1,
            room: RoomCode::parse("HARPS").unwrap(),
            token: Some(Token::parse(secret).unwrap()),
            name: None,
            software: "test".to_owned(),
            status_changes: true,
        };
        say(&mut receipts, 0.0, &hello);
        let receipt = &receipts.receipts[0];
        assert_eq!(receipt.kind, "hello");
        assert!(!receipt.json.contains(secret) && receipt.json.contains(DOTS), "{}", receipt.json);
        let (_, sent) = receipts.sent().next().unwrap();
        assert!(String::from_utf8_lossy(sent).contains(secret), "what is searched is what was sent");
    }

    #[test]
    fn progress_is_one_receipt_and_so_are_the_same_words_twice() {
        let mut receipts = Receipts::default();
        for step in 1..=3 {
            say(&mut receipts, f64::from(step), &progress(step));
        }
        say(&mut receipts, 4.0, &ClientMessage::Pause { diverged: false });
        say(&mut receipts, 5.0, &ClientMessage::Pause { diverged: false });
        say(&mut receipts, 6.0, &ClientMessage::Recording { on: true });
        say(&mut receipts, 7.0, &ClientMessage::Recording { on: false });
        let told: Vec<(&str, u32, f64, f64)> =
            receipts.receipts.iter().map(|one| (one.kind.as_str(), one.count, one.at, one.until)).collect();
        assert_eq!(
            told,
            [("progress", 3, 1.0, 3.0), ("pause", 2, 4.0, 5.0), ("recording", 1, 6.0, 6.0), ("recording", 1, 7.0, 7.0)]
        );
        assert!(receipts.receipts[0].json.contains("\"step\":3"), "the last of a run is shown");
    }

    #[test]
    fn the_frames_of_an_update_are_one_receipt() {
        let mut receipts = Receipts::default();
        receipts.frame(1.0, &frame(5, 0, &[3.0, -4.0]), Some(Encoding::F32));
        say(&mut receipts, 2.0, &progress(1));
        receipts.frame(3.0, &frame(5, 8, &[12.0]), Some(Encoding::F32));
        receipts.frame(4.0, &frame(6, 0, &[1.0]), Some(Encoding::F32));
        let kinds: Vec<(&str, u32)> = receipts.receipts.iter().map(|one| (one.kind.as_str(), one.count)).collect();
        assert_eq!(kinds, [("numbers", 2), ("progress", 1), ("numbers", 1)]);
        let numbers = receipts.receipts[0].numbers.unwrap();
        assert_eq!(numbers, Numbers { count: 3, norm: 13.0, smallest: -4.0, largest: 12.0 }, "9 + 16 + 144 = 13²");
        let both = [frame(5, 0, &[3.0, -4.0]), frame(5, 8, &[12.0])].concat();
        assert_eq!(receipts.receipts[0].sha256, hex(Sha256::new_with_prefix(both)));
        assert_eq!(receipts.receipts[0].bytes, 16 + 12);
    }

    #[test]
    fn the_same_transfer_from_its_start_is_another_receipt() {
        let mut receipts = Receipts::default();
        receipts.frame(1.0, &frame(5, 0, &[1.0]), Some(Encoding::F32));
        receipts.frame(2.0, &frame(5, 0, &[1.0]), Some(Encoding::F32));
        assert_eq!(receipts.receipts.len(), 2);
        receipts.frame(3.0, &Bytes::from_static(b"short"), Some(Encoding::F32));
        assert_eq!(receipts.receipts.len(), 2, "what is no frame is none");
    }

    #[test]
    fn a_picture_shows_zero_in_the_middle_and_pads_with_it() {
        let mut receipts = Receipts::default();
        // Root mean square 1: the ends are at ±4.
        receipts.frame(1.0, &frame(5, 0, &[0.0, 2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0]), Some(Encoding::F32));
        let picture = receipts.picture(1, Encoding::F32).unwrap();
        assert_eq!((picture.columns, picture.rows, picture.pixels.len()), (256, 1, 256));
        assert_eq!(picture.pixels[..4], [128, 191, 64, 128]);
        assert!(picture.pixels[8..].iter().all(|&pixel| pixel == 128));
        assert_eq!(receipts.picture(2, Encoding::F32), None, "there is no such receipt");
        say(&mut receipts, 2.0, &ClientMessage::Pause { diverged: false });
        assert_eq!(receipts.picture(2, Encoding::F32), None, "a message has no picture");
    }

    /// What storage would hold.
    #[derive(Default)]
    struct Rows(std::collections::BTreeMap<u32, StoredReceipt>);

    impl Rows {
        fn store(&mut self, receipts: &mut Receipts) -> usize {
            let Some(ReceiptChanges { stored, gone }) = receipts.changes() else { return 0 };
            let count = stored.len();
            self.0.extend(stored.into_iter().map(|one| (one.receipt.number, one)));
            self.0.retain(|number, _| !gone.contains(number));
            count
        }

        fn restored(&self) -> Receipts {
            // The browser gives them in an order of its own.
            Receipts::restored(self.0.values().rev().cloned().collect())
        }
    }

    #[test]
    fn receipts_outlive_a_reload_and_go_on() {
        let (mut receipts, mut rows) = (Receipts::default(), Rows::default());
        assert_eq!(receipts.changes(), None);
        say(&mut receipts, 1.0, &progress(1));
        assert_eq!(rows.store(&mut receipts), 1);
        receipts.frame(2.0, &frame(5, 0, &[3.0, -4.0]), Some(Encoding::F32));
        say(&mut receipts, 3.0, &progress(2));
        receipts.frame(4.0, &frame(5, 8, &[12.0]), Some(Encoding::F32));
        assert_eq!(rows.store(&mut receipts), 2, "the first one has not changed");
        assert_eq!(receipts.changes(), None);

        let mut again = rows.restored();
        assert_eq!(again.changes(), None, "what was stored is stored");
        assert_eq!(again.receipts, receipts.receipts);
        assert_eq!((again.sent_bytes, again.forgotten), (receipts.sent_bytes, 0));
        assert_eq!(again.picture(2, Encoding::F32), receipts.picture(2, Encoding::F32));
        let sent = |receipts: &Receipts| receipts.sent().map(|(_, bytes)| bytes.len()).sum::<usize>() as u64;
        assert_eq!(sent(&again), receipts.sent_bytes, "all of it can be searched");

        say(&mut again, 5.0, &progress(3));
        again.frame(6.0, &frame(5, 12, &[1.0]), Some(Encoding::F32));
        let last: Vec<(u32, &str)> = again.receipts.iter().map(|one| (one.number, one.kind.as_str())).collect();
        assert_eq!(
            last,
            [(1, "progress"), (2, "numbers"), (3, "progress"), (4, "numbers")],
            "a new connection's frames"
        );
        assert_eq!(rows.store(&mut again), 2);
        assert_eq!(rows.restored().sent_bytes, again.sent_bytes);
    }

    #[test]
    fn what_is_stored_is_bounded_as_what_is_kept() {
        let (mut receipts, mut rows) = (Receipts::default(), Rows::default());
        let piece = vec![0.5; 256 * 1024];
        for number in 0..MOST_RECEIPTS as u32 + 6 {
            if number % 100 == 0 {
                receipts.frame(0.0, &frame(number, 0, &piece), Some(Encoding::F32));
            }
            say(&mut receipts, 0.0, &ClientMessage::Recording { on: number % 2 == 0 });
            rows.store(&mut receipts);
        }
        assert_eq!(rows.0.len(), MOST_RECEIPTS);
        let bytes: usize = rows.0.values().flat_map(|row| &row.pieces).map(Bytes::len).sum();
        assert!(bytes <= MOST_BYTES, "{bytes} bytes are stored");
        let again = rows.restored();
        assert_eq!((again.forgotten, again.sent_bytes), (receipts.forgotten, receipts.sent_bytes));
        assert!(again.forgotten > 6);
    }

    #[test]
    fn only_so_many_receipts_are_kept_and_the_rest_is_counted() {
        let mut receipts = Receipts::default();
        for number in 0..MOST_RECEIPTS + 2 {
            say(&mut receipts, 0.0, &ClientMessage::Recording { on: number % 2 == 0 });
        }
        let told = receipts.told();
        assert_eq!((told.receipts.len(), told.forgotten), (MOST_RECEIPTS, 2));
        assert_eq!(told.receipts[0].number, 3);
    }

    #[test]
    fn only_so_many_bytes_are_kept_and_a_picture_needs_them_all() {
        let mut receipts = Receipts::default();
        let piece = vec![0.5; 256 * 1024];
        for place in 0..5 {
            receipts.frame(0.0, &frame(1, place * 1024 * 1024, &piece), Some(Encoding::F32));
        }
        assert!(receipts.sent().map(|(_, bytes)| bytes.len()).sum::<usize>() <= MOST_BYTES);
        assert_eq!(receipts.told().sent_bytes, 5 * (1024 * 1024 + 8));
        assert_eq!(receipts.receipts[0].numbers.unwrap().count, 5 * 256 * 1024);
        assert_eq!(receipts.picture(1, Encoding::F32), None);
    }
}
