//! From a sound to a clip that can be kept, shown and trained on.

use js_sys::{ArrayBuffer, Float32Array, Uint8Array};
use models::Example;
use speech::{Sound, SoundError};

use crate::failure::Failure;
use crate::storage::StoredClip;

/// Columns of the small spectrogram in the list.
const COLUMNS: usize = 96;
/// Bands of the small spectrogram in the list.
const BANDS: usize = 32;
/// What the spectrogram's darkest pixel is below its brightest, in dB.
const RANGE_DB: f32 = 60.0;

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
    let frames = speech::features(sound).map_err(|error| failure_of(&error))?;
    let input = speech::input(&frames);
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
        features: Float32Array::from(input.values.as_slice()),
        frames: input.frames as u32,
        columns: picture.columns as u32,
        bands: picture.bands as u32,
        pixels: Uint8Array::from(shades(&picture.db).as_slice()),
        removed: false,
    })
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

/// The clip as a network takes it.
pub fn example(clip: &StoredClip, label: usize) -> Example {
    Example { values: clip.features.to_vec(), frames: clip.frames as usize, label }
}
