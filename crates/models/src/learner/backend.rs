//! Where a model computes. The one file that differs between builds with and without WebGPU.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor, with its vector instructions; several threads with the feature `rayon`.
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
            Self::Cpu => Ok(Opened { device: Device::flex(), name: "CPU".to_owned() }),
            Self::WebGpu => graphics().await,
        }
    }
}

#[cfg(not(feature = "webgpu"))]
async fn graphics() -> Result<Opened, ModelError> {
    Err(ModelError::BackendMissing)
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
