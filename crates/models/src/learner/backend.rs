//! Where a model computes. The one file that knows which backends a build has.

use std::ops::ControlFlow;

#[cfg(feature = "cpu")]
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

#[cfg(feature = "webgpu")]
use super::graphics::{self, Graphics};
use super::telling::{Drawn, Telling};
#[cfg(feature = "cpu")]
use super::tensors::{self, Place, Tensors};
#[cfg(feature = "cpu")]
use crate::slices::matrix::Matrix;
use crate::{Architecture, Example, ModelError, Standardisation, Step, TrainingPlan, clips::Seen};

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor, with its vector instructions, through the feature `cpu`; several threads with the feature `threads`.
    Cpu,
    /// The graphics processor, through WebGPU and kernels of our own; needs the feature `webgpu`.
    WebGpu,
    /// The graphics processor, over burn's tensors and the kernels of burn-wgpu; needs the feature `burn-wgpu`, natively.
    BurnWgpu,
}

/// A network's parameters where they are.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(super) enum Machine {
    #[cfg(feature = "cpu")]
    Tensors(Tensors),
    #[cfg(feature = "webgpu")]
    Graphics(Graphics),
}

/// Whether a tensor's device is this program's own memory and processor.
#[cfg(feature = "cpu")]
pub(crate) fn is_processor(device: &Device) -> bool {
    *device == Device::flex()
}

/// Hands `look` the numbers of a tensor where they lie; none for one that is read backwards.
#[cfg(feature = "cpu")]
pub(crate) fn in_memory<T>(tensor: &Tensor<2>, look: impl FnOnce(&Matrix<'_>) -> T) -> Option<T> {
    let [rows, columns] = tensor.dims();
    let stored = tensor.clone().try_into_primitive::<burn::backend::Flex>().ok()?;
    let step = |axis: usize| usize::try_from(*stored.layout().strides().get(axis)?).ok();
    let steps = [step(0)?, step(1)?];
    Some(look(&Matrix { values: stored.storage().get(stored.layout().start_offset()..)?, rows, columns, steps }))
}

/// An optimiser with what it remembers, and the random numbers of dropout, where the parameters are.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(super) enum Optimising {
    #[cfg(feature = "cpu")]
    Tensors(tensors::Course),
    #[cfg(feature = "webgpu")]
    Graphics(graphics::Course),
}

impl Machine {
    /// Opens a backend for a network. Its parameters have to be placed.
    pub async fn open(backend: Backend, architecture: Architecture, labels: usize) -> Result<Self, ModelError> {
        match backend {
            #[cfg(feature = "cpu")]
            Backend::Cpu => Ok(Self::Tensors(Tensors::on(Place::processor(), architecture, labels))),
            #[cfg(feature = "webgpu")]
            Backend::WebGpu => Ok(Self::Graphics(Graphics::open(architecture, labels).await?)),
            #[cfg(feature = "burn-wgpu")]
            Backend::BurnWgpu => Ok(Self::Tensors(Tensors::on(Place::graphics().await?, architecture, labels))),
            #[cfg(not(feature = "cpu"))]
            Backend::Cpu => Err(ModelError::BackendMissing { backend: "the processor", feature: "cpu" }),
            #[cfg(not(feature = "webgpu"))]
            Backend::WebGpu => Err(ModelError::BackendMissing { backend: "WebGPU", feature: "webgpu" }),
            #[cfg(not(feature = "burn-wgpu"))]
            Backend::BurnWgpu => Err(ModelError::BackendMissing { backend: "burn-wgpu", feature: "burn-wgpu" }),
        }
    }

    /// "CPU", or the graphics adapter's name.
    pub fn name(&self) -> String {
        match self {
            #[cfg(feature = "cpu")]
            Self::Tensors(tensors) => tensors.name.clone(),
            #[cfg(feature = "webgpu")]
            Self::Graphics(graphics) => graphics.name(),
        }
    }

    /// The flat vector of parameters.
    pub async fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Tensors(tensors) => tensors.parameters().await,
            #[cfg(feature = "webgpu")]
            Self::Graphics(graphics) => graphics.parameters().await,
        }
    }

    /// Takes a checked flat vector over.
    pub fn place(&mut self, parameters: &[f32]) {
        match self {
            #[cfg(feature = "cpu")]
            Self::Tensors(tensors) => tensors.place(parameters),
            #[cfg(feature = "webgpu")]
            Self::Graphics(graphics) => graphics.place(parameters),
        }
    }

    /// A fresh optimiser for a plan that was checked.
    pub fn begin(&mut self, how: &TrainingPlan) -> Result<Optimising, ModelError> {
        Ok(match self {
            #[cfg(feature = "cpu")]
            Self::Tensors(tensors) => Optimising::Tensors(tensors.begin(how)),
            #[cfg(feature = "webgpu")]
            Self::Graphics(graphics) => Optimising::Graphics(graphics.begin(how)?),
        })
    }

    /// Trains on checked examples in the order in which each epoch draws them.
    pub async fn train(
        &mut self,
        course: &mut Optimising,
        how: &TrainingPlan,
        data: &[Example],
        standardisation: &Standardisation,
        draw: impl FnMut() -> Vec<Drawn>,
        telling: &mut Telling<impl AsyncFnMut(Step) -> ControlFlow<()>>,
    ) -> Result<(), ModelError> {
        match (self, course) {
            #[cfg(feature = "cpu")]
            (Self::Tensors(tensors), Optimising::Tensors(course)) => {
                tensors.train(course, how, data, standardisation, draw, telling).await
            }
            #[cfg(feature = "webgpu")]
            (Self::Graphics(graphics), Optimising::Graphics(course)) => {
                graphics.train(course, how, data, standardisation, draw, telling).await
            }
            #[cfg(all(feature = "cpu", feature = "webgpu"))]
            _ => Err(ModelError::Plan { what: "a course of training goes on where it began" }),
        }
    }

    /// A row of logits for each of the checked clips.
    pub async fn logits(&mut self, seen: &[Seen<'_>], how: &Standardisation) -> Result<Vec<f32>, ModelError> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Tensors(tensors) => tensors.logits(seen, how).await,
            #[cfg(feature = "webgpu")]
            Self::Graphics(graphics) => graphics.logits(seen, how).await,
        }
    }
}
