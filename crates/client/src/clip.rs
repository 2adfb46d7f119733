//! One clip: what is said of it, and everything that is computed of its sound once and kept.

use std::sync::Arc;

use models::Example;
use protocol::{Augmentation, Modalities};
use speech::{Quality, Sound, SoundError};
use text::Transcript;

use crate::{INPUT_VALUES, example, packed, sound_of_wav, unpacked, with_sides};

/// Longest clip that is kept, in seconds: the networks see 10, and a whole lecture is surely a mistake.
pub const LONGEST_S: f64 = 120.0;

/// Columns of the small spectrogram and of the waveform in the list.
const COLUMNS: usize = 96;
/// Bands of the small spectrogram in the list.
const BANDS: usize = 32;
/// What the spectrogram's darkest pixel is below its brightest, in dB.
const RANGE_DB: f32 = 60.0;
/// Bytes before the samples in a kept WAV file (see [`Sound::to_wav`]).
const WAV_HEADER: usize = 44;

/// Who made a clip's sound, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person recorded it or chose the file.
    Person,
    /// A program made the voice up.
    MadeUp,
    /// The model was wrong about it, and the person said what it is.
    Correction,
}

/// A labelled clip. A clone shares the sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// When it was added: microseconds since 1970, the last three digits random, so that two tabs never meet.
    pub id: f64,
    /// File name or a name made for a recording.
    pub name: String,
    /// The label's name in the room.
    pub label: String,
    /// Length in seconds.
    pub seconds: f64,
    /// Whether a program made this voice.
    pub made_up: bool,
    /// Whether the person added it because the model was wrong about it.
    pub corrected: bool,
    /// CRC-32 of the sound, by which the same sound is known again.
    pub digest: u32,
    /// What is said in it, where that is known: the prompt that was read, or what the person typed.
    pub transcript: Option<Transcript>,
    /// Whether the person deleted it; it is kept until the room is opened again, so that it can come back.
    pub removed: bool,
    /// Its sound, and what was computed of it.
    pub sound: Arc<ClipSound>,
}

/// A clip's sound with everything that was computed of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipSound {
    /// The sound as a 16-bit WAV file.
    pub wav: Vec<u8>,
    /// What networks see: 100 × 60 features, zero-padded, not standardised, of the clip at its own speed and then at
    /// others.
    pub inputs: Vec<f32>,
    /// The real frames of each of them.
    pub input_frames: Vec<u32>,
    /// Columns of the small spectrogram.
    pub columns: u32,
    /// Bands of the small spectrogram.
    pub bands: u32,
    /// The small spectrogram, 0 to 255, column after column, each from the lowest band to the highest.
    pub pixels: Vec<u8>,
    /// The waveform of the small picture: the lowest and the highest sample of each column, −127 to 127 for the clip's
    /// own peak.
    pub waveform: Vec<i8>,
    /// How good the recording is; none where an older version of the page has not measured it.
    pub quality: Option<Quality>,
}

/// What becomes of a kept clip when its room is opened again.
#[derive(Debug, PartialEq)]
pub enum Opened {
    /// The person had deleted it: now it goes for good.
    Gone,
    /// The room has no such label: it stays stored, and is not shown.
    Unlisted,
    /// It is in the list as it is.
    Kept,
    /// It is in the list, and to be stored as it is now.
    Renewed,
    /// It could not be made anew. It stays stored; another version of the page may know what to do with it.
    Unreadable(SoundError),
}

impl Clip {
    /// A new clip of a sound, of which nobody knows yet what is said.
    ///
    /// # Errors
    /// [`SoundError::TooShort`].
    pub fn new(id: f64, name: &str, label: &str, source: Source, sound: &Sound) -> Result<Self, SoundError> {
        let kept = ClipSound::of(sound)?;
        Ok(Self {
            id,
            name: name.to_owned(),
            label: label.to_owned(),
            seconds: sound.seconds(),
            made_up: source == Source::MadeUp,
            corrected: source == Source::Correction,
            digest: protocol::Checksum::of(&kept.wav).0,
            transcript: None,
            removed: false,
            sound: Arc::new(kept),
        })
    }

    /// Whether a room that looks at these sides sees anything of it.
    pub fn is_seen(&self, modalities: Modalities) -> bool {
        match modalities {
            Modalities::Both | Modalities::Voice => true,
            Modalities::Text => self.transcript.is_some(),
        }
    }

    /// The clip as a network takes it in a room with these settings; none where nothing is there of what the room looks at.
    pub fn example(&self, label: usize, augmentation: Augmentation, modalities: Modalities) -> Option<Example> {
        let heard = self.sound.example(label, augmentation)?;
        let text = self.transcript.as_ref().map(Transcript::buckets).unwrap_or_default();
        with_sides(Example { text, ..heard }, modalities)
    }

