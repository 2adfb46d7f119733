//! Late fusion of a voice with what is said, one clip at a time; [`crate::Layer::Fusion`] says it in words. Text is a bag of
//! embeddings, as in fastText (Joulin et al. 2017), made normal so that long and short texts weigh alike; the gate is that of
//! Arevalo et al. 2017 ("Gated Multimodal Units"), of logits in place of hidden units.

use super::{matrix::add_row_product, norm, vector::sigmoid};

/// The layer's tensors but its embeddings, which only the mean of some of them needs.
#[derive(Clone, Copy)]
pub(crate) struct Tensors<'a> {
    /// (inputs, labels) and (labels).
    pub kernel: &'a [f32],
    pub bias: &'a [f32],
    /// (width) each.
    pub scale: &'a [f32],
    pub offset: &'a [f32],
    /// (width, labels) and (labels).
    pub text_kernel: &'a [f32],
    pub text_bias: &'a [f32],
    /// (inputs + width), the voice's first, and one number.
    pub gate_kernel: &'a [f32],
    pub gate_bias: &'a [f32],
}

/// What the layer makes of one clip.
#[derive(Clone, Debug)]
pub(crate) struct Fused {
    /// Each branch's own logits.
    pub voice: Vec<f32>,
    pub text: Vec<f32>,
    /// How far the voice is trusted, 0 to 1.
    pub gate: f32,
    /// The mean embedding with mean 0 and deviation 1, one over its deviation, and the same scaled and shifted.
    normal: Vec<f32>,
    inverse: f32,
    said: Vec<f32>,
    /// Whether both branches had something, so that the gate was asked.
    both: bool,
}

/// Gradients of the tensors, added up over a batch.
pub(crate) struct Gradients {
    pub kernel: Vec<f32>,
    pub bias: Vec<f32>,
    pub embedding: Vec<f32>,
    pub scale: Vec<f32>,
    pub offset: Vec<f32>,
    pub text_kernel: Vec<f32>,
    pub text_bias: Vec<f32>,
    pub gate_kernel: Vec<f32>,
    pub gate_bias: Vec<f32>,
}

/// The mean of some rows of `embedding`; zeros where there are none. Every bucket is one of its rows.
pub(crate) fn mean(embedding: &[f32], width: usize, buckets: &[u16]) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    for &bucket in buckets {
        let row = &embedding[usize::from(bucket) * width..][..width];
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
    }
    let count = buckets.len().max(1) as f32;
    mean.iter_mut().for_each(|mean| *mean /= count);
    mean
}

/// From the voice's values and the mean embedding. A clip that is neither heard nor read is taken for a heard one.
pub(crate) fn forward(tensors: &Tensors<'_>, values: &[f32], mean: Vec<f32>, heard: bool, read: bool) -> Fused {
    let mut voice = tensors.bias.to_vec();
    add_row_product(&mut voice, values, tensors.kernel);
    let mut normal = mean;
    let (said, inverse) = norm::forward(&mut normal, tensors.scale, tensors.offset);
    let mut text = tensors.text_bias.to_vec();
    add_row_product(&mut text, &said, tensors.text_kernel);
    let gate = match (heard, read) {
        (true, true) => {
            let sum: f32 =
                values.iter().chain(&said).zip(tensors.gate_kernel).map(|(value, weight)| value * weight).sum();
            sigmoid(sum + tensors.gate_bias.first().copied().unwrap_or_default())
        }
        (_, false) => 1.0,
        (false, true) => 0.0,
    };
    let inverse = inverse.first().copied().unwrap_or_default();
    Fused { voice, text, gate, normal, inverse, said, both: heard && read }
}

impl Fused {
    /// The layer's logits.
    pub fn logits(&self) -> impl Iterator<Item = f32> {
        self.voice.iter().zip(&self.text).map(|(voice, text)| self.gate * voice + (1.0 - self.gate) * text)
    }
}

