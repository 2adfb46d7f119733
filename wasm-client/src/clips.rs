//! From a sound to a clip that can be kept, shown and trained on.

use js_sys::{Float32Array, Int8Array, Object, Uint8Array};
use models::Example;
use protocol::Augmentation;
use speech::{Sound, SoundError};
use wasm_bindgen::JsValue;

use crate::failure::{Failure, set};
use crate::storage::StoredClip;

/// Columns of the small spectrogram and of the waveform in the list.
const COLUMNS: usize = 96;
/// Bands of the small spectrogram in the list.
const BANDS: usize = 32;
/// What the spectrogram's darkest pixel is below its brightest, in dB.
const RANGE_DB: f32 = 60.0;

/// Bytes before the samples in a stored WAV file (see `speech::Sound::to_wav`).
const WAV_HEADER: u32 = 44;

/// The codes of [`failure_of`].
pub const SOUND_CODES: [&str; 6] = ["not_sound", "needs_browser_decoder", "empty", "too_long", "too_short", "damaged"];

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

/// A WAV file of integer or f32 samples: what is stored of a clip, for one. Other sound files are for the decoder.
///
/// # Errors
/// `needs_browser_decoder` where it is no such file; the other codes of [`failure_of`].
pub fn from_wav(bytes: &[u8]) -> Result<Sound, Failure> {
    let other = |error: hound::Error| Failure::new("needs_browser_decoder", error.to_string());
    let reader = hound::WavReader::new(bytes).map_err(other)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let samples: Vec<f32> = match sample_format {
        hound::SampleFormat::Float => reader.into_samples().collect::<Result<_, _>>().map_err(other)?,
        hound::SampleFormat::Int => {
            let full = 2_f32.powi(i32::from(bits_per_sample) - 1);
            let scaled = |sample: i32| sample as f32 / full;
            reader.into_samples().map(|sample| sample.map(scaled)).collect::<Result<_, _>>().map_err(other)?
        }
    };
    Sound::from_pcm(&samples, channels, sample_rate).map_err(|error| failure_of(&error))
}

/// Sound that the browser decoded or recorded; samples interleaved.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn from_pcm(samples: &Float32Array, channels: u16, rate: u32) -> Result<Sound, Failure> {
    Sound::from_pcm(&samples.to_vec(), channels, rate).map_err(|error| failure_of(&error))
}

/// Who made a clip's sound, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person recorded it or chose the file.
    Person,
    /// A program made the voice up.
    MadeUp,
    /// The model was wrong about it, and the person said what it is.
    Correction,
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
    /// Who made it.
    pub source: Source,
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
        made_up: origin.source == Source::MadeUp,
        corrected: origin.source == Source::Correction,
        digest: protocol::Checksum::of(&wav).0,
        wav: Uint8Array::from(wav.as_slice()),
        inputs,
        input_frames,
        columns: picture.columns as u32,
        bands: picture.bands as u32,
        pixels: Uint8Array::from(shades(&picture.db).as_slice()),
        waveform: waveform(sound),
        quality: Some(speech::quality(sound)),
        removed: false,
    })
}

/// A sound that has no label yet, as the networks of a room with this `augmentation` take it.
///
/// # Errors
/// `too_short` and the other codes of [`failure_of`].
pub fn example_of(sound: &Sound, augmentation: Augmentation) -> Result<Example, Failure> {
    client::example_of(sound, 0, augmentation).map_err(|error| failure_of(&error))
}

/// What is stored of it, at all speeds, whatever room the clip is in.
fn inputs(sound: &Sound) -> Result<(Float32Array, Vec<u32>), Failure> {
    let inputs = speech::inputs_at_speeds(sound).map_err(|error| failure_of(&error))?;
    let (values, frames) = client::packed(&inputs);
    Ok((Float32Array::from(values.as_slice()), frames))
}

/// Makes anew what older versions of this page have not stored of a clip, or not as it is wanted today. True where
/// something was.
///
/// # Errors
/// The codes of [`failure_of`].
pub fn renew(clip: &mut StoredClip) -> Result<bool, Failure> {
    let count = clip.input_frames.len();
    let has_inputs = count > 0 && clip.inputs.length() as usize == count * client::INPUT_VALUES;
    if has_inputs && clip.quality.is_some() && clip.waveform.length() > 0 {
        return Ok(false);
    }
    let sound = from_wav(&clip.wav.to_vec())?;
    if !has_inputs {
        (clip.inputs, clip.input_frames) = inputs(&sound)?;
    }
    clip.waveform = waveform(&sound);
    clip.quality = Some(speech::quality(&sound));
    Ok(true)
}

/// What the page is told of a recording's quality: `complaints`, the worst first.
///
/// # Errors
/// Never, in practice: the words are plain data.
pub fn quality(sound: &Sound) -> Result<JsValue, Failure> {
    let answer = Object::new();
    let complaints = serde_wasm_bindgen::to_value(&speech::quality(sound).complaints())
        .map_err(|error| Failure::new("quality", error.to_string()))?;
    set(&answer, "complaints", &complaints);
    Ok(answer.into())
}

/// The small waveform: the lowest and the highest sample of each column, in 127ths of the sound's own peak.
fn waveform(sound: &Sound) -> Int8Array {
    let columns = speech::waveform(sound, COLUMNS);
    let peak = columns.iter().flatten().fold(f32::MIN_POSITIVE, |peak, sample| peak.max(sample.abs()));
    let steps: Vec<i8> = columns.iter().flatten().map(|sample| (sample / peak * 127.0).round() as i8).collect();
    Int8Array::from(steps.as_slice())
}

/// Decibels below the loudest as 0 to 255 over the loudest 60 dB; silence is dark.
fn shades(db: &[f32]) -> Vec<u8> {
    // Casting from float saturates, and takes NaN to 0.
    db.iter().map(|&level| ((level + RANGE_DB) / RANGE_DB * 255.0) as u8).collect()
}

/// A stored clip's samples: 16 bits each, little-endian.
pub fn samples_as_bytes(clip: &StoredClip) -> Vec<u8> {
    clip.wav.slice(WAV_HEADER, clip.wav.length()).to_vec()
}

/// The clip as the networks of a room with this `augmentation` take it; `None` where nothing of it is stored for them,
/// which [`renew`] sees to.
pub fn example(clip: &StoredClip, label: usize, augmentation: Augmentation) -> Option<Example> {
    client::example(client::unpacked(&clip.inputs.to_vec(), &clip.input_frames), label, augmentation)
}
