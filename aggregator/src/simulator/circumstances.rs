//! What a simulated room has to bear: devices that are slow or drop out, a network that takes time, and what the room does
//! about it. With it a simulation has a made-up clock; every duration follows from the plan's seed.

use anyhow::{Result, ensure};
use federation::local_work::whole_steps;
use protocol::limits::DEADLINE_MS;
use protocol::{Pace, Selection, Stragglers, TrainingSettings};
use serde::{Deserialize, Serialize};

/// What the median device needs before it trains, seconds.
const START_S: f64 = 1.0;
/// What it takes for one clip in one pass, seconds.
const CLIP_S: f64 = 0.05;

/// Devices, network, and the room's rules for them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The chance that a client which was asked for an update loses its connection meanwhile, and is away until the round
    /// is over, 0 to below 1.
    pub drop_out: f64,
    /// How different devices are in speed: σ of the log-normal distribution that each one's factor on the median's training
    /// time is drawn from, 0 to 3.
    pub slow: f64,
    /// What each client's connection carries in either direction, megabit a second.
    pub megabits: f64,
    /// The room's deadline, milliseconds.
    pub deadline_ms: u64,
    /// Whom a round asks.
    #[serde(default, skip_serializing_if = "Selection::is_all")]
    pub selection: Selection,
    /// Whether a round waits.
    #[serde(default, skip_serializing_if = "Pace::is_synchronous")]
    pub pace: Pace,
    /// What clients do that are too slow for the deadline.
    #[serde(default, skip_serializing_if = "Stragglers::is_whole")]
    pub stragglers: Stragglers,
}

impl Default for Circumstances {
    fn default() -> Self {
        Self {
            drop_out: 0.0,
            slow: 0.0,
            megabits: 20.0,
            deadline_ms: 180_000,
            selection: Selection::All,
            pace: Pace::Synchronous,
            stragglers: Stragglers::Whole,
        }
    }
}

/// What happens to one client that was asked once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fate {
    /// How long it trains, milliseconds.
    pub training_ms: u64,
    /// When it is lost, milliseconds after it began.
    pub lost_after_ms: Option<u64>,
}

impl Circumstances {
    /// Refuses what cannot be simulated. The room's own rules are checked with the room.
    pub fn check(&self) -> Result<()> {
        ensure!((0.0..1.0).contains(&self.drop_out), "the drop-out must be at least 0 and below 1, such as 0.3");
        ensure!((0.0..=3.0).contains(&self.slow), "the devices' slowness must lie between 0 and 3, such as 0.5");
        ensure!((0.01..=10_000.0).contains(&self.megabits), "the bandwidth must lie between 0.01 and 10000 Mbit/s");
        ensure!(
            DEADLINE_MS.contains(&self.deadline_ms),
            "the deadline must lie between {} and {} s",
            DEADLINE_MS.start() / 1_000,
            DEADLINE_MS.end() / 1_000
        );
        Ok(())
    }

    /// How long bytes are on their way, milliseconds.
    pub fn transfer_ms(&self, bytes: usize) -> u64 {
        (bytes as f64 * 8.0 / (self.megabits * 1_000.0)).ceil() as u64
    }

    /// A client's factor on what the median device takes.
    fn factor(&self, seed: u32, client: usize) -> f64 {
        let device = uniform([seed, client as u32, 0, 0]).ln() * -2.0;
        let normal = device.sqrt() * (std::f64::consts::TAU * uniform([seed, client as u32, 0, 1])).cos();
        (self.slow * normal).exp()
    }

    /// How long a client takes for a step on a whole batch, milliseconds.
    pub fn step_ms(&self, seed: u32, client: usize, batch_size: u32) -> f64 {
        CLIP_S * 1_000.0 * f64::from(batch_size) * self.factor(seed, client)
    }

