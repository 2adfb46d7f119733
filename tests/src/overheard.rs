//! What whoever runs the server has of a laptop: the frames that it has sent and heard, and whether numbers of one correlate with others.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::browser::{Browser, Options};
use crate::program::Server;
use crate::recorder::{Frame, Recorder};

/// Opcodes of WebSocket frames.
pub const TEXT: u8 = 1;
/// See [`TEXT`].
pub const BINARY: u8 = 2;
/// See [`TEXT`].
pub const PING: u8 = 9;
/// See [`TEXT`].
pub const PONG: u8 = 10;

/// Values that have nothing to do with others are not farther from a correlation of none than so many deviations.
const MOST_DEVIATIONS: f64 = 5.0;

/// So many laptops, and what stands between each of them and the server and records all that passes.
///
/// # Errors
/// Where one cannot be started.
pub async fn recorded_laptops(server: &Server, count: usize) -> Result<(Vec<Recorder>, Vec<Browser>)> {
    let host = server.origin().trim_start_matches("http://").to_owned();
    let (mut recorders, mut laptops) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let recorder = Recorder::start(&host).await?;
        laptops.push(Browser::start(Options { proxy: Some(recorder.port()), ..Options::default() }).await?);
        recorders.push(recorder);
    }
    Ok((recorders, laptops))
}

/// The frames that a laptop has sent over each of its sockets, and those that it has heard.
pub fn frames(recorder: &Recorder) -> Vec<(Vec<Frame>, Vec<Frame>)> {
    let recorded = recorder.recorded();
    let sockets = recorded.iter().filter_map(|connection| {
        let (_, sent) = connection.requests().ok()?;
        let (head, heard) = connection.response().ok()?;
        head.to_ascii_lowercase().contains("upgrade: websocket").then_some((sent, heard))
    });
    sockets.collect()
}

/// The messages among frames.
pub fn texts(frames: &[Frame]) -> Vec<Value> {
    let texts = frames.iter().filter(|frame| frame.opcode == TEXT);
    texts.filter_map(|frame| serde_json::from_slice(&frame.payload).ok()).collect()
}

/// The bytes of each transfer, as far as it went, by its number.
pub fn transfers(frames: &[Frame]) -> BTreeMap<u32, Vec<u8>> {
    let mut all = BTreeMap::<u32, Vec<u8>>::new();
    for frame in frames.iter().filter(|frame| frame.opcode == BINARY) {
        let Some((&id, rest)) = frame.payload.split_first_chunk::<4>() else { continue };
        let Some((&offset, payload)) = rest.split_first_chunk::<4>() else { continue };
        let bytes = all.entry(u32::from_le_bytes(id)).or_default();
        bytes.truncate(u32::from_le_bytes(offset) as usize);
        bytes.extend_from_slice(payload);
    }
    all
}

/// The models that a laptop has heard, by version: whole, or as differences of 8 bits to one before, or to zeros.
pub fn models_heard(heard: &[Frame]) -> BTreeMap<u32, Vec<f32>> {
    let bytes = transfers(heard);
    let complete = |transfer: &Value| {
        let bytes = bytes.get(&(transfer["id"].as_u64()? as u32))?;
        (bytes.len() as u64 == transfer["bytes"].as_u64()?).then_some(bytes)
    };
    let mut models = BTreeMap::<u32, Vec<f32>>::new();
    for message in texts(heard) {
        let announces = ["round", "finished"].contains(&message["type"].as_str().unwrap_or_default());
        let Some(version) = message["model_version"].as_u64().filter(|_| announces) else { continue };
        let (whole, difference) = (&message["model"], &message["difference"]);
        let model = if let Some(bytes) = complete(whole) {
            bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
        } else if let (Some(bytes), Some(length)) = (complete(difference), whole["bytes"].as_u64()) {
            let from = match difference["from"].as_u64() {
                Some(from) => models.get(&(from as u32)).cloned(),
                None => Some(vec![0.0; length as usize / 4]),
            };
            let Some(from) = from else { continue };
            from.iter().zip(values_of_8_bits(bytes)).map(|(from, step)| from + step).collect()
        } else {
            continue;
        };
        models.insert(version as u32, model);
    }
    models
}

/// The values of groups of 8 bits (q8), as docs/protocol.md has it: four codes in each of 62 words, and in their highest bits the scale.
pub fn values_of_8_bits(bytes: &[u8]) -> Vec<f32> {
    let of_group = |group: &[u8; 248]| {
        let words: Vec<u32> = group.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let scale = f32::from_bits(words.iter().zip(0..32).fold(0, |scale, (word, bit)| scale | word >> 31 << bit));
        words.into_iter().flat_map(codes_of_8_bits).map(|code| code * scale).collect::<Vec<f32>>()
    };
    bytes.as_chunks().0.iter().flat_map(of_group).collect()
}

/// The codes of the four values that a word of a group of 8 bits holds, −107 to 107.
pub fn codes_of_8_bits(word: u32) -> [f32; 4] {
    [0, 1, 2, 3].map(|place| ((word & 0x7fff_ffff) / 215_u32.pow(place) % 215) as f32 - 107.0)
}

/// The masked vectors of 32 bits that a laptop has sent, with their rounds: so many values of each.
pub fn masked_vectors(sent: &[Frame], parameters: usize) -> Vec<(u32, Vec<f64>)> {
    let vectors = transfers(sent);
    let announced = texts(sent).into_iter().filter(|message| message["type"] == "masked");
    let found = announced.filter_map(|message| {
        let bytes =
            vectors.get(&(message["transfer"].as_u64()? as u32)).filter(|bytes| bytes.len() >= 4 * parameters)?;
        let values = bytes.as_chunks::<4>().0.iter().take(parameters);
        Some((message["round"].as_u64()? as u32, values.map(|value| f64::from(i32::from_le_bytes(*value))).collect()))
    });
    found.collect()
}

/// Numbers from one version of a model to another.
pub fn change(from: &[f32], to: &[f32]) -> Vec<f64> {
    to.iter().zip(from).map(|(to, from)| f64::from(*to) - f64::from(*from)).collect()
}

/// Refuses numbers that correlate with what they are to hide; and numbers of which nobody could see it if they did.
///
/// # Errors
/// As said.
pub fn hides(numbers: &[f64], hidden: &[f64]) -> Result<()> {
    let deviations = |numbers: &[f64]| correlation(numbers, hidden) * (numbers.len() as f64).sqrt();
    let found = deviations(numbers);
    ensure!(found.abs() < MOST_DEVIATIONS, "{found} deviations from chance");
    // With an eighth of it in them, the same numbers would show.
    let part = spread(numbers) / spread(hidden) / 8.0;
    let planted: Vec<f64> = numbers.iter().zip(hidden).map(|(number, hidden)| number + part * hidden).collect();
    let found = deviations(&planted);
    ensure!(found.abs() > 2.0 * MOST_DEVIATIONS, "a planted part is not found: {found}");
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn spread(values: &[f64]) -> f64 {
    let middle = mean(values);
    mean(&values.iter().map(|value| (value - middle).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// Pearson's, −1 to 1.
pub fn correlation(one: &[f64], two: &[f64]) -> f64 {
    let (first, second) = (mean(one), mean(two));
    let products: Vec<f64> = one.iter().zip(two).map(|(one, two)| (one - first) * (two - second)).collect();
    mean(&products) / spread(one) / spread(two)
}
