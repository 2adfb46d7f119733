//! One model on one device: parameters in and out, training, evaluation, prediction.

mod backend;
#[cfg(feature = "cpu")]
mod descent;
#[cfg(test)]
#[cfg(feature = "cpu")]
mod golden;
#[cfg(feature = "webgpu")]
mod graphics;
#[cfg(test)]
#[cfg(feature = "cpu")]
mod in_one_pass;
#[cfg(feature = "cpu")]
mod layers;
mod loss;
#[cfg(feature = "cpu")]
mod operations;
#[cfg(feature = "cpu")]
mod passes;
mod telling;
#[cfg(feature = "cpu")]
mod tensors;

use std::ops::ControlFlow;

use rand::RngExt as _;
use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{
    Architecture, Evaluation, Example, LEAST_LABELS, Layout, MOST_LABELS, ModelError, Standardisation, Step, Trained,
    TrainingPlan,
    clips::{self, Seen, Sides},
    initial_parameters,
    slices::softmax,
};
pub use backend::Backend;
use backend::{Machine, Optimising};
use telling::{Drawn, Telling};

/// A model on a device. Keep all calls to one learner on one thread: work for a graphics processor is ordered by thread.
pub struct Learner {
    architecture: Architecture,
    labels: usize,
    layout: Layout,
    standardisation: Standardisation,
    machine: Machine,
}

/// A training under way: its plan, and where its optimiser and its random sources are.
pub struct Course {
    how: TrainingPlan,
    shuffler: ChaCha8Rng,
    /// Which variant of an example is seen.
    chooser: ChaCha8Rng,
    /// Which of an example's sides are.
    sides: ChaCha8Rng,
    optimising: Optimising,
}

impl Learner {
    /// A model with the first parameters of seed 0 and without standardisation.
    ///
    /// # Errors
    /// A number of labels outside 2 to 16; a backend that is not there.
    pub async fn new(architecture: Architecture, labels: usize, backend: Backend) -> Result<Self, ModelError> {
        if !(LEAST_LABELS..=MOST_LABELS).contains(&labels) {
            return Err(ModelError::Labels { labels });
        }
        let mut learner = Self {
            architecture,
            labels,
            layout: architecture.layout(labels),
            standardisation: Standardisation::identity(),
            machine: Machine::open(backend, architecture, labels).await?,
        };
        learner.machine.place(&initial_parameters(architecture, labels, 0));
        Ok(learner)
    }

    /// The model's name.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// How many labels it tells apart.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// "CPU", or the graphics adapter's name.
    pub fn backend_name(&self) -> String {
        self.machine.name()
    }