    /// Decides what becomes of it in a room with these labels, and makes anew what older versions of the page have not
    /// kept of it, or not as it is wanted today.
    pub fn open(&mut self, labels: &[String]) -> Opened {
        if self.removed {
            return Opened::Gone;
        }
        if !labels.contains(&self.label) {
            return Opened::Unlisted;
        }
        match Arc::make_mut(&mut self.sound).renew() {
            Ok(true) => Opened::Renewed,
            Ok(false) => Opened::Kept,
            Err(error) => Opened::Unreadable(error),
        }
    }
}

impl ClipSound {
    /// Computes everything that is kept of a sound.
    ///
    /// # Errors
    /// [`SoundError::TooShort`].
    pub fn of(sound: &Sound) -> Result<Self, SoundError> {
        // At all speeds, whatever room the clip is in.
        let (inputs, input_frames) = packed(&speech::inputs_at_speeds(sound)?);
        let picture = speech::spectrogram(sound, COLUMNS, BANDS);
        Ok(Self {
            wav: sound.to_wav(),
            inputs,
            input_frames,
            columns: picture.columns as u32,
            bands: picture.bands as u32,
            pixels: shades(&picture.db),
            waveform: waveform(sound),
            quality: Some(speech::quality(sound)),
        })
    }

    /// True where something was made anew.
    fn renew(&mut self) -> Result<bool, SoundError> {
        let count = self.input_frames.len();
        let has_inputs = count > 0 && self.inputs.len() == count * INPUT_VALUES;
        if has_inputs && self.quality.is_some() && !self.waveform.is_empty() {
            return Ok(false);
        }
        let sound = sound_of_wav(&self.wav)?;
        if !has_inputs {
            (self.inputs, self.input_frames) = packed(&speech::inputs_at_speeds(&sound)?);
        }
        self.waveform = waveform(&sound);
        self.quality = Some(speech::quality(&sound));
        Ok(true)
    }

    /// The sound as a network takes it; none where no input is kept.
    fn example(&self, label: usize, augmentation: Augmentation) -> Option<Example> {
        example(unpacked(&self.inputs, &self.input_frames), label, augmentation)
    }

    /// The samples: 16 bits each, little-endian.
    pub fn samples(&self) -> &[u8] {
        self.wav.get(WAV_HEADER..).unwrap_or_default()
    }
}

/// The small waveform: the lowest and the highest sample of each column, in 127ths of the sound's own peak.
fn waveform(sound: &Sound) -> Vec<i8> {
    let columns = speech::waveform(sound, COLUMNS);
    let peak = columns.iter().flatten().fold(f32::MIN_POSITIVE, |peak, sample| peak.max(sample.abs()));
    columns.iter().flatten().map(|sample| (sample / peak * 127.0).round() as i8).collect()
}

