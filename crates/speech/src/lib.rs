//! Sound in, features out.
//!
//! Any sound file or raw samples become a [`Sound`] (16 kHz, mono), a sound becomes one [`Frame`] of the 34 short-term
//! features of pyAudioAnalysis for every tenth of a second, and together with 26 more they become the [`Input`] of a
//! network. The same code runs natively and in a browser tab: no files, threads, clocks or network here, and nothing
//! about models or rounds.
//!
//! ```
//! # fn main() -> Result<(), speech::SoundError> {
//! // One second of a 220 Hz tone, as a stereo microphone at 44.1 kHz would deliver it.
//! let recorded: Vec<f32> = (0..44_100)
//!     .flat_map(|n| [(n as f32 / 44_100.0 * 220.0 * std::f32::consts::TAU).sin() * 0.5; 2])
//!     .collect();
//! let sound = speech::Sound::from_pcm(&recorded, 2, 44_100)?;
//! let frames = speech::features(&sound)?;
//! assert_eq!(frames.len(), 9); // 0.2 s windows, one every 0.1 s
//! let input = speech::input(&sound)?;
//! assert_eq!((input.values.len(), input.frames), (100 * 60, 9));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod container;
mod decode;
mod decoded;
mod error;
mod features;
mod filterbank;
mod frame;
mod imagined;
mod input;
mod mix;
mod opus;
mod quality;
mod resample;
mod sound;
mod spectrogram;
mod stream;
mod texture;
mod waveform;

pub use decode::{decode, decode_up_to, longest_decoding};
pub use decoded::{Decoded, Notice};
pub use error::SoundError;
pub use features::{FEATURE_NAMES, FEATURES, Frame, HOP, Normalisation, WINDOW, features};
pub use imagined::imagined;
pub use input::{INPUT_FEATURES, INPUT_NAMES, Input, MAX_FRAMES, input, inputs_at_speeds};
pub use quality::{Complaint, Quality, SILENT_BELOW_DB, quality, sounding};
pub use resample::{RATES, Resampler};
pub use sound::{MAX_SECONDS, SAMPLE_RATE, SPEEDS, Sound};
pub use spectrogram::{DYNAMIC_RANGE, Spectrogram, spectrogram};
pub use stream::Stream;
pub use waveform::waveform;
