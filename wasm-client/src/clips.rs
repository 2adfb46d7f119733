//! From a sound to a clip that can be kept, shown and trained on.

use js_sys::{ArrayBuffer, Float32Array, Object, Uint8Array};
use models::{Example, Variant};
use protocol::Augmentation;
use speech::{Input, Sound, SoundError};
use wasm_bindgen::JsValue;

use crate::failure::{Failure, set};
use crate::storage::StoredClip;

/// Columns of the small spectrogram in the list.
const COLUMNS: usize = 96;
/// Bands of the small spectrogram in the list.
const BANDS: usize = 32;
/// What the spectrogram's darkest pixel is below its brightest, in dB.
const RANGE_DB: f32 = 60.0;

/// Bytes before the samples in a stored WAV file (see `speech::Sound::to_wav`).
const WAV_HEADER: u32 = 44;

/// Values of a network's input.
const INPUT: usize = speech::MAX_FRAMES * speech::INPUT_FEATURES;

/// Says a sound's error in the page's codes.
pub fn failure_of(error: &SoundError) -> Failure {
    let code = match error {
        SoundError::NotSound => "not_sound",
        SoundError::Unsupported { .. } => "needs_browser_decoder",
        SoundError::Empty => "empty",
        SoundError::TooLong { .. } => "too_long",
        SoundError::TooShort { .. } => "too_short",
        _ => "damaged",
    };
    Failure::new(code, error.to_string())
}

/// A sound file of the page, decoded.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn decode(name: &str, bytes: &ArrayBuffer) -> Result<Sound, Failure> {
    speech::decode(&Uint8Array::new(bytes).to_vec(), Some(name)).map_err(|error| failure_of(&error))
}

/// Sound that the browser decoded or recorded; samples interleaved.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn from_pcm(samples: &Float32Array, channels: u16, rate: u32) -> Result<Sound, Failure> {
    Sound::from_pcm(&samples.to_vec(), channels, rate).map_err(|error| failure_of(&error))
}

/// Recorded sound as a WAV file, in the field `wav`.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn to_wav(samples: &Float32Array, channels: u16, rate: u32) -> Result<JsValue, Failure> {
    let answer = Object::new();
    set(&answer, "wav", &Uint8Array::from(from_pcm(samples, channels, rate)?.to_wav().as_slice()));
    Ok(answer.into())
}

/// Where a clip comes from.
pub struct Origin<'a> {
    /// The seat that keeps it.
    pub seat: &'a str,
    /// File name, or a name made for a recording.
    pub name: &'a str,
    /// The label's name.
    pub label: &'a str,
    /// Whether a program made this voice.
    pub made_up: bool,
}

/// Computes everything that is kept of a clip.
///
/// # Errors
/// `too_short` and the other codes of [`failure_of`].
pub fn make(sound: &Sound, origin: &Origin<'_>) -> Result<StoredClip, Failure> {
    let (inputs, input_frames) = inputs(sound)?;
    let picture = speech::spectrogram(sound, COLUMNS, BANDS);
    let wav = sound.to_wav();
    let now = js_sys::Date::now();
    Ok(StoredClip {
        id: (now * 1000.0 + js_sys::Math::random() * 1000.0).floor(),
        seat: origin.seat.to_owned(),
        name: origin.name.to_owned(),
        label: origin.label.to_owned(),
        seconds: sound.seconds(),
        made_up: origin.made_up,
        digest: protocol::Checksum::of(&wav).0,
        wav: Uint8Array::from(wav.as_slice()),
        inputs,
        input_frames,
        columns: picture.columns as u32,
        bands: picture.bands as u32,
        pixels: Uint8Array::from(shades(&picture.db).as_slice()),
        removed: false,
    })
}

/// A sound as networks take it, and with `augmentation` its variants.
///
/// # Errors
/// `too_short` and the other codes of [`failure_of`].
pub fn example_of(sound: &Sound, augmentation: Augmentation) -> Result<Example, Failure> {
    let inputs = match augmentation {
        Augmentation::None => speech::input(sound).map(|input| vec![input]),
        Augmentation::Speed => speech::inputs_at_speeds(sound),
    };
    let inputs = inputs.map_err(|error| failure_of(&error))?;
    let mut inputs = inputs.into_iter().map(|Input { values, frames }| Variant { values, frames });
    let Variant { values, frames } = inputs.next().ok_or_else(|| failure_of(&SoundError::Empty))?;
    Ok(Example { values, frames, label: 0, variants: inputs.collect() })
}

/// What is stored of it, at all speeds, whatever room the clip is in.
fn inputs(sound: &Sound) -> Result<(Float32Array, Vec<u32>), Failure> {
    let inputs = speech::inputs_at_speeds(sound).map_err(|error| failure_of(&error))?;
    let values: Vec<f32> = inputs.iter().flat_map(|input| &input.values).copied().collect();
    Ok((Float32Array::from(values.as_slice()), inputs.iter().map(|input| input.frames as u32).collect()))
}

/// Makes the features of a stored clip anew where they are not what networks take today. True where it did.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn renew(clip: &mut StoredClip) -> Result<bool, Failure> {
    let count = clip.input_frames.len();
    if count > 0 && clip.inputs.length() as usize == count * INPUT {
        return Ok(false);
    }
    let sound = speech::decode(&clip.wav.to_vec(), None).map_err(|error| failure_of(&error))?;
    (clip.inputs, clip.input_frames) = inputs(&sound)?;
    Ok(true)
}

/// Decibels as 0 to 255 over the loudest 60 dB.
fn shades(db: &[f32]) -> Vec<u8> {
    let top = db.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    db.iter()
        .map(|&level| {
            let shade = (level - top + RANGE_DB) / RANGE_DB;
            // Casting from float saturates, and takes NaN to 0.
            (shade * 255.0) as u8
        })
        .collect()
}

/// A stored clip's samples: 16 bits each, little-endian.
pub fn samples_as_bytes(clip: &StoredClip) -> Vec<u8> {
    clip.wav.slice(WAV_HEADER, clip.wav.length()).to_vec()
}

/// The clip as a network takes it, and in training, where `augmentation` says so, its variants.
pub fn example(clip: &StoredClip, label: usize, augmentation: Augmentation) -> Example {
    let values = clip.inputs.to_vec();
    let mut all = values.chunks_exact(INPUT).zip(&clip.input_frames).map(|(values, &frames)| (values.to_vec(), frames));
    let (values, frames) = all.next().unwrap_or_default();
    let variants = match augmentation {
        Augmentation::None => Vec::new(),
        Augmentation::Speed => all.map(|(values, frames)| Variant { values, frames: frames as usize }).collect(),
    };
    Example { values, frames: frames as usize, label, variants }
}
