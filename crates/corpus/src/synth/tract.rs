//! From score to samples: the glottal source, noise, and the formants that both pass.

use std::f64::consts::PI;

use super::Voice;
use super::manner::Manner;
use super::phone::{BANDWIDTHS, Formants, VOWELS};
use super::random::Random;
use super::score::Score;

const RATE: f64 = speech::SAMPLE_RATE as f64;
/// Settings move on every 4 ms.
const BLOCK: usize = 64;
/// Time in which settings go 63 % of the way to their targets, in seconds: formants glide, strengths follow quicker.
const GLIDE: f64 = 0.022;
const ATTACK: f64 = 0.007;
/// Root mean square of a clip at 0 dB of level.
const LOUDNESS: f64 = 0.07;

/// A resonance (Klatt 1980, equations 1 to 3), with gain 1 at 0 Hz.
#[derive(Default, Clone, Copy)]
struct Resonator {
    a: f64,
    b: f64,
    c: f64,
    y1: f64,
    y2: f64,
}

impl Resonator {
    fn tune(&mut self, centre: f64, width: f64) {
        let centre = centre.min(RATE * 0.48);
        let radius = libm::exp(-PI * width / RATE);
        self.c = -radius * radius;
        self.b = 2.0 * radius * libm::cos(2.0 * PI * centre / RATE);
        self.a = 1.0 - self.b - self.c;
    }

    fn pass(&mut self, x: f64) -> f64 {
        let y = self.a * x + self.b * self.y1 + self.c * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

/// The samples of a clip at 16 kHz, within -1 to 1.
pub(super) fn sound(voice: &Voice, manner: &Manner, score: &Score, random: &mut Random) -> Vec<f32> {
    let total = (score.seconds * RATE) as usize;
    let mut samples: Vec<f64> = Vec::with_capacity(total + BLOCK);

    let mean_pitch = voice.pitch * libm::exp2(manner.pitch / 12.0);
    let open = (voice.open_quotient - 0.08 * manner.tilt).clamp(0.35, 0.85);
    let corner = (voice.tilt * libm::exp2(manner.tilt)).min(6_000.0);
    let softness = libm::exp(-2.0 * PI * corner / RATE);
    let rough = libm::exp2(manner.rough);
    let (jitter, shimmer) = (voice.jitter * rough, voice.shimmer * rough);
    let breath = voice.breath * libm::exp2(manner.breath);
    let stretch = voice.tract * (1.0 + manner.smile);

    let mut tract = [Resonator::default(); 5];
    let mut teeth = Resonator::default();
    let mut formants: Formants = VOWELS[8].formants.unwrap_or(BANDWIDTHS);
    let (mut voiced, mut breathed, mut hissed) = (0.0, 0.0, 0.0);
    let (mut phase, mut period_pitch, mut period_strength) = (0.0, 1.0, 1.0);
    let mut softened = 0.0;
    let glide = 1.0 - libm::exp(-(BLOCK as f64) / (GLIDE * RATE));
    let attack = 1.0 - libm::exp(-1.0 / (ATTACK * RATE));

    let mut notes = score.notes.iter().peekable();
    while samples.len() < total {
        let time = samples.len() as f64 / RATE;
        while notes.len() > 1 && notes.peek().is_some_and(|note| note.end <= time) {
            notes.next();
        }
        let Some(note) = notes.peek() else { break };
        let phone = note.phone;
        if let Some(target) = phone.formants {
            for (formant, target) in formants.iter_mut().zip(target) {
                *formant += (target - *formant) * glide;
            }
        }
        for ((resonator, formant), width) in tract.iter_mut().zip(formants).zip(BANDWIDTHS) {
            resonator.tune(formant * stretch, width);
        }
        let (centre, width) = phone.noise_band;
        teeth.tune(centre * (1.0 + (stretch - 1.0) * 0.5), width);
        let pitch = (mean_pitch * libm::exp2(score.melody(time) / 12.0)).clamp(60.0, 600.0);

        for _ in 0..BLOCK {
            voiced += (phone.voice - voiced) * attack;
            breathed += (phone.breath - breathed) * attack;
            hissed += (phone.noise - hissed) * attack;

            phase += pitch * period_pitch / RATE;
            if phase >= 1.0 {
                phase -= 1.0;
                period_pitch = 1.0 + random.normal(jitter);
                period_strength = 1.0 + random.normal(shimmer);
            }
            // The derivative of KLGLOTT88's flow, t² - t³ while the glottis is open: radiation from the lips is in it.
            let t = phase / open;
            let pulse = if t < 1.0 { (2.0 * t - 3.0 * t * t) * period_strength } else { 0.0 };
            softened = pulse + (softened - pulse) * softness;
            let noise = random.between(-1.0, 1.0);
            // Breath is strongest while the glottis is open.
            let gust = noise * breath * breathed * if t < 1.0 { 1.0 } else { 0.5 };
            let mut flow = softened * voiced + gust;
            for resonator in &mut tract {
                flow = resonator.pass(flow);
            }
            // At its resonance the noise is louder by the filter's gain, which differs with its band: it is taken out.
            let hiss = teeth.pass(noise * hissed) * (width / 6_000.0).min(1.0);
            samples.push(flow + hiss);
        }
    }
    samples.truncate(total);
    finish(voice, manner, &samples, random)
}

/// Sets the level and adds the room.
fn finish(voice: &Voice, manner: &Manner, samples: &[f64], random: &mut Random) -> Vec<f32> {
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64;
    let decibels = voice.level + manner.level;
    let gain = LOUDNESS * from_decibels(decibels) / power.sqrt().max(1e-9);
    let room = from_decibels(voice.room);
    samples
        .iter()
        .map(|sample| {
            // A microphone that is shouted at gives way gently.
            let loud = sample * gain + random.between(-1.0, 1.0) * room;
            libm::tanh(loud) as f32
        })
        .collect()
}

fn from_decibels(decibels: f64) -> f64 {
    libm::exp2(decibels / 6.020_599_913_279_624)
}