impl Gradients {
    /// Zeros for tensors of these sizes.
    pub fn zeros(tensors: &Tensors<'_>, embeddings: usize) -> Self {
        let like = |tensor: &[f32]| vec![0.0; tensor.len()];
        Self {
            kernel: like(tensors.kernel),
            bias: like(tensors.bias),
            embedding: vec![0.0; embeddings],
            scale: like(tensors.scale),
            offset: like(tensors.offset),
            text_kernel: like(tensors.text_kernel),
            text_bias: like(tensors.text_bias),
            gate_kernel: like(tensors.gate_kernel),
            gate_bias: like(tensors.gate_bias),
        }
    }

    /// Adds a clip's, from the gradient of its logits, and writes that of its values.
    pub fn add(
        &mut self,
        tensors: &Tensors<'_>,
        fused: &Fused,
        buckets: &[u16],
        values: &[f32],
        gradient: &[f32],
        of_values: &mut [f32],
    ) {
        let Fused { voice, text, gate, normal, inverse, said, both } = fused;
        // By how much the gate's own sum would have to grow.
        let of_gate = if *both {
            let apart = voice.iter().zip(text).zip(gradient).map(|((voice, text), gradient)| gradient * (voice - text));
            apart.sum::<f32>() * gate * (1.0 - gate)
        } else {
            0.0
        };
        let (of_gate_by_voice, of_gate_by_text) = self.gate_kernel.split_at_mut(values.len());
        let (gate_by_voice, gate_by_text) = tensors.gate_kernel.split_at(values.len());
        linear_back(&mut self.kernel, &mut self.bias, tensors.kernel, values, gradient, *gate, of_values);
        gate_back(of_gate_by_voice, gate_by_voice, values, of_gate, of_values);
        self.gate_bias.iter_mut().for_each(|sum| *sum += of_gate);
        if buckets.is_empty() {
            return;
        }
        let mut of_said = vec![0.0; said.len()];
        let share = 1.0 - gate;
        linear_back(
            &mut self.text_kernel,
            &mut self.text_bias,
            tensors.text_kernel,
            said,
            gradient,
            share,
            &mut of_said,
        );
        gate_back(of_gate_by_text, gate_by_text, said, of_gate, &mut of_said);
        let [of_scale, of_offset] = norm::backward(&mut of_said, normal, &[*inverse], tensors.scale);
        add_to(&mut self.scale, &of_scale);
        add_to(&mut self.offset, &of_offset);
        let width = said.len();
        let each = 1.0 / buckets.len() as f32;
        for &bucket in buckets {
            let row = &mut self.embedding[usize::from(bucket) * width..][..width];
            row.iter_mut().zip(&of_said).for_each(|(sum, of_mean)| *sum += of_mean * each);
        }
    }
}

/// A linear layer's way back where its outputs count for `share` of what `gradient` is of.
fn linear_back(
    of_kernel: &mut [f32],
    of_bias: &mut [f32],
    kernel: &[f32],
    values: &[f32],
    gradient: &[f32],
    share: f32,
    of_values: &mut [f32],
) {
    let rows = of_kernel.chunks_exact_mut(gradient.len()).zip(kernel.chunks_exact(gradient.len()));
    for (((of_row, row), value), of_value) in rows.zip(values).zip(of_values) {
        let mut sum = 0.0;
        for ((of_weight, weight), gradient) in of_row.iter_mut().zip(row).zip(gradient) {
            *of_weight += share * gradient * value;
            sum += share * gradient * weight;
        }
        *of_value = sum;
    }
    of_bias.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += share * gradient);
}

fn gate_back(of_kernel: &mut [f32], kernel: &[f32], values: &[f32], of_gate: f32, of_values: &mut [f32]) {
    for (((of_weight, weight), value), of_value) in of_kernel.iter_mut().zip(kernel).zip(values).zip(of_values) {
        *of_weight += of_gate * value;
        *of_value += of_gate * weight;
    }
}

fn add_to(sums: &mut [f32], terms: &[f32]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}
