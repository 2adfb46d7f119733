//! What is expected of sound files as phones, recorders, messengers and corpora make them: natively, of the page, and of the
//! decoders that browsers bring along. The native test holds the native reader and `docs/sounds.md` to it, the page's test
//! (`tests/src/sounds.rs`, which has this very file) the page and the browsers.
//!
//! Most files lie beside the project (`../shared/sounds`), the others are this crate's fixtures. Nearly all of either kind are
//! the same sound, so where it begins in each is found by sliding one whose samples are plain along what was decoded. Lengths
//! are those of the formats' own numbers: samples of plain files, frames and LAME's tag of MP3, lists of edits of MP4.

use std::path::{Path, PathBuf};

use Expected::{Long, Refused, Sound};
use Folder::{Fixtures, Shared};
use Own::{Not, Otherwise, Right, Varies};

/// Samples a second of what is compared.
const RATE: f64 = speech::SAMPLE_RATE as f64;
/// A frame of AAC at 44.1 kHz, and the delay of an MP3 decoder and LAME's encoder, which no tag takes away there.
const AAC_FRAME: f64 = 1_024.0 / 44_100.0;
const MP3_DELAY: f64 = 1_105.0 / 44_100.0;
const MP3_FRAME: f64 = 1_152.0 / 44_100.0;
/// Seconds by which another's decoder may be off and still be right: about a frame of any codec here.
pub const NEAR: f64 = 0.03;

/// Where a file lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Folder {
    /// Beside the project.
    Shared,
    /// In `crates/speech`.
    Fixtures,
}

impl Folder {
    /// The folder, as seen from one that is so many folders below the project.
    pub fn seen_from(self, workspace: &str) -> PathBuf {
        Path::new(workspace).join(match self {
            Shared => "../shared/sounds",
            Fixtures => "crates/speech/tests/fixtures",
        })
    }

    /// The file whose samples are plain.
    pub fn plain(self) -> &'static str {
        match self {
            Shared => "sound.au",
            Fixtures => "plain.au",
        }
    }
}

/// What is expected of a file.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// Seconds, and how many seconds late the sound is.
    Sound(f64, f64),
    /// Seconds alone: it is another sound.
    Long(f64),
    /// The name that it is refused by, of which the page says the first word, and the seconds that are in it.
    Refused(&'static str, f64),
}

/// What a browser's own decoder makes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// All of it, and in place, within [`NEAR`].
    Right,
    /// Something else.
    Otherwise,
    /// Nothing.
    Not,
    /// All of it in one run and nothing in another.
    Varies,
}

/// A file.
pub struct File {
    /// Where it lies.
    pub folder: Folder,
    /// What it is called.
    pub name: &'static str,
    /// The row of `docs/sounds.md` that it is an example of, by its first cell.
    pub row: &'static str,
    /// What our readers give, natively and in the page.
    pub expected: Expected,
    /// By how many seconds length and place may be off.
    pub tolerance: f64,
    /// Of Chromium and of Firefox.
    pub own: [Own; 2],
}

impl File {
    /// What is wrong with a sound (16 kHz) that was read from it, `plain` being that of its folder's plain file; None where it
    /// is there in full and in place.
    pub fn fault(&self, sound: &[f32], plain: &[f32], tolerance: f64) -> Option<String> {
        let seconds = sound.len() as f64 / RATE;
        // Half a sample is as near as one can tell.
        let is_near = |found: f64, wanted: f64| (found - wanted).abs() <= tolerance + 0.6 / RATE;
        let (Sound(wanted, _) | Long(wanted) | Refused(_, wanted)) = self.expected;
        if !is_near(seconds, wanted) {
            return Some(format!("{seconds} s, not {wanted} s"));
        }
        let Sound(_, late) = self.expected else { return None };
        let found = delay(sound, plain) as f64 / RATE;
        (!is_near(found, late)).then(|| format!("{found} s late, not {late} s"))
    }
}