    /// The flat parameter vector, in the order of [`Architecture::layout`].
    ///
    /// # Errors
    /// The device failed.
    pub async fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        self.machine.parameters().await
    }

    /// Takes over a flat parameter vector.
    ///
    /// # Errors
    /// The wrong length, or a number that is not finite; the parameters then stay as they were.
    pub async fn set_parameters(&mut self, parameters: &[f32]) -> Result<(), ModelError> {
        self.layout.check(parameters)?;
        self.machine.place(parameters);
        Ok(())
    }

    /// The statistics by which features are standardised from now on.
    ///
    /// # Errors
    /// Other than 60 finite means and 60 deviations above zero; the statistics then stay as they were.
    pub fn set_standardisation(&mut self, standardisation: Standardisation) -> Result<(), ModelError> {
        standardisation.check()?;
        self.standardisation = standardisation;
        Ok(())
    }

    /// Trains as planned, with a fresh optimiser. `on_step` is awaited after every step, so that a page can show it
    /// and breathe; it stops the training by breaking, and the parameters stay as that step left them. On a graphics processor
    /// steps are handed in some 300 ms ahead: those are still done, and counted.
    ///
    /// # Errors
    /// No, wrong or non-finite examples, a plan that cannot be carried out or whose correction has another length
    /// than the parameters, a device that fails, a loss that is no number any more.
    pub async fn train(
        &mut self,
        data: &[Example],
        how: &TrainingPlan,
        on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
    ) -> Result<Trained, ModelError> {
        let mut course = self.begin(how)?;
        self.go_on(&mut course, data, on_step).await
    }

    /// Begins a course of training from the present parameters, for those who want to look at the model between its
    /// epochs: [`Learner::go_on`] carries it on, with the optimiser, shuffling and dropout where they were.
    ///
    /// # Errors
    /// A plan that cannot be carried out, or whose correction has another length than the parameters.
    pub fn begin(&mut self, how: &TrainingPlan) -> Result<Course, ModelError> {
        how.check()?;
        if let Some(correction) = &how.correction {
            self.layout.check(correction)?;
        }
        // Shuffling uses the seed's first stream, dropout its second.
        let stream = |number: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(how.seed);
            random.set_stream(number);
            random
        };
        Ok(Course {
            shuffler: stream(0),
            chooser: stream(2),
            sides: stream(3),
            optimising: self.machine.begin(how)?,
            how: how.clone(),
        })
    }

    /// Trains for as many epochs as the course's plan has; may be called again. See [`Learner::train`].
    ///
    /// # Errors
    /// As [`Learner::train`].
    pub async fn go_on(
        &mut self,
        course: &mut Course,
        data: &[Example],
        on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
    ) -> Result<Trained, ModelError> {
        clips::check(data, self.architecture, Some(self.labels))?;
        let Course { how, shuffler, chooser, sides, optimising } = course;
        let reads = self.architecture.reads_text();
        let mut order: Vec<usize> = (0..data.len()).collect();
        let draw = || {
            order.shuffle(shuffler);
            let drawn = |&example: &usize| {
                let way = data[example].way_in_training(|ways| chooser.random_range(..ways));
                let both = reads && data[example].has_both_sides();
                let sides = if both { Sides::drawn(|among| sides.random_range(..among)) } else { Sides::Both };
                Drawn { example, way, sides }
            };
            order.iter().map(drawn).collect()
        };
        let mut telling = Telling::new(how, data.len(), self.labels, on_step);
        self.machine.train(optimising, how, data, &self.standardisation, draw, &mut telling).await?;
        Ok(telling.trained())
    }

    /// Loss, accuracy and confusion matrix, without dropout.
    ///
    /// # Errors
    /// No, wrong or non-finite examples; a device that fails.
    pub async fn evaluate(&mut self, data: &[Example]) -> Result<Evaluation, ModelError> {
        clips::check(data, self.architecture, Some(self.labels))?;
        let logits = self.logits(data).await?;
        let truth: Vec<usize> = data.iter().map(|example| example.label).collect();
        Ok(Evaluation::of(&logits, &truth, self.labels))
    }

    /// A probability for each label, one row an input; each row sums to 1. The inputs' labels are ignored.
    ///
    /// # Errors
    /// No, wrong or non-finite examples; a device that fails.
    pub async fn predict(&mut self, inputs: &[Example]) -> Result<Vec<Vec<f32>>, ModelError> {
        clips::check(inputs, self.architecture, None)?;
        let logits = self.logits(inputs).await?;
        Ok(logits.chunks_exact(self.labels).map(softmax::probabilities).collect())
    }

    /// A row of logits for each example, one after another: the mean over the ways in which it is seen.
    async fn logits(&mut self, data: &[Example]) -> Result<Vec<f32>, ModelError> {
        let seen: Vec<Seen<'_>> = data.iter().flat_map(Example::all_seen).collect();
        let rows = self.machine.logits(&seen, &self.standardisation).await?;
        let mut rows = rows.chunks_exact(self.labels);
        let mut means = Vec::with_capacity(data.len() * self.labels);
        for example in data {
            let ways = 1 + example.variants.len();
            let mut sum = vec![0.0_f32; self.labels];
            for row in rows.by_ref().take(ways) {
                sum.iter_mut().zip(row).for_each(|(sum, logit)| *sum += logit);
            }
            means.extend(sum.iter().map(|sum| sum / ways as f32));
        }
        Ok(means)
    }
}
