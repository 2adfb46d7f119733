//! A kernel: its text in WGSL with the buffers that it is bound to, and how many of it run for a batch. Every invocation
//! works alone: no memory of a workgroup and no barrier, which cost more than they save for matrices of this size and are
//! 90 times as slow where WebGPU is computed in software.

use super::chip::FRAME_STRIDE;

/// Memory of the graphics processor.
#[derive(Clone)]
pub(super) struct Buffer {
    pub memory: wgpu::Buffer,
}

/// What a kernel does with a buffer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    /// Reads numbers.
    Numbers,
    /// Reads whole numbers.
    Words,
    /// Reads and writes numbers.
    Change,
    /// Reads and writes whole numbers.
    ChangeWords,
}

/// Invocations in a workgroup: columns and rows.
#[derive(Clone, Copy)]
pub(super) struct Group(pub u32, pub u32);

/// How many workgroups there are.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    group: Group,
    /// Invocations across.
    columns: u32,
    /// Invocations down: rows of a clip, and those that come once, over the rows of one invocation.
    per_clip: u32,
    once: u32,
    rows: u32,
}

impl Grid {
    /// `columns` invocations across, and one down for each `rows` of the `per_clip` of every clip.
    pub fn of_clips(group: Group, columns: usize, per_clip: usize, rows: usize) -> Self {
        Self { group, columns: columns as u32, per_clip: per_clip as u32, once: 0, rows: rows as u32 }
    }

    /// `columns` invocations across, and one down for each `rows` of `all`, however many clips there are.
    pub fn of_all(group: Group, columns: usize, all: usize, rows: usize) -> Self {
        Self { group, columns: columns as u32, per_clip: 0, once: all as u32, rows: rows as u32 }
    }

    /// And so many rows more.
    pub fn and(self, once: usize) -> Self {
        Self { once: once as u32, ..self }
    }
}

/// A kernel's text and what it is bound to.
pub(super) struct Kernel<'a> {
    /// WGSL; in it `main` is called with `id`, and `step` and the buffers are there by name.
    pub text: String,
    pub buffers: &'a [(&'static str, Access, &'a Buffer)],
    pub grid: Grid,
    /// Whether it runs once for each frame, whose number is `frame.at`.
    pub every_frame: bool,
}

impl Kernel<'_> {
    /// All of the WGSL.
    pub fn source(&self) -> String {
        let mut source = String::from(include_str!("kernels/step.wgsl"));
        source += "@group(0) @binding(0) var<uniform> step: Step;\n";
        for (binding, (name, access, _)) in (1..).zip(self.buffers) {
            let (mode, of) = match access {
                Access::Numbers => ("read", "f32"),
                Access::Words => ("read", "u32"),
                Access::Change => ("read_write", "f32"),
                Access::ChangeWords => ("read_write", "u32"),
            };
            source += &format!("@group(0) @binding({binding}) var<storage, {mode}> {name}: array<{of}>;\n");
        }
        if self.every_frame {
            let binding = self.buffers.len() + 1;
            source += &format!("@group(0) @binding({binding}) var<uniform> frame: Frame;\n");
        }
        let Group(columns, rows) = self.grid.group;
        source += &self.text;
        source += &format!(
            "@compute @workgroup_size({columns}, {rows}) fn main(@builtin(global_invocation_id) id: vec3u) {{ work(id); }}\n"
        );
        source
    }
}

/// A kernel with its names replaced by what they stand for: `NAME` in the text by its value.
pub(super) fn filled(text: &str, values: &[(&str, usize)]) -> String {
    let mut constants = String::new();
    for (name, value) in values {
        constants += &format!("const {name} = {value}u;\n");
    }
    constants + text
}

/// A kernel that is ready to run.
#[derive(Clone)]
pub(super) struct Call {
    pub pipeline: wgpu::ComputePipeline,
    pub group: wgpu::BindGroup,
    pub grid: Grid,
    /// The frames for which it runs, one after another; none for one that runs once.
    pub frames: Vec<u32>,
}

impl Call {
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>, batch: u32) {
        let Grid { group: Group(across, down), columns, per_clip, once, rows } = self.grid;
        let (x, y) = (columns.div_ceil(across), (per_clip * batch + once).div_ceil(rows).div_ceil(down));
        pass.set_pipeline(&self.pipeline);
        if self.frames.is_empty() {
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(x, y, 1);
        }
        for frame in &self.frames {
            pass.set_bind_group(0, &self.group, &[frame * FRAME_STRIDE]);
            pass.dispatch_workgroups(x, y, 1);
        }
    }
}
