//! One clip's loss and its gradients on plain slices: by every parameter, and by every value of the clip itself, which no training
//! needs. It is what somebody needs who wants to know which clip an update came from (crates/exposure).
//!
//! For networks of convolutions without dropout, normalisation, pooling and dense layers: `compact`. Gradients by parameters are
//! those of the `Learner`, checked against it and against PyTorch.

use crate::{
    Architecture, LEAST_LABELS, Layer, Layout, MOST_LABELS, ModelError,
    network::KERNEL,
    slices::{
        matrix::{self, Matrix},
        norm, pooling, relu, softmax,
    },
};

/// A network of which gradients are wanted.
#[derive(Debug, Clone)]
pub struct Gradients {
    architecture: Architecture,
    layers: Vec<Layer>,
    layout: Layout,
}

/// One clip's loss and its gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipGradients {
    /// The cross-entropy, in nats.
    pub loss: f32,
    /// A probability for each label.
    pub probabilities: Vec<f32>,
    /// By each parameter, in the layout's order.
    pub parameters: Vec<f32>,
    /// By each of the clip's values.
    pub input: Vec<f32>,
}

/// What one layer keeps for the way back.
enum Saved<'a> {
    Convolution { kernel: &'a [f32], inputs: usize, outputs: usize, input: Vec<f32>, output: Vec<f32> },
    Normalise { scale: &'a [f32], normal: Vec<f32>, inverse: Vec<f32> },
    Pooling { centred: Vec<f32>, deviation: Vec<f32> },
    Dense { kernel: &'a [f32], input: Vec<f32>, output: Vec<f32> },
    Output { kernel: &'a [f32], input: Vec<f32> },
}

impl Gradients {
    /// Those of a network; `None` for one with other layers.
    ///
    /// # Errors
    /// A number of labels outside 2 to 16.
    pub fn new(architecture: Architecture, labels: usize) -> Result<Option<Self>, ModelError> {
        if !(LEAST_LABELS..=MOST_LABELS).contains(&labels) {
            return Err(ModelError::Labels { labels });
        }
        let layers = architecture.layers(labels);
        let known = layers.iter().all(|layer| match layer {
            Layer::Convolution { dropout, .. } => !dropout,
            Layer::Normalise { .. } | Layer::Pooling { .. } | Layer::Dense { .. } | Layer::Output { .. } => true,
            Layer::Flatten { .. } | Layer::Lstm { .. } | Layer::Fusion { .. } => false,
        });
        Ok(known.then(|| Self { architecture, layers, layout: architecture.layout(labels) }))
    }

    /// The order of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Values of a frame.
    pub fn features(&self) -> usize {
        self.architecture.features()
    }

    /// Frames that a clip must have at least.
    pub fn least_frames(&self) -> usize {
        1 + self.layers.iter().map(Layer::frames_lost).sum::<usize>()
    }

    /// Values that the dense layer before the last puts out, which dropout takes some of.
    pub fn units(&self) -> usize {
        self.layers
            .iter()
            .find_map(|layer| if let Layer::Output { inputs, .. } = layer { Some(*inputs) } else { None })
            .unwrap_or_default()
    }

    /// The loss of a clip of this label, and its gradients. `values` are the clip's real frames, standardised, frame by frame;
    /// `factors` are what dropout has multiplied each of [`Gradients::units`] with, without it nothing is dropped.
    ///
    /// # Errors
    /// Parameters of the wrong length or not finite, a clip with too few frames or one that is not whole, a label or factors that
    /// do not fit.
    pub fn of(
        &self,
        parameters: &[f32],
        values: &[f32],
        label: usize,
        factors: Option<&[f32]>,
    ) -> Result<ClipGradients, ModelError> {
        self.layout.check(parameters)?;
        let features = self.architecture.features();
        let frames = values.len() / features;
        if !values.len().is_multiple_of(features) || frames < self.least_frames() {
            return Err(ModelError::Shape { index: 0, values: values.len(), frames });
        }
        if factors.is_some_and(|factors| factors.len() != self.units()) {
            return Err(ModelError::Plan { what: "dropout has one factor for each unit of the dense layer" });
        }
        let (mut saved, logits) = self.forward(parameters, values, factors);
        let probabilities = softmax::probabilities(&logits);
        let Some(likely) = probabilities.get(label) else {
            return Err(ModelError::Label { index: 0, label, labels: probabilities.len() });
        };
        let loss = -likely.ln();
        let mut gradient = probabilities.clone();
        gradient[label] -= 1.0;
        let mut by_parameters = vec![0.0; parameters.len()];
        let mut tensors = self.layout.tensors.iter().rev();
        let mut put = |values: &[f32]| {
            if let Some(spec) = tensors.next() {
                by_parameters[spec.range()].copy_from_slice(values);
            }
        };
        while let Some(layer) = saved.pop() {
            gradient = backward(layer, gradient, factors, &mut put);
        }
        Ok(ClipGradients { loss, probabilities, parameters: by_parameters, input: gradient })
    }

    fn forward<'a>(
        &self,
        parameters: &'a [f32],
        values: &[f32],
        factors: Option<&[f32]>,
    ) -> (Vec<Saved<'a>>, Vec<f32>) {
        let mut tensors = self.layout.tensors.iter().map(|spec| &parameters[spec.range()]);
        let mut next = || tensors.next().unwrap_or_default();
        let mut rows = values.to_vec();
        let mut saved = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            match *layer {
                Layer::Convolution { inputs, outputs, .. } => {
                    let (kernel, bias) = (next(), next());
                    let mut output = matrix::product(&windows(&rows, inputs), &Matrix::contiguous(kernel, bias.len()));
                    relu::activate(&mut output, bias);
                    saved.push(Saved::Convolution { kernel, inputs, outputs, input: rows, output: output.clone() });
                    rows = output;
                }
                Layer::Normalise { .. } => {
                    let (scale, offset) = (next(), next());
                    let (output, inverse) = norm::forward(&mut rows, scale, offset);
                    saved.push(Saved::Normalise { scale, normal: rows, inverse });
                    rows = output;
                }
                Layer::Pooling { channels } => {
                    let mut pooled = vec![0.0; 2 * channels];
                    let (mean, deviation) = pooled.split_at_mut(channels);
                    pooling::forward(&mut rows, mean, deviation);
                    saved.push(Saved::Pooling { centred: rows, deviation: deviation.to_vec() });
                    rows = pooled;
                }
                Layer::Dense { .. } => {
                    let (kernel, bias) = (next(), next());
                    let mut output = bias.to_vec();
                    matrix::add_row_product(&mut output, &rows, kernel);
                    output.iter_mut().for_each(|value| *value = relu::rectified(*value));
                    if let Some(factors) = factors {
                        output.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
                    }
                    saved.push(Saved::Dense { kernel, input: rows, output: output.clone() });
                    rows = output;
                }
                Layer::Output { .. } => {
                    let (kernel, bias) = (next(), next());
                    let mut logits = bias.to_vec();
                    matrix::add_row_product(&mut logits, &rows, kernel);
                    saved.push(Saved::Output { kernel, input: rows });
                    rows = logits;
                }
                // `new` gives no network with others.
                Layer::Flatten { .. } | Layer::Lstm { .. } | Layer::Fusion { .. } => {}
            }
        }
        (saved, rows)
    }
}

/// Three neighbouring rows read as one.
fn windows(rows: &[f32], channels: usize) -> Matrix<'_> {
    let count = rows.len() / channels;
    Matrix { values: rows, rows: count + 1 - KERNEL, columns: KERNEL * channels, steps: [channels, 1] }
}