/// By how many samples the sound is late that the plain one has from its beginning on: by which the two are most alike, as
/// every fourth sample tells.
fn delay(sound: &[f32], plain: &[f32]) -> i64 {
    const MOST: usize = 2_000;
    const STEP: usize = 4;
    let part: Vec<f32> = plain[MOST..plain.len().min(9_000)].iter().copied().step_by(STEP).collect();
    let silence = vec![0.0; MOST + STEP * part.len()];
    let padded = [&silence[..MOST], sound, &silence].concat();
    let likeness =
        |shift: usize| -> f32 { padded[MOST + shift..].iter().step_by(STEP).zip(&part).map(|(a, b)| a * b).sum() };
    let best = (0..2 * MOST).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b))).unwrap_or(MOST);
    best as i64 - MOST as i64
}

const WAV: &str = "WAV: integers of 8 to 32 bits, floats of 32 and 64, A-law, µ-law, Microsoft's and IMA's ADPCM";
const WAV_CODED: &str = "WAV with MP3 in it";
const WAV_GSM: &str = "WAV with GSM 6.10 in it";
const WAV_64: &str = "RF64, BW64, Wave64";
const RIFX: &str = "RIFX";
const WAV_24_IN_32: &str = "WAV with 17 to 24 bits in 4 bytes";
const AIFF: &str = "AIFF, AIFF-C (plain, `sowt`, `fl32`, `fl64`, A-law, µ-law, IMA's ADPCM)";
const CAF: &str = "CAF (plain, A-law, µ-law, IMA's ADPCM, AAC-LC, Apple Lossless, Opus)";
const AU: &str = "AU, NIST SPHERE (plain, A-law, µ-law)";
const FLAC: &str = "FLAC, FLAC in Ogg";
const MP3: &str = "MP3, MP2";
const OPUS: &str = "Opus in Ogg, WebM, Matroska and MP4, mono or stereo";
const VORBIS: &str = "Ogg Vorbis";
const VORBIS_MP4: &str = "Vorbis in MP4";
const MP4: &str = "MP4, M4A, MOV, 3GP with AAC-LC, MP3 or plain samples";
const ALAC: &str = "MP4, M4A with Apple Lossless";
const ADTS: &str = "AAC without a container (ADTS)";
const AMR: &str = "AMR in 3GP";

const fn file(
    folder: Folder,
    name: &'static str,
    row: &'static str,
    expected: Expected,
    tolerance: f64,
    own: [Own; 2],
) -> File {
    File { folder, name, row, expected, tolerance, own }
}

const EXACT: f64 = 0.0001;
const LOSSY: f64 = 0.001;

