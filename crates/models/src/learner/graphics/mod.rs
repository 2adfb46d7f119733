//! A network on a graphics processor, through WebGPU: what of a training is there stays there. The clips are brought over
//! once, then for each step a few numbers; dropout is drawn and parameters are moved by kernels, and logits are read back
//! once for all epochs, as far as memory for them goes. Loss and hits are made of them by the processor, as everywhere
//! else: what is no number there is none.
//!
//! The kernels are WGSL of our own (`kernels/`, [`tile`]), fused so that each layer is one of them forwards and two
//! backwards, of which one also carries the optimiser's step out.

mod chip;
#[cfg(test)]
#[cfg(feature = "cpu")]
mod golden;
mod kernel;
mod network;
mod tile;

use std::{collections::VecDeque, ops::ControlFlow, time::Duration};

use futures_channel::oneshot;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use web_time::Instant;

use super::telling::{Drawn, Telling};
use crate::{
    Architecture, Example, FRAMES, Layer, Layout, ModelError, Optimiser, Standardisation, Step, TensorSpec,
    TrainingPlan, clips::Seen,
};
use chip::Chip;
use kernel::{Access, Buffer, Grid, Group, Kernel, filled};
use network::{Builder, Network, Shared, Training};

/// Clips that are evaluated at a time.
const EVALUATION_BATCH: usize = 32;
/// Logits that are kept before they are read back.
const KEPT_LOGITS: usize = 1 << 20;
/// Work that is handed in ahead of what is done: enough that the processor never waits, little enough that a person who stops
/// the training is heard at once.
const AHEAD: Duration = Duration::from_millis(300);
/// Steps ahead, at least and at most.
const STEPS_AHEAD: [usize; 2] = [2, 64];
/// Decays of Adam's moments.
const BETAS: [f64; 2] = [0.9, 0.999];

/// A network's parameters on a graphics processor.
pub(super) struct Graphics {
    chip: Chip,
    architecture: Architecture,
    labels: usize,
    layers: Vec<Layer>,
    layout: Layout,
    parameters: Buffer,
}

/// What an optimiser remembers there, and where the random numbers of dropout are.
pub(super) struct Course {
    moments: Option<[Buffer; 2]>,
    offset: Option<Buffer>,
    /// Key and stream; none where nothing is dropped.
    key: Option<Buffer>,
    /// Words of the stream that were used.
    words: u64,
    steps: i32,
    learning_rate: f64,
    proximal: f32,
    /// The first number that moves; all after it do.
    first: usize,
}

/// Clips as they lie on the device.
struct Clips {
    values: Buffer,
    reals: Buffer,
    truth: Buffer,
    order: Buffer,
    logits: Buffer,
}

impl Graphics {
    /// Opens the device. The parameters are zeros at first.
    pub async fn open(architecture: Architecture, labels: usize) -> Result<Self, ModelError> {
        if architecture.reads_text() {
            return Err(ModelError::ProcessorAlone { architecture });
        }
        let chip = Chip::open().await?;
        let layout = architecture.layout(labels);
        let parameters = chip.buffer(layout.total())?;
        Ok(Self { chip, architecture, labels, layers: architecture.layers(labels), layout, parameters })
    }

    /// The adapter's name.
    pub fn name(&self) -> String {
        self.chip.name.clone()
    }

    /// Brings a checked flat vector to the device.
    pub fn place(&self, parameters: &[f32]) {
        self.chip.write(&self.parameters, 0, parameters);
    }

