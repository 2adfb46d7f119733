//! Where a model computes. The one file that differs between builds for a processor, a graphics processor, or both.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{ModelError, slices::matrix::Matrix};

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor, with its vector instructions, through the feature `cpu`; several threads with the feature `rayon`.
    Cpu,
    /// The graphics processor, through WebGPU; needs the feature `webgpu`.
    WebGpu,
}

/// An opened device and the name that people see.
pub(crate) struct Opened {
    pub device: Device,
    pub name: String,
}

impl Backend {
    /// Opens the device; the graphics processor is opened once and shared by all learners of the program.
    pub(crate) async fn open(self) -> Result<Opened, ModelError> {
        match self {
            Self::Cpu => processor(),
            Self::WebGpu => graphics().await,
        }
    }
}

#[cfg(feature = "cpu")]
fn processor() -> Result<Opened, ModelError> {
    Ok(Opened { device: Device::flex(), name: "CPU".to_owned() })
}

#[cfg(not(feature = "cpu"))]
fn processor() -> Result<Opened, ModelError> {
    Err(ModelError::BackendMissing { backend: "the processor", feature: "cpu" })
}

/// Whether a device is this program's own memory and processor.
#[cfg(feature = "cpu")]
pub(crate) fn is_processor(device: &Device) -> bool {
    *device == Device::flex()
}

/// Whether a device is this program's own memory and processor.
#[cfg(not(feature = "cpu"))]
pub(crate) fn is_processor(_device: &Device) -> bool {
    false
}

/// Hands `look` the numbers of a tensor where they lie; none for a tensor that is not on the processor or is read
/// backwards.
#[cfg(feature = "cpu")]
pub(crate) fn in_memory<T>(tensor: &Tensor<2>, look: impl FnOnce(&Matrix<'_>) -> T) -> Option<T> {
    let [rows, columns] = tensor.dims();
    let stored = tensor.clone().try_into_primitive::<burn::backend::Flex>().ok()?;
    let step = |axis: usize| usize::try_from(*stored.layout().strides().get(axis)?).ok();
    let steps = [step(0)?, step(1)?];
    Some(look(&Matrix { values: stored.storage().get(stored.layout().start_offset()..)?, rows, columns, steps }))
}

/// Hands `look` the numbers of a tensor where they lie; none for a tensor that is not on the processor or is read
/// backwards.
#[cfg(not(feature = "cpu"))]
pub(crate) fn in_memory<T>(_tensor: &Tensor<2>, _look: impl FnOnce(&Matrix<'_>) -> T) -> Option<T> {
    None
}

#[cfg(not(feature = "webgpu"))]
async fn graphics() -> Result<Opened, ModelError> {
    Err(ModelError::BackendMissing { backend: "WebGPU", feature: "webgpu" })
}

#[cfg(feature = "webgpu")]
async fn graphics() -> Result<Opened, ModelError> {
    use std::sync::OnceLock;
    // The library refuses to open the same device a second time.
    static OPENED: OnceLock<(Device, String)> = OnceLock::new();
    if let Some((device, name)) = OPENED.get() {
        return Ok(Opened { device: device.clone(), name: name.clone() });
    }
    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|error| ModelError::BackendUnavailable { reason: error.to_string() })?;
    let name = setup.adapter.get_info().name;
    let (device, name) = OPENED.get_or_init(|| (device, name));
    Ok(Opened { device: device.clone(), name: name.clone() })
}
