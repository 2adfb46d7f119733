//! The sounds that sentences are made of.

/// A formant's centre frequency in Hz, for a tract of a man's average length.
pub(super) type Formants = [f64; 5];

/// Formant bandwidths in Hz (Klatt 1980).
pub(super) const BANDWIDTHS: Formants = [70.0, 100.0, 150.0, 220.0, 280.0];

/// A kind of sound and how it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phone {
    /// Length in shares of a syllable.
    pub(super) length: f64,
    /// Where the formants go; None where they just move on to the next sound's.
    pub(super) formants: Option<Formants>,
    /// Strengths of the voice, of breath through the tract, and of noise made at the teeth or lips.
    pub(super) voice: f64,
    pub(super) breath: f64,
    pub(super) noise: f64,
    /// Centre and bandwidth of that noise, in Hz.
    pub(super) noise_band: (f64, f64),
}

const SILENT: Phone =
    Phone { length: 0.3, formants: None, voice: 0.0, breath: 0.0, noise: 0.0, noise_band: (3_000.0, 1_500.0) };

const fn vowel(f1: f64, f2: f64, f3: f64) -> Phone {
    Phone { length: 0.62, formants: Some([f1, f2, f3, 3_500.0, 4_500.0]), voice: 1.0, breath: 1.0, ..SILENT }
}

/// Peterson & Barney 1952, table II, men: heed, hid, head, had, hod, hawed, hood, who'd, hud, heard.
pub(super) const VOWELS: [Phone; 10] = [
    vowel(270.0, 2_290.0, 3_010.0),
    vowel(390.0, 1_990.0, 2_550.0),
    vowel(530.0, 1_840.0, 2_480.0),
    vowel(660.0, 1_720.0, 2_410.0),
    vowel(730.0, 1_090.0, 2_440.0),
    vowel(570.0, 840.0, 2_410.0),
    vowel(440.0, 1_020.0, 2_240.0),
    vowel(300.0, 870.0, 2_240.0),
    vowel(640.0, 1_190.0, 2_390.0),
    vowel(490.0, 1_350.0, 1_690.0),
];

const fn fricative(centre: f64, width: f64, noise: f64, voice: f64) -> [Phone; 2] {
    let hiss = Phone { length: 0.38, voice, noise, noise_band: (centre, width), ..SILENT };
    [hiss, Phone { length: 0.0, ..SILENT }]
}

/// A closure and its burst.
const fn stop(centre: f64, width: f64, voiced: bool) -> [Phone; 2] {
    let closure = Phone { length: 0.25, voice: if voiced { 0.15 } else { 0.0 }, ..SILENT };
    let burst = Phone {
        length: if voiced { 0.06 } else { 0.13 },
        breath: if voiced { 0.0 } else { 6.0 },
        noise: 0.5,
        noise_band: (centre, width),
        ..SILENT
    };
    [closure, burst]
}

const fn sonorant(f1: f64, f2: f64, f3: f64, voice: f64) -> [Phone; 2] {
    let murmur = Phone { length: 0.32, formants: Some([f1, f2, f3, 3_300.0, 4_300.0]), voice, ..SILENT };
    [murmur, Phone { length: 0.0, ..SILENT }]
}

/// Consonants, each of two parts: s, sh, f, z; p, t, k, b, d, g; m, n, l, r.
pub(super) const CONSONANTS: [[Phone; 2]; 14] = [
    fricative(5_800.0, 1_400.0, 0.2, 0.0),
    fricative(3_600.0, 1_200.0, 0.2, 0.0),
    fricative(6_500.0, 4_000.0, 0.12, 0.0),
    fricative(5_800.0, 1_400.0, 0.12, 0.3),
    stop(900.0, 1_200.0, false),
    stop(4_500.0, 2_000.0, false),
    stop(2_000.0, 1_000.0, false),
    stop(900.0, 1_200.0, true),
    stop(4_500.0, 2_000.0, true),
    stop(2_000.0, 1_000.0, true),
    sonorant(270.0, 1_000.0, 2_200.0, 0.35),
    sonorant(270.0, 1_500.0, 2_500.0, 0.35),
    sonorant(360.0, 1_100.0, 2_600.0, 0.5),
    sonorant(400.0, 1_200.0, 1_600.0, 0.5),
];

/// Nothing, between words and around the sentence.
pub(super) const PAUSE: Phone = SILENT;
