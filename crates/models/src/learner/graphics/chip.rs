//! The graphics processor as WebGPU shows it: its memory, the kernels that were compiled for it, work handed in and
//! numbers read back. It knows no layer and no network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_channel::oneshot;
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBinding,
    BufferBindingType, BufferDescriptor, BufferUsages, ComputePipelineDescriptor, DeviceDescriptor, InstanceDescriptor,
    Limits, PipelineCompilationOptions, PipelineLayoutDescriptor, PollType, PowerPreference, RequestAdapterOptions,
    ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use super::kernel::{Access, Buffer, Call, Kernel};
use crate::{FRAMES, ModelError};

/// Bytes of a number.
const WIDTH: u64 = 4;
/// Where the number of a frame stands among the others: as far apart as WebGPU asks for.
pub(super) const FRAME_STRIDE: u32 = 256;

/// An opened device.
pub(super) struct Chip {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pub name: String,
    compiled: HashMap<String, (wgpu::ComputePipeline, wgpu::BindGroupLayout)>,
    /// The numbers that differ from step to step.
    step: wgpu::Buffer,
    /// The numbers 0 to 99, [`FRAME_STRIDE`] apart.
    frames: wgpu::Buffer,
    /// What went wrong outside of any call.
    failed: Arc<Mutex<Option<String>>>,
}