/// Everything that is tested.
#[rustfmt::skip]
pub const TABLE: &[File] = &[
    file(Shared, "sound.au",                   AU,           Sound(1.0, 0.0), EXACT, [Not, Not]),
    file(Shared, "data_length_0.wav",          WAV,          Sound(1.0, 0.0), EXACT, [Right, Not]),
    file(Shared, "riff_length_36.wav",         WAV,          Sound(1.0, 0.0), EXACT, [Right, Right]),
    file(Shared, "pcm_12_bits.wav",            WAV,          Sound(1.0, 0.0), EXACT, [Right, Not]),
    file(Shared, "24_bits_in_4_bytes.wav",     WAV_24_IN_32, Sound(0.5, 0.0), EXACT, [Not, Otherwise]),
    file(Shared, "rifx.wav",                   RIFX,         Sound(1.0, 0.0), EXACT, [Otherwise, Not]),
    file(Shared, "rf64.wav",                   WAV_64,       Sound(1.0, 0.0), EXACT, [Right, Not]),
    file(Shared, "cafe.aiff",                  AIFF,         Sound(1.0, 0.0), EXACT, [Not, Not]),
    file(Shared, "memo.caf",                   CAF,          Sound(1.0, 0.0), EXACT, [Not, Not]),
    file(Shared, "alac_memo.m4a",              ALAC,         Sound(1.0, 0.0), EXACT, [Not, Not]),
    file(Shared, "flac_in_ogg.ogg",            FLAC,         Sound(1.0, 0.0), EXACT, [Right, Right]),
    file(Shared, "timit.sph",                  AU,           Sound(1.0, 0.0), EXACT, [Not, Not]),
    file(Shared, "inverted_16k.wav",           WAV,          Sound(1.0, 0.0), EXACT, [Right, Right]),
    file(Shared, "lead_in_128ms.m4a",          MP4,          Sound(1.0, 0.0), LOSSY, [Right, Right]),
    file(Shared, "quicktime_without_ftyp.mov", MP4,          Sound(1.0, 0.0), LOSSY, [Right, Not]),
    file(Shared, "cut_off_faststart.m4a",      MP4,          Sound(2.0 / 3.0, 0.0), AAC_FRAME, [Right, Varies]),
    file(Shared, "two_mp3_joined.mp3",         MP3,          Sound(2.0, 0.0), LOSSY, [Otherwise, Otherwise]),
    file(Shared, "padded_after_id3.mp3",       MP3,          Sound(40.0 * MP3_FRAME, MP3_DELAY), LOSSY, [Right, Right]),
    file(Shared, "mp3_in_wav.wav",             WAV_CODED,    Sound(40.0 * MP3_FRAME, MP3_DELAY), LOSSY, [Right, Right]),
    file(Shared, "cut_out_of_a_stream.mp3",    MP3,          Sound(39.0 * MP3_FRAME, MP3_DELAY - MP3_FRAME), LOSSY, [Right, Not]),
    file(Shared, "vbr_without_xing.mp3",       MP3,          Long(275.0 * MP3_FRAME), EXACT, [Right, Right]),
    // Its rate is another, and a codec of 13 kbit/s has its own idea of a waveform.
    file(Shared, "gsm.wav",                    WAV_GSM,      Sound(1.0, 0.0), LOSSY, [Not, Not]),
    file(Shared, "android.3gp",                AMR,          Refused("AMR-NB in an MP4 or QuickTime file", 1.0), LOSSY, [Not, Not]),
    file(Shared, "vorbis.mp4",                 VORBIS_MP4,   Refused("Vorbis in an MP4 or QuickTime file", 1.0), NEAR, [Right, Not]),
    file(Shared, "whatsapp.opus",              OPUS,         Sound(1.0, 0.0), LOSSY, [Right, Right]),
    // 51 packets of 20 ms. That its encoder began 6.5 ms early, other containers would tell; this one has no word for it.
    file(Shared, "imessage_opus.caf",          CAF,          Sound(51.0 * 0.02, 312.0 / 48_000.0), LOSSY, [Not, Not]),

    file(Fixtures, "plain.au",                 AU,           Sound(0.5, 0.0), EXACT, [Not, Not]),
    file(Fixtures, "plain.sph",                AU,           Sound(0.5, 0.0), EXACT, [Not, Not]),
    file(Fixtures, "plain.aiff",               AIFF,         Sound(0.5, 0.0), EXACT, [Not, Not]),
    file(Fixtures, "plain.caf",                CAF,          Sound(0.5, 0.0), EXACT, [Not, Not]),
    file(Fixtures, "plain.w64",                WAV_64,       Sound(0.5, 0.0), EXACT, [Not, Not]),
    file(Fixtures, "pcm24.wav",                WAV,          Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "float.wav",                WAV,          Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "telephone.wav",            WAV,          Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "glide.flac",               FLAC,         Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "glide.mp3",                MP3,          Sound(0.5, 0.0), EXACT, [Right, Otherwise]),
    file(Fixtures, "glide.ogg",                VORBIS,       Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "glide.m4a",                MP4,          Sound(0.5, 0.0), EXACT, [Right, Right]),
    file(Fixtures, "alac.m4a",                 ALAC,         Sound(0.5, 0.0), EXACT, [Not, Not]),
    // What tells of the encoder's lead-in in glide.m4a is missing in these two.
    file(Fixtures, "fragmented.m4a",           MP4,          Sound(0.5 + AAC_FRAME, AAC_FRAME), AAC_FRAME, [Right, Right]),
    file(Fixtures, "glide.aac",                ADTS,         Sound(0.5 + AAC_FRAME, AAC_FRAME), AAC_FRAME, [Right, Right]),
    file(Fixtures, "opus.ogg",                 OPUS,         Sound(0.5, 0.0), LOSSY, [Right, Right]),
    file(Fixtures, "opus.webm",                OPUS,         Sound(0.5, 0.0), LOSSY, [Right, Right]),
    file(Fixtures, "opus.m4a",                 OPUS,         Sound(0.5, 0.0), LOSSY, [Right, Right]),
];
