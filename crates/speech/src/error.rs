//! What can be wrong with a sound, in words for the person who chose it.

/// Why a sound could not be used. The text of each says what to do next.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SoundError {
    /// The bytes are no sound file of any kind that is known here.
    #[error("this is not a sound file: choose a WAV, FLAC, MP3, OGG or M4A file")]
    NotSound,
    /// A sound that this crate can't read; a browser's own decoder may know it.
    #[error(
        "{format} can't be read here: save the sound as WAV, FLAC, MP3, OGG (Vorbis) or M4A (AAC), for example with \
        the free program Audacity, or `ffmpeg -i FILE sound.wav`"
    )]
    Unsupported {
        /// What it is, as a noun: "a WebM recording".
        format: String,
    },
    /// A sound that programs hear differently: what one takes for a voice is noise to another. No other decoder is to be
    /// asked.
    #[error("{format} is heard differently by different programs: save the sound as WAV with 16 bits")]
    Ambiguous {
        /// What it is, as a noun: "a WAV file with 24 bits in 4 bytes".
        format: String,
    },
    /// A sound file or recording without a single sample.
    #[error("there is no sound in this: record it again, or choose another file")]
    Empty,
    /// Fewer samples than one window of 0.2 s.
    #[error("the sound lasts only {seconds:.2} s: at least 0.2 s are needed")]
    TooShort {
        /// Its length in seconds.
        seconds: f64,
    },
    /// More than [`MAX_SECONDS`](crate::MAX_SECONDS), or than whoever asked wants.
    #[error("the sound is longer than {} minutes: cut it into shorter parts", limit_seconds / 60)]
    TooLong {
        /// The longest length that is allowed, in seconds.
        limit_seconds: u32,
    },
    /// A sound file that breaks its format's rules so badly that nothing could be heard.
    #[error("the sound file is damaged ({detail}): copy or export it again")]
    Damaged {
        /// What is wrong with it.
        detail: String,
    },
}