impl Chip {
    /// Opens the adapter that the system recommends for heavy work.
    pub async fn open() -> Result<Self, ModelError> {
        let unavailable = |error: &dyn std::fmt::Display| ModelError::BackendUnavailable { reason: error.to_string() };
        let instance = wgpu::Instance::new(InstanceDescriptor::new_without_display_handle());
        let wanted = RequestAdapterOptions { power_preference: PowerPreference::HighPerformance, ..Default::default() };
        let adapter = instance.request_adapter(&wanted).await.map_err(|error| unavailable(&error))?;
        let has = adapter.limits();
        // Large networks and many clips need large buffers; nothing else beyond what every adapter has.
        let required_limits = Limits {
            max_buffer_size: has.max_buffer_size,
            max_storage_buffer_binding_size: has.max_storage_buffer_binding_size,
            ..Limits::default()
        };
        let descriptor = DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| unavailable(&error))?;
        let failed = Arc::<Mutex<Option<String>>>::default();
        let note = |failed: &Arc<Mutex<Option<String>>>, reason: String| {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        };
        let (lost, wrong) = (failed.clone(), failed.clone());
        device.set_device_lost_callback(move |_, reason| note(&lost, reason));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&wrong, error.to_string())));
        let buffer = |size: u64| {
            let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
            device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        };
        let (step, frames) = (buffer(size_of::<Step>() as u64), buffer(FRAMES as u64 * u64::from(FRAME_STRIDE)));
        for frame in 0..FRAMES as u32 {
            queue.write_buffer(&frames, u64::from(frame * FRAME_STRIDE), bytemuck::bytes_of(&[frame, 0, 0, 0]));
        }
        Ok(Self { name: adapter.get_info().name, device, queue, compiled: HashMap::new(), step, frames, failed })
    }

    /// Memory for so many numbers, all zero.
    ///
    /// # Errors
    /// More than the device takes in one piece.
    pub fn buffer(&self, numbers: usize) -> Result<Buffer, ModelError> {
        let size = (numbers as u64).max(4) * WIDTH;
        let most = self.device.limits().max_storage_buffer_binding_size.min(self.device.limits().max_buffer_size);
        if size > most {
            let reason = format!("{size} bytes are needed in one piece, of {most} that it gives");
            return Err(ModelError::Device { reason });
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let memory =
            self.device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        Ok(Buffer { memory })
    }

    /// Puts numbers into a buffer, from `place` on.
    pub fn write<T: bytemuck::NoUninit>(&self, buffer: &Buffer, place: usize, values: &[T]) {
        self.queue.write_buffer(&buffer.memory, place as u64 * WIDTH, bytemuck::cast_slice(values));
    }

    /// The first `count` numbers of a buffer, once all work that was handed in is done.
    ///
    /// # Errors
    /// The device was lost, or failed in some other way since it was opened.
    pub async fn read(&self, buffer: &Buffer, count: usize) -> Result<Vec<f32>, ModelError> {
        let size = count as u64 * WIDTH;
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let copy = self.device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&buffer.memory, 0, &copy, 0, size);
        self.queue.submit([encoder.finish()]);
        let (answer, answered) = oneshot::channel();
        copy.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // Nobody waits any more for a learner that is gone.
            let _ = answer.send(mapped);
        });
        self.answer(answered).await?.map_err(|error| self.failure(error.to_string()))?;
        let mapped = copy.get_mapped_range(..).map_err(|error| self.failure(error.to_string()))?;
        let numbers = bytemuck::pod_collect_to_vec(&mapped);
        self.check()?;
        Ok(numbers)
    }

    /// Hands work in: the calls of one step, one after another. What comes back is answered once they are done.
    pub fn submit(&self, step: &Step, calls: &[Call]) -> oneshot::Receiver<()> {
        self.queue.write_buffer(&self.step, 0, bytemuck::bytes_of(step));
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for call in calls {
            call.encode(&mut pass, step.batch);
        }
        drop(pass);
        self.queue.submit([encoder.finish()]);
        let (done, is_done) = oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            let _ = done.send(());
        });
        is_done
    }

    /// Waits for an answer of the device.
    ///
    /// # Errors
    /// As [`Chip::read`].
    pub async fn answer<T>(&self, answered: oneshot::Receiver<T>) -> Result<T, ModelError> {
        // In a browser this does nothing: there answers come by themselves.
        self.device.poll(PollType::wait_indefinitely()).map_err(|error| self.failure(error.to_string()))?;
        let answer = answered.await.map_err(|error| self.failure(error.to_string()))?;
        self.check()?;
        Ok(answer)
    }

    fn check(&self) -> Result<(), ModelError> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(ModelError::Device { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// The first thing that went wrong, which explains more than what followed from it.
    fn failure(&self, reason: String) -> ModelError {
        self.check().err().unwrap_or(ModelError::Device { reason })
    }

    /// Compiles a kernel where that has not been done, and binds it to its buffers.
    pub fn call(&mut self, kernel: Kernel<'_>) -> Call {
        let source = kernel.source();
        let (pipeline, layout) = match self.compiled.get(&source) {
            Some(compiled) => compiled.clone(),
            None => {
                let compiled = self.compile(&source, &kernel);
                self.compiled.insert(source, compiled.clone());
                compiled
            }
        };
        let mut entries = vec![BindGroupEntry { binding: 0, resource: self.step.as_entire_binding() }];
        for (binding, (_, _, buffer)) in (1..).zip(kernel.buffers) {
            entries.push(BindGroupEntry { binding, resource: buffer.memory.as_entire_binding() });
        }
        if kernel.every_frame {
            let size = std::num::NonZeroU64::new(16);
            let frame = BufferBinding { buffer: &self.frames, offset: 0, size };
            let binding = entries.len() as u32;
            entries.push(BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(frame) });
        }
        let group = BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
        Call { pipeline, group: self.device.create_bind_group(&group), grid: kernel.grid, frames: Vec::new() }
    }

    fn compile(&self, source: &str, kernel: &Kernel<'_>) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let entry = |binding: u32, ty: BufferBindingType, has_dynamic_offset: bool| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, BufferBindingType::Uniform, false)];
        for (binding, (_, access, _)) in (1..).zip(kernel.buffers) {
            let read_only = matches!(access, Access::Numbers | Access::Words);
            entries.push(entry(binding, BufferBindingType::Storage { read_only }, false));
        }
        if kernel.every_frame {
            entries.push(entry(entries.len() as u32, BufferBindingType::Uniform, true));
        }
        let layout =
            self.device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: None, entries: &entries });
        let layouts = [Some(&layout)];
        let of_pipeline = PipelineLayoutDescriptor { label: None, bind_group_layouts: &layouts, immediate_size: 0 };
        let of_pipeline = self.device.create_pipeline_layout(&of_pipeline);
        let module = ShaderModuleDescriptor { label: None, source: ShaderSource::Wgsl(source.into()) };
        let pipeline = self.device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: None,
            layout: Some(&of_pipeline),
            module: &self.device.create_shader_module(module),
            entry_point: Some("main"),
            // Every buffer starts as zeros, and no kernel uses memory of its workgroup.
            compilation_options: PipelineCompilationOptions::default(),
            cache: None,
        });
        (pipeline, layout)
    }
}

/// What differs from step to step, as every kernel sees it ([`super::kernel`] has the same in WGSL).
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::NoUninit)]
pub(super) struct Step {
    /// Clips in this batch.
    pub batch: u32,
    /// Place of its first clip in the order of all.
    pub first: u32,
    /// Where the random numbers of this step begin: block of the stream, and word of that block.
    pub mask_block: [u32; 2],
    pub mask_word: u32,
    /// Adam's step size over the first moment's correction, or plain descent's step size.
    pub rate: f32,
    /// One over the root of the second moment's correction.
    pub root: f32,
    /// FedProx's μ.
    pub proximal: f32,
}