    /// What comes of the `asked`-th time that a client is asked, for so many passes over its clips.
    pub fn fate(&self, seed: u32, client: usize, asked: u32, clips: usize, passes: f64) -> Fate {
        let seconds = (START_S + CLIP_S * clips as f64 * passes) * self.factor(seed, client);
        let training_ms = (seconds * 1_000.0).ceil() as u64;
        let lost = uniform([seed, client as u32, asked, 2]) < self.drop_out;
        let when = uniform([seed, client as u32, asked, 3]) * training_ms as f64;
        Fate { training_ms, lost_after_ms: lost.then_some(when as u64) }
    }
}

/// Passes over so many clips, at least one, that a client makes; the last one ends where its steps do.
pub fn passes(settings: &TrainingSettings, clips: usize, most_steps: Option<u32>) -> f64 {
    let all = whole_steps(settings, clips as u32);
    let steps = all / settings.epochs.max(1);
    most_steps.filter(|&most| most < all).map_or(f64::from(settings.epochs), |most| {
        // The last batch of a pass may be a small one, and is not reached in one that ends early.
        f64::from(most / steps) + f64::from(most % steps) * f64::from(settings.batch_size) / clips as f64
    })
}

/// A number above 0 and below 1 that follows from these (SplitMix64's finaliser over each in turn).
fn uniform(of: [u32; 4]) -> f64 {
    let mixed = of.into_iter().fold(0x9e37_79b9_7f4a_7c15_u64, |state, word| {
        let state = (state ^ u64::from(word)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    });
    ((mixed >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_log_normal_and_drop_out_as_often_as_said() {
        let some = Circumstances { drop_out: 0.3, slow: 0.5, ..Circumstances::default() };
        let logs: Vec<f64> =
            (0..4_000).map(|client| (some.fate(7, client, 1, 20, 1.0).training_ms as f64 / 2_000.0).ln()).collect();
        let mean = logs.iter().sum::<f64>() / 4_000.0;
        let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 4_000.0).sqrt();
        // Three standard errors: 0.5 · 3 / √4,000, and 0.5 · 3 / √8,000.
        assert!(mean.abs() < 0.024 && (deviation - 0.5).abs() < 0.017, "{mean} ± {deviation}");
        let lost = (0..4_000).filter(|&client| some.fate(7, client, 1, 20, 1.0).lost_after_ms.is_some()).count();
        assert!((1_113..1_287).contains(&lost), "{lost} of 4,000");
        assert_eq!(some.fate(7, 3, 1, 20, 1.0), some.fate(7, 3, 1, 20, 1.0));
        assert_eq!(
            some.fate(7, 3, 1, 20, 1.0).training_ms,
            some.fate(7, 3, 9, 20, 1.0).training_ms,
            "a device is as fast"
        );
        let none = Circumstances::default().fate(7, 3, 1, 20, 1.0);
        assert_eq!(none, Fate { training_ms: 2_000, lost_after_ms: None });
    }

    #[test]
    fn a_step_takes_as_long_as_its_clips() {
        let room = protocol::RoomConfig::new(protocol::RoomCode::from_random(1), "compact", 1, Vec::new());
        let settings = TrainingSettings { epochs: 3, batch_size: 20, ..room.training };
        // 45 clips are two batches of 20 and one of 5.
        for (most, clips) in [(None, 135.0), (Some(9), 135.0), (Some(8), 130.0), (Some(4), 65.0), (Some(1), 20.0)] {
            assert!((passes(&settings, 45, most) * 45.0 - clips).abs() < 1e-9, "{most:?}");
        }
        let alike = Circumstances::default();
        assert_eq!(alike.step_ms(7, 3, 20), 1_000.0);
        let some = Circumstances { slow: 0.5, ..alike };
        let factor = some.fate(7, 3, 1, 20, 1.0).training_ms as f64 / 2_000.0;
        assert!((some.step_ms(7, 3, 20) / 1_000.0 - factor).abs() < 1e-3, "the same device");
    }

    #[test]
    fn a_megabyte_takes_its_time() {
        let slow = Circumstances { megabits: 8.0, ..Circumstances::default() };
        assert_eq!(slow.transfer_ms(1_000_000), 1_000);
    }
}
