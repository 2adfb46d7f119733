//! One model on one device: parameters in and out, training, evaluation, prediction.

mod backend;
mod descent;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod in_one_pass;
mod layers;
mod loss;
mod operations;
mod passes;

use std::ops::ControlFlow;

use burn::tensor::{Device, ExecutionError, Tensor, TensorData, TensorReadError};
use rand::RngExt as _;
use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{
    Architecture, EpochReport, Evaluation, Example, LEAST_LABELS, Layer, Layout, MOST_LABELS, ModelError,
    Standardisation, Step, Trained, TrainingPlan,
    clips::{self, Seen},
    initial_parameters,
    slices::softmax,
};
pub use backend::Backend;
use descent::Descent;
use operations::dropout::Dropout;
use passes::Batch;

/// Clips that are evaluated at a time.
const EVALUATION_BATCH: usize = 32;

/// A model on a device. Keep all calls to one learner on one thread: work for a graphics processor is ordered by thread.
pub struct Learner {
    architecture: Architecture,
    labels: usize,
    layers: Vec<Layer>,
    layout: Layout,
    device: Device,
    device_name: String,
    standardisation: Standardisation,
    /// One matrix a tensor, in the layout's order.
    parameters: Vec<Tensor<2>>,
}

/// A training under way: its plan, and where its optimiser and its random sources are.
pub struct Course {
    how: TrainingPlan,
    shuffler: ChaCha8Rng,
    /// Which variant of an example is seen.
    chooser: ChaCha8Rng,
    dropout: Dropout,
    descent: Descent,
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
        let opened = backend.open().await?;
        let mut learner = Self {
            architecture,
            labels,
            layers: architecture.layers(labels),
            layout: architecture.layout(labels),
            device: opened.device,
            device_name: opened.name,
            standardisation: Standardisation::identity(),
            parameters: Vec::new(),
        };
        learner.place(&initial_parameters(architecture, labels, 0));
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
        self.device_name.clone()
    }

    /// The flat parameter vector, in the order of [`Architecture::layout`].
    ///
    /// # Errors
    /// The device failed.
    pub async fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        let mut flat = Vec::with_capacity(self.layout.total());
        for parameter in &self.parameters {
            flat.extend_from_slice(&read(parameter.clone()).await?);
        }
        Ok(flat)
    }

    /// Takes over a flat parameter vector.
    ///
    /// # Errors
    /// The wrong length, or a number that is not finite; the parameters then stay as they were.
    pub async fn set_parameters(&mut self, parameters: &[f32]) -> Result<(), ModelError> {
        self.layout.check(parameters)?;
        self.place(parameters);
        Ok(())
    }

    /// Brings a checked flat vector to the device.
    fn place(&mut self, parameters: &[f32]) {
        self.parameters = self
            .layout
            .tensors
            .iter()
            .map(|spec| {
                let values = parameters[spec.range()].to_vec();
                Tensor::from_data(TensorData::new(values, spec.matrix()), &self.device)
            })
            .collect();
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
    /// and breathe; it stops the training by breaking, and the parameters stay as that step left them.
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
    pub fn begin(&self, how: &TrainingPlan) -> Result<Course, ModelError> {
        how.check()?;
        // Shuffling uses the seed's first stream, dropout its second, this its third.
        let mut chooser = ChaCha8Rng::seed_from_u64(how.seed);
        chooser.set_stream(2);
        Ok(Course {
            shuffler: ChaCha8Rng::seed_from_u64(how.seed),
            chooser,
            dropout: Dropout::new(how.seed),
            descent: Descent::new(how, &self.parameters, &self.layout)?,
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
        mut on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
    ) -> Result<Trained, ModelError> {
        clips::check(data, Some(self.labels))?;
        let Course { how, shuffler, chooser, dropout, descent } = course;
        let mut order: Vec<&Example> = data.iter().collect();
        let mut trained = Trained { epochs: Vec::new(), steps: 0, stopped: false };
        let steps = data.len().div_ceil(how.batch_size) as u32;
        for epoch in 1..=how.epochs {
            order.shuffle(shuffler);
            let (mut loss, mut right, mut seen) = (0.0, 0.0, 0.0);
            for (step, examples) in (1..).zip(order.chunks(how.batch_size)) {
                let clips: Vec<Seen<'_>> = examples
                    .iter()
                    .map(|example| example.seen_in_training(|ways| chooser.random_range(..ways)))
                    .collect();
                let batch = self.step(examples, &clips, dropout, descent).await?;
                trained.steps += 1;
                if !batch.loss.is_finite() {
                    return Err(ModelError::Diverged { step: trained.steps });
                }
                let count = examples.len() as f64;
                (loss, right, seen) = (loss + batch.loss * count, right + batch.accuracy * count, seen + count);
                let report = Step {
                    epoch,
                    epochs: how.epochs,
                    step,
                    steps,
                    loss: batch.loss as f32,
                    accuracy: batch.accuracy as f32,
                };
                if on_step(report).await.is_break() {
                    trained.stopped = true;
                    break;
                }
            }
            trained.epochs.push(EpochReport { loss: loss / seen, accuracy: right / seen });
            if trained.stopped {
                break;
            }
        }
        Ok(trained)
    }

    /// One step on one batch. Its logits are the only thing that is read back.
    async fn step(
        &mut self,
        examples: &[&Example],
        clips: &[Seen<'_>],
        dropout: &mut Dropout,
        descent: &mut Descent,
    ) -> Result<Evaluation, ModelError> {
        let truth: Vec<usize> = examples.iter().map(|example| example.label).collect();
        let mut one_hot = vec![0.0; truth.len() * self.labels];
        for (row, &label) in one_hot.chunks_exact_mut(self.labels).zip(&truth) {
            row[label] = 1.0;
        }
        let one_hot = Tensor::from_data(TensorData::new(one_hot, [truth.len(), self.labels]), &self.device);
        let batch = Batch::new(clips, &self.standardisation, self.architecture, &self.device);
        let (logits, trace) = passes::forward(&self.layers, &self.parameters, batch, Some(dropout));
        let gradient = loss::gradient(logits.clone(), one_hot);
        descent.begin_step();
        passes::backward(&self.layers, &mut self.parameters, trace, gradient, |index, parameter, gradient| {
            descent.update(index, parameter, gradient);
        });
        Ok(Evaluation::of(&read(logits).await?, &truth, self.labels))
    }

    /// Loss, accuracy and confusion matrix, without dropout.
    ///
    /// # Errors
    /// No, wrong or non-finite examples; a device that fails.
    pub async fn evaluate(&mut self, data: &[Example]) -> Result<Evaluation, ModelError> {
        clips::check(data, Some(self.labels))?;
        let logits = self.logits(data).await?;
        let truth: Vec<usize> = data.iter().map(|example| example.label).collect();
        Ok(Evaluation::of(&logits, &truth, self.labels))
    }

    /// A probability for each label, one row an input; each row sums to 1. The inputs' labels are ignored.
    ///
    /// # Errors
    /// No, wrong or non-finite examples; a device that fails.
    pub async fn predict(&mut self, inputs: &[Example]) -> Result<Vec<Vec<f32>>, ModelError> {
        clips::check(inputs, None)?;
        let logits = self.logits(inputs).await?;
        Ok(logits.chunks_exact(self.labels).map(softmax::probabilities).collect())
    }

    /// A row of logits for each example, one after another: the mean over the ways in which it is seen.
    async fn logits(&self, data: &[Example]) -> Result<Vec<f32>, ModelError> {
        let seen: Vec<Seen<'_>> = data.iter().flat_map(Example::all_seen).collect();
        let mut rows = Vec::with_capacity(seen.len() * self.labels);
        for clips in seen.chunks(EVALUATION_BATCH) {
            let batch = Batch::new(clips, &self.standardisation, self.architecture, &self.device);
            let (logits, _) = passes::forward(&self.layers, &self.parameters, batch, None);
            rows.extend_from_slice(&read(logits).await?);
        }
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

/// A tensor's numbers, row by row.
pub(crate) async fn read(tensor: Tensor<2>) -> Result<Vec<f32>, ModelError> {
    let data = tensor.into_data_async().await?;
    data.try_into_vec::<f32>().map_err(|error| ModelError::Device { reason: TensorReadError::from(error).to_string() })
}

impl From<ExecutionError> for ModelError {
    fn from(error: ExecutionError) -> Self {
        Self::Device { reason: error.to_string() }
    }
}