    /// The flat vector.
    pub async fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        self.chip.read(&self.parameters, self.layout.total()).await
    }

    /// A fresh optimiser for a plan that was checked.
    pub fn begin(&mut self, how: &TrainingPlan) -> Result<Course, ModelError> {
        let total = self.layout.total();
        let moments = match how.optimiser {
            Optimiser::Adam => Some([self.chip.buffer(total)?, self.chip.buffer(total)?]),
            Optimiser::Sgd => None,
        };
        let pulls = how.proximal != 0.0 || how.correction.is_some();
        let offset = if pulls { Some(self.chip.buffer(total)?) } else { None };
        if let (Some(offset), Some(correction)) = (&offset, &how.correction) {
            self.chip.write(offset, 0, correction);
        }
        let proximal = how.proximal as f32;
        if let Some(offset) = offset.as_ref().filter(|_| how.proximal != 0.0) {
            const ACROSS: usize = 1 << 14;
            let call = self.chip.call(Kernel {
                text: filled(include_str!("kernels/pull.wgsl"), &[("ACROSS", ACROSS), ("TOTAL", total)]),
                buffers: &[("parameters", Access::Numbers, &self.parameters), ("offset", Access::Change, offset)],
                grid: Grid::of_all(Group(64, 1), ACROSS, total.div_ceil(ACROSS), 1),
                every_frame: false,
            });
            // Nobody waits for it: what comes later comes after it.
            drop(self.chip.submit(&chip::Step { proximal, ..Default::default() }, &[call]));
        }
        // The processor draws from the seed's second stream as well.
        let mut words: Vec<u32> = ChaCha8Rng::seed_from_u64(how.seed)
            .get_seed()
            .chunks_exact(4)
            .map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        words.extend([1, 0]);
        let key = self.chip.buffer(words.len())?;
        self.chip.write(&key, 0, &words);
        let learning_rate = how.learning_rate;
        let moves = |tensor: &&TensorSpec| how.moved.moves(tensor, self.architecture, self.labels);
        let first = self.layout.tensors.iter().find(moves).map_or(total, |tensor| tensor.offset);
        Ok(Course { moments, offset, key: Some(key), words: 0, steps: 0, learning_rate, proximal, first })
    }

    /// Trains on the clips in the order in which they were drawn, an epoch after another; `told` hears of every step that is
    /// done, and of every epoch's logits.
    pub async fn train(
        &mut self,
        course: &mut Course,
        how: &TrainingPlan,
        data: &[Example],
        standardisation: &Standardisation,
        mut draw: impl FnMut() -> Vec<Drawn>,
        telling: &mut Telling<impl AsyncFnMut(Step) -> ControlFlow<()>>,
    ) -> Result<(), ModelError> {
        let seen: Vec<Seen<'_>> = data.iter().flat_map(Example::all_seen).collect();
        let truth: Vec<u32> =
            data.iter().flat_map(|example| example.all_seen().map(|_| example.label as u32)).collect();
        // Where each example's ways begin.
        let places: Vec<u32> = data
            .iter()
            .scan(0, |next, example| {
                let place = *next;
                *next += 1 + example.variants.len() as u32;
                Some(place)
            })
            .collect();
        let kept = (KEPT_LOGITS / (data.len() * self.labels)).clamp(1, how.epochs as usize);
        let clips = self.clips(&seen, standardisation, data.len() * kept)?;
        self.chip.write(&clips.truth, 0, &truth);
        let network = self.network(&clips, how.batch_size.min(data.len()), Some(course))?;
        let mut epochs: Vec<Vec<usize>> = Vec::with_capacity(kept);
        let mut in_flight = VecDeque::new();
        let (begun, mut done) = (Instant::now(), 0_u32);
        for epoch in 1..=how.epochs {
            let order = draw();
            let mut first: usize = epochs.iter().map(Vec::len).sum();
            let in_order: Vec<u32> = order.iter().map(|drawn| places[drawn.example] + drawn.way as u32).collect();
            self.chip.write(&clips.order, first, &in_order);
            let mut handed_in = 0;
            for (step, batch) in (1..).zip(order.chunks(how.batch_size)) {
                let numbers = course.next(batch.len(), first, network.words);
                in_flight.push_back((epoch, step, self.chip.submit(&numbers, &network.calls)));
                first += batch.len();
                handed_in += batch.len();
                let pace = AHEAD.as_secs_f64() * f64::from(done) / begun.elapsed().as_secs_f64().max(1e-3);
                let [least, most] = STEPS_AHEAD;
                while !telling.stopped() && in_flight.len() > (pace as usize).clamp(least, most) {
                    self.hear(&mut in_flight, telling).await?;
                    done += 1;
                }
                if telling.stopped() {
                    break;
                }
            }
            epochs.push(order[..handed_in].iter().map(|drawn| data[drawn.example].label).collect());
            if telling.stopped() || epoch == how.epochs || epochs.len() == kept {
                while !telling.stopped() && !in_flight.is_empty() {
                    self.hear(&mut in_flight, telling).await?;
                    done += 1;
                }
                self.count(&clips, &mut epochs, how.batch_size, telling).await?;
            }
            if telling.stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Waits for the step that was handed in first, and tells of it.
    async fn hear(
        &self,
        in_flight: &mut VecDeque<(u32, u32, oneshot::Receiver<()>)>,
        telling: &mut Telling<impl AsyncFnMut(Step) -> ControlFlow<()>>,
    ) -> Result<(), ModelError> {
        if let Some((epoch, step, done)) = in_flight.pop_front() {
            self.chip.answer(done).await?;
            // Whether to stop is asked of `telling` after it.
            let _ = telling.step(epoch, step, None).await;
        }
        Ok(())
    }

    /// Reads the logits of some epochs back and counts them; `epochs` are the true labels of what was handed in.
    async fn count(
        &self,
        clips: &Clips,
        epochs: &mut Vec<Vec<usize>>,
        batch: usize,
        telling: &mut Telling<impl AsyncFnMut(Step) -> ControlFlow<()>>,
    ) -> Result<(), ModelError> {
        let rows: usize = epochs.iter().map(Vec::len).sum();
        let logits = self.chip.read(&clips.logits, rows * self.labels).await?;
        let mut rest = logits.as_slice();
        for epoch in epochs.drain(..) {
            for truth in epoch.chunks(batch) {
                let (own, others) = rest.split_at(truth.len() * self.labels);
                rest = others;
                telling.count(own, truth)?;
            }
            telling.end_epoch();
        }
        Ok(())
    }

    /// A row of logits for each clip.
    pub async fn logits(
        &mut self,
        seen: &[Seen<'_>],
        standardisation: &Standardisation,
    ) -> Result<Vec<f32>, ModelError> {
        let clips = self.clips(seen, standardisation, seen.len())?;
        let in_order: Vec<u32> = (0..seen.len() as u32).collect();
        self.chip.write(&clips.order, 0, &in_order);
        let network = self.network(&clips, EVALUATION_BATCH.min(seen.len()), None)?;
        for first in (0..seen.len()).step_by(EVALUATION_BATCH) {
            let batch = (seen.len() - first).min(EVALUATION_BATCH) as u32;
            let numbers = chip::Step { batch, first: first as u32, ..Default::default() };
            drop(self.chip.submit(&numbers, &network.calls));
        }
        self.chip.read(&clips.logits, seen.len() * self.labels).await
    }

    /// Standardises clips and brings them to the device, with room for the logits of so many rows.
    fn clips(&self, seen: &[Seen<'_>], standardisation: &Standardisation, rows: usize) -> Result<Clips, ModelError> {
        let features = self.architecture.features();
        let length = FRAMES * features;
        let values = self.chip.buffer(seen.len() * length)?;
        let mut out = vec![0.0; length];
        for (index, clip) in seen.iter().enumerate() {
            standardisation.apply(*clip, features, &mut out);
            self.chip.write(&values, index * length, &out);
        }
        let buffer = |count: usize| self.chip.buffer(count);
        let clips = Clips {
            values,
            reals: buffer(seen.len())?,
            truth: buffer(seen.len())?,
            order: buffer(rows)?,
            logits: buffer(rows * self.labels)?,
        };
        let reals: Vec<u32> = seen.iter().map(|clip| clip.frames as u32).collect();
        self.chip.write(&clips.reals, 0, &reals);
        Ok(clips)
    }

    /// The calls of a network for batches of up to `capacity` clips, with a course to train it.
    fn network(&mut self, clips: &Clips, capacity: usize, course: Option<&Course>) -> Result<Network, ModelError> {
        let shared = Shared {
            parameters: &self.parameters,
            clips: &clips.values,
            reals: &clips.reals,
            truth: &clips.truth,
            order: &clips.order,
            logits: &clips.logits,
        };
        let training = course.map(|course| Training {
            moments: course.moments.as_ref().map(|moments| moments.each_ref()),
            offset: course.offset.as_ref(),
            key: course.key.as_ref(),
            first: course.first,
        });
        let features = self.architecture.features();
        let (chip, labels) = (&mut self.chip, self.labels);
        Builder { chip, labels, features, capacity, shared, training }.build(&self.layers)
    }
}

impl Course {
    /// What the next step's kernels are told: its batch, where that begins in the order of all, the random numbers that it
    /// uses (`per_clip` words for each of its clips, less `fewer`), and the optimiser's rates.
    fn next(&mut self, batch: usize, first: usize, [per_clip, fewer]: [usize; 2]) -> chip::Step {
        self.steps = self.steps.saturating_add(1);
        let [mean, square] = BETAS.map(|beta| 1.0 - beta.powi(self.steps));
        let adam = self.moments.is_some();
        let block = self.words / 16;
        let step = chip::Step {
            batch: batch as u32,
            first: first as u32,
            mask_block: [block as u32, (block >> 32) as u32],
            mask_word: (self.words % 16) as u32,
            rate: if adam { self.learning_rate / mean } else { self.learning_rate } as f32,
            root: (1.0 / square.sqrt()) as f32,
            proximal: self.proximal,
        };
        self.words += (per_clip * batch - fewer) as u64;
        step
    }
}
