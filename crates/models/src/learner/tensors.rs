//! A network over burn's tensors, wherever those are: on the processor, or through burn-wgpu on a graphics processor. Each
//! step's logits are there as soon as it is done.

use std::ops::ControlFlow;

use burn::tensor::{Device, ExecutionError, Tensor, TensorData, TensorReadError};

use super::{
    descent::Descent,
    loss,
    operations::dropout::Dropout,
    passes::{self, Batch},
    telling::{Drawn, Telling},
};
use crate::{Architecture, Example, Layer, Layout, ModelError, Standardisation, Step, TrainingPlan, clips::Seen};

/// Clips that are evaluated at a time.
const EVALUATION_BATCH: usize = 32;

/// A device and the name that people see.
#[derive(Clone)]
pub(super) struct Place {
    pub device: Device,
    name: String,
}

impl Place {
    /// This program's own memory and processor.
    pub fn processor() -> Self {
        Self { device: Device::flex(), name: "CPU".to_owned() }
    }

    /// The graphics processor, as burn-wgpu computes on it. It is opened once and shared by all learners of the program, as the
    /// library refuses to open it a second time.
    ///
    /// # Errors
    /// There is none, or its driver does not serve.
    #[cfg(feature = "burn-wgpu")]
    pub async fn graphics() -> Result<Self, ModelError> {
        static OPENED: std::sync::OnceLock<Place> = std::sync::OnceLock::new();
        if let Some(place) = OPENED.get() {
            return Ok(place.clone());
        }
        let (device, setup) = Device::wgpu_options()
            .init_with_setup_async()
            .await
            .map_err(|error| ModelError::BackendUnavailable { reason: error.to_string() })?;
        let name = format!("{}, burn-wgpu", setup.adapter.get_info().name);
        Ok(OPENED.get_or_init(|| Self { device, name }).clone())
    }
}

/// A network's parameters as tensors.
pub(super) struct Tensors {
    architecture: Architecture,
    labels: usize,
    layers: Vec<Layer>,
    layout: Layout,
    device: Device,
    /// "CPU", or the graphics adapter's name.
    pub name: String,
    /// One matrix a tensor, in the layout's order.
    parameters: Vec<Tensor<2>>,
}

/// An optimiser, and where the random numbers of dropout are.
pub(super) struct Course {
    dropout: Dropout,
    descent: Descent,
    /// Which of the tensors move.
    moved: Vec<bool>,
}

impl Tensors {
    /// Without parameters at first.
    pub fn on(Place { device, name }: Place, architecture: Architecture, labels: usize) -> Self {
        Self {
            architecture,
            labels,
            layers: architecture.layers(labels),
            layout: architecture.layout(labels),
            device,
            name,
            parameters: Vec::new(),
        }
    }

    /// The flat vector.
    pub async fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        let mut flat = Vec::with_capacity(self.layout.total());
        for parameter in &self.parameters {
            flat.extend_from_slice(&read(parameter.clone()).await?);
        }
        Ok(flat)
    }

    /// Takes a checked flat vector over.
    pub fn place(&mut self, parameters: &[f32]) {
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

    /// A fresh optimiser for a plan that was checked.
    pub fn begin(&self, how: &TrainingPlan) -> Course {
        let moves = |tensor| how.moved.moves(tensor, self.architecture, self.labels);
        Course {
            dropout: Dropout::new(how.seed),
            descent: Descent::new(how, &self.parameters, &self.layout),
            moved: self.layout.tensors.iter().map(moves).collect(),
        }
    }

    /// Trains on the examples in the order in which each epoch draws them.
    pub async fn train(
        &mut self,
        course: &mut Course,
        how: &TrainingPlan,
        data: &[Example],
        standardisation: &Standardisation,
        mut draw: impl FnMut() -> Vec<Drawn>,
        telling: &mut Telling<impl AsyncFnMut(Step) -> ControlFlow<()>>,
    ) -> Result<(), ModelError> {
        for epoch in 1..=how.epochs {
            for (step, drawn) in (1..).zip(draw().chunks(how.batch_size)) {
                let clips: Vec<Seen<'_>> =
                    drawn.iter().map(|drawn| data[drawn.example].seen_as(drawn.way, drawn.sides)).collect();
                let truth: Vec<usize> = drawn.iter().map(|drawn| data[drawn.example].label).collect();
                let logits = self.step(&clips, &truth, standardisation, course).await?;
                let batch = telling.count(&logits, &truth)?;
                if telling.step(epoch, step, Some(&batch)).await.is_break() {
                    break;
                }
            }
            telling.end_epoch();
            if telling.stopped() {
                break;
            }
        }
        Ok(())
    }

    /// One step on one batch; its logits.
    async fn step(
        &mut self,
        clips: &[Seen<'_>],
        truth: &[usize],
        standardisation: &Standardisation,
        Course { dropout, descent, moved }: &mut Course,
    ) -> Result<Vec<f32>, ModelError> {
        let mut one_hot = vec![0.0; truth.len() * self.labels];
        for (row, &label) in one_hot.chunks_exact_mut(self.labels).zip(truth) {
            row[label] = 1.0;
        }
        let one_hot = Tensor::from_data(TensorData::new(one_hot, [truth.len(), self.labels]), &self.device);
        let batch = Batch::new(clips, standardisation, self.architecture, &self.device);
        let (logits, trace) = passes::forward(&self.layers, &self.parameters, batch, Some(dropout));
        let gradient = loss::gradient(logits.clone(), one_hot);
        descent.begin_step();
        passes::backward(&self.layers, &mut self.parameters, trace, gradient, moved, |index, parameter, gradient| {
            descent.update(index, parameter, gradient);
        });
        read(logits).await
    }

    /// A row of logits for each clip.
    pub async fn logits(&self, seen: &[Seen<'_>], standardisation: &Standardisation) -> Result<Vec<f32>, ModelError> {
        let mut rows = Vec::with_capacity(seen.len() * self.labels);
        for clips in seen.chunks(EVALUATION_BATCH) {
            let batch = Batch::new(clips, standardisation, self.architecture, &self.device);
            let (logits, _) = passes::forward(&self.layers, &self.parameters, batch, None);
            rows.extend_from_slice(&read(logits).await?);
        }
        Ok(rows)
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