/// From the gradient of what a layer gave to that of what it took. `put` is given the gradients of its tensors, the last first.
fn backward(saved: Saved<'_>, gradient: Vec<f32>, factors: Option<&[f32]>, put: &mut impl FnMut(&[f32])) -> Vec<f32> {
    match saved {
        Saved::Output { kernel, input } => linear_back(kernel, &input, gradient, put),
        Saved::Dense { kernel, input, output } => {
            let through = |((gradient, output), place): ((f32, &f32), usize)| {
                let factor = factors.map_or(1.0, |factors| factors[place]);
                if *output > 0.0 { gradient * factor } else { 0.0 }
            };
            let gradient = gradient.into_iter().zip(&output).zip(0..).map(through).collect();
            linear_back(kernel, &input, gradient, put)
        }
        Saved::Pooling { mut centred, deviation } => {
            let (of_mean, of_deviation) = gradient.split_at(deviation.len());
            pooling::backward(&mut centred, of_mean, of_deviation, &deviation);
            centred
        }
        Saved::Normalise { scale, normal, inverse } => {
            let mut gradient = gradient;
            let [of_scale, of_offset] = norm::backward(&mut gradient, &normal, &inverse, scale);
            put(&of_offset);
            put(&of_scale);
            gradient
        }
        Saved::Convolution { kernel, inputs, outputs, input, output } => {
            let window = KERNEL * inputs;
            let mut through = vec![0.0; gradient.len()];
            let mut of_bias = vec![0.0; outputs];
            relu::backward(&mut through, &gradient, &output, 1.0, &mut of_bias);
            let gradient = Matrix::contiguous(&through, outputs);
            let of_kernel = matrix::product(&windows(&input, inputs).transposed(), &gradient);
            put(&of_bias);
            put(&of_kernel);
            let of_windows = matrix::product(&gradient, &Matrix::contiguous(kernel, outputs).transposed());
            let mut of_input = vec![0.0; input.len()];
            for (row, of_window) in of_windows.chunks_exact(window).enumerate() {
                let place = &mut of_input[row * inputs..][..window];
                place.iter_mut().zip(of_window).for_each(|(sum, value)| *sum += value);
            }
            of_input
        }
    }
}

fn linear_back(kernel: &[f32], input: &[f32], gradient: Vec<f32>, put: &mut impl FnMut(&[f32])) -> Vec<f32> {
    put(&gradient);
    put(&input.iter().flat_map(|value| gradient.iter().map(move |slope| value * slope)).collect::<Vec<_>>());
    let dot = |row: &[f32]| row.iter().zip(&gradient).map(|(weight, slope)| weight * slope).sum();
    kernel.chunks_exact(gradient.len()).map(dot).collect()
}