/// Decibels below the loudest as 0 to 255 over the loudest 60 dB; silence is dark.
fn shades(db: &[f32]) -> Vec<u8> {
    // Casting from float saturates, and takes NaN to 0.
    db.iter().map(|&level| ((level + RANGE_DB) / RANGE_DB * 255.0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use corpus::synth::Voice;

    use super::*;

    /// In 16 bits, as it is kept, so that what is made anew of it is the same to the last bit.
    fn sound() -> Sound {
        sound_of_wav(&Voice::new(1).say(1, 0).to_wav()).unwrap()
    }

    fn clip() -> Clip {
        Clip::new(1e15, "one", "happy", Source::Person, &sound()).unwrap()
    }

    fn labels() -> Vec<String> {
        vec!["angry".to_owned(), "happy".to_owned()]
    }

    #[test]
    fn a_new_clip_has_everything_that_is_kept_of_it() {
        let (sound, clip) = (sound(), clip());
        assert_eq!(clip.seconds, sound.seconds());
        assert_eq!(clip.digest, protocol::Checksum::of(&sound.to_wav()).0);
        assert!(!clip.made_up && !clip.corrected && !clip.removed);
        let kept = &clip.sound;
        assert_eq!(kept.samples().len(), 2 * sound.samples().len());
        assert_eq!(kept.input_frames.len(), 1 + speech::SPEEDS.len());
        assert_eq!(kept.inputs.len(), kept.input_frames.len() * crate::INPUT_VALUES);
        assert_eq!((kept.columns, kept.bands, kept.pixels.len()), (96, 32, 96 * 32));
        assert_eq!(kept.pixels.iter().max(), Some(&255), "the loudest is bright");
        assert_eq!(kept.waveform.len(), 2 * 96);
        assert_eq!(kept.waveform.iter().map(|&sample| i16::from(sample).abs()).max(), Some(127), "its own peak");
        assert_eq!(kept.quality, Some(speech::quality(&sound)));
    }

    #[test]
    fn who_made_it_is_kept() {
        let of = |source| Clip::new(1.0, "one", "happy", source, &sound()).unwrap();
        let said = |clip: Clip| (clip.made_up, clip.corrected);
        assert_eq!(said(of(Source::MadeUp)), (true, false));
        assert_eq!(said(of(Source::Correction)), (false, true));
    }

    #[test]
    fn a_sound_without_a_whole_window_is_no_clip() {
        let short = Sound::from_pcm(&[0.5; 1600], 1, 16_000).unwrap();
        let refused = Clip::new(1.0, "one", "happy", Source::Person, &short).unwrap_err();
        assert_eq!(refused, SoundError::TooShort { seconds: 0.1 });
    }

    #[test]
    fn a_network_gets_what_speech_computes() {
        let (sound, clip) = (sound(), clip());
        let at_speeds = speech::inputs_at_speeds(&sound).unwrap();
        let plain = clip.sound.example(1, Augmentation::None).unwrap();
        assert_eq!((plain.label, plain.frames), (1, at_speeds[0].frames));
        assert_eq!((&plain.values, plain.variants.len()), (&at_speeds[0].values, 0));
        let varied = clip.sound.example(1, Augmentation::Speed).unwrap();
        assert_eq!(varied.values, plain.values);
        for (variant, input) in varied.variants.iter().zip(&at_speeds[1..]) {
            assert_eq!((&variant.values, variant.frames), (&input.values, input.frames));
        }
        assert_eq!(varied.variants.len(), at_speeds.len() - 1);
    }

    #[test]
    fn a_network_gets_what_is_said_where_the_room_looks_at_it() {
        let said = Transcript::new("The door is open").unwrap();
        let (silent, told) = (clip(), Clip { transcript: Some(said.clone()), ..clip() });
        let of = |clip: &Clip, modalities| clip.example(1, Augmentation::Speed, modalities);
        assert_eq!(of(&told, Modalities::Both).unwrap().text, said.buckets());
        assert_eq!(of(&told, Modalities::Voice), of(&silent, Modalities::Both));
        let read = of(&told, Modalities::Text).unwrap();
        assert_eq!((read.frames, read.variants.len(), read.label), (0, 0, 1));
        for modalities in [Modalities::Both, Modalities::Voice, Modalities::Text] {
            for clip in [&silent, &told] {
                assert_eq!(of(clip, modalities).is_some(), clip.is_seen(modalities), "{modalities}");
            }
        }
    }

    #[test]
    fn a_clip_as_it_is_wanted_stays() {
        let mut kept = clip();
        assert_eq!(kept.open(&labels()), Opened::Kept);
        assert_eq!(kept, clip());
    }

    #[test]
    fn what_an_older_page_has_not_kept_is_made_anew() {
        let whole = clip();
        let lacking: [fn(&mut ClipSound); 5] = [
            |kept| kept.inputs.clear(),
            |kept| kept.input_frames.clear(),
            // As networks of 34 features a frame took it.
            |kept| (kept.inputs, kept.input_frames) = (vec![0.0; 100 * 34], vec![12]),
            |kept| kept.waveform.clear(),
            |kept| kept.quality = None,
        ];
        for lack in lacking {
            let mut clip = clip();
            lack(Arc::make_mut(&mut clip.sound));
            assert_eq!(clip.open(&labels()), Opened::Renewed);
            assert!(clip == whole);
        }
    }

    #[test]
    fn what_the_person_deleted_goes_and_what_belongs_elsewhere_stays_unlisted() {
        let mut deleted = Clip { removed: true, ..clip() };
        assert_eq!(deleted.open(&["left".to_owned()]), Opened::Gone);
        let mut other = clip();
        Arc::make_mut(&mut other.sound).inputs.clear();
        assert_eq!(other.open(&["left".to_owned()]), Opened::Unlisted);
        assert!(other.sound.inputs.is_empty(), "nothing is computed for nobody");
    }

    #[test]
    fn a_clip_that_cannot_be_read_is_told_of() {
        let mut clip = clip();
        let sound = Arc::make_mut(&mut clip.sound);
        sound.wav.truncate(20);
        sound.inputs.clear();
        assert!(matches!(clip.open(&labels()), Opened::Unreadable(SoundError::Unsupported { .. })));
    }
}
