//! A network at work: its layers one after another, forwards and backwards.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{
    Architecture, FRAMES, Layer, LstmOutput, Standardisation,
    clips::Seen,
    learner::{
        layers::{convolution, dense, flatten, fusion, lstm, normalise, pooling},
        operations::{dropout::Dropout, gradient::Gradient},
    },
};

/// Clips on the device, ready to go in.
pub(crate) struct Batch {
    /// (100 · clips, the network's features): clip after clip, or frame after frame for a recurrent network.
    input: Tensor<2>,
    /// Real frames of each clip.
    frames: Vec<usize>,
    /// What is said in each.
    texts: Vec<Vec<u16>>,
}

impl Batch {
    /// Standardises clips and brings them to the device.
    pub fn new(
        clips: &[Seen<'_>],
        standardisation: &Standardisation,
        architecture: Architecture,
        device: &Device,
    ) -> Self {
        let features = architecture.features();
        let count = clips.len();
        let mut values = vec![0.0; count * FRAMES * features];
        for (clip, out) in clips.iter().zip(values.chunks_exact_mut(FRAMES * features)) {
            standardisation.apply(*clip, features, out);
        }
        if let Architecture::Lstm | Architecture::LstmPadded = architecture {
            let by_clip = values.clone();
            for (row, out) in values.chunks_exact_mut(features).enumerate() {
                let (frame, clip) = (row / count, row % count);
                let place = (clip * FRAMES + frame) * features;
                out.copy_from_slice(&by_clip[place..place + features]);
            }
        }
        let input = Tensor::from_data(TensorData::new(values, [count * FRAMES, features]), device);
        let texts = clips.iter().map(|clip| clip.text.to_vec());
        Self { input, frames: clips.iter().map(|clip| clip.frames).collect(), texts: texts.collect() }
    }
}

/// What one layer keeps for the way back.
#[allow(clippy::large_enum_variant, reason = "there is one for each layer")]
enum Saved {
    Convolution(convolution::Saved),
    Normalise(normalise::Saved),
    Flatten { frames: usize },
    Pooling(pooling::Saved),
    Lstm(lstm::Saved),
    Dense(dense::Saved),
    Fusion(fusion::Saved),
}

/// What the way back needs of all layers.
pub(crate) struct Trace(Vec<Saved>);

/// From clips to logits (clips, labels). `parameters` are in the layout's order, each as a matrix
/// ([`crate::TensorSpec::matrix`]). With `dropout` it is a training pass.
pub(crate) fn forward(
    layers: &[Layer],
    parameters: &[Tensor<2>],
    batch: Batch,
    mut dropout: Option<&mut Dropout>,
) -> (Tensor<2>, Trace) {
    let mut values = batch.input;
    let mut trace = Vec::with_capacity(layers.len());
    let mut rest = parameters;
    for layer in layers {
        let (own, others) = rest.split_at(layer.tensors().len());
        rest = others;
        let saved;
        (values, saved) = match (*layer, own) {
            (Layer::Convolution { dropout: drops, .. }, [kernel, bias]) => {
                let (output, saved) =
                    convolution::forward(values, kernel, bias, dropout.as_deref_mut().filter(|_| drops));
                (output, Saved::Convolution(saved))
            }
            (Layer::Normalise { .. }, [scale, offset]) => {
                let (output, saved) = normalise::forward(values, scale, offset);
                (output, Saved::Normalise(saved))
            }
            (Layer::Flatten { frames, .. }, _) => (flatten::forward(values, frames), Saved::Flatten { frames }),
            (Layer::Pooling { .. }, _) => {
                let (output, saved) = pooling::forward(values, &batch.frames);
                (output, Saved::Pooling(saved))
            }
            (Layer::Lstm { output, .. }, [kernel, recurrent, bias]) => {
                let read = match output {
                    LstmOutput::EveryFrame => None,
                    LstmOutput::LastFrame => Some(vec![FRAMES - 1; batch.frames.len()]),
                    LstmOutput::LastRealFrame => Some(batch.frames.iter().map(|&real| real.max(1) - 1).collect()),
                };
                let (output, saved) = lstm::forward(values, kernel, recurrent, bias, read);
                (output, Saved::Lstm(saved))
            }
            (Layer::Dense { dropout: drops, .. }, [kernel, bias]) => {
                let (output, saved) = dense::forward(values, kernel, bias, dropout.as_deref_mut().filter(|_| drops));
                (output, Saved::Dense(saved))
            }
            (Layer::Output { .. }, [kernel, bias]) => {
                let (output, saved) = dense::output(values, kernel, bias);
                (output, Saved::Dense(saved))
            }
            (Layer::Fusion { .. }, own) if own.len() == 9 => {
                let own = own.as_array().expect("they are nine");
                let heard: Vec<bool> = batch.frames.iter().map(|&frames| frames > 0).collect();
                let (output, saved) = fusion::forward(values, own, &heard, batch.texts.clone());
                (output, Saved::Fusion(saved))
            }
            (layer, own) => unreachable!("{layer} with {} tensors: the layout gives each layer its own", own.len()),
        };
        trace.push(saved);
    }
    (values, Trace(trace))
}

/// From the logits' gradient back to the first layer that has a tensor that moves. `apply` is called once for each tensor that
/// does with its place in the layout's order and its gradient, as soon as no layer needs the tensor any more, so that it may
/// change it and that no more than one layer's gradients are held.
pub(crate) fn backward(
    layers: &[Layer],
    parameters: &mut [Tensor<2>],
    trace: Trace,
    gradient: Tensor<2>,
    moved: &[bool],
    mut apply: impl FnMut(usize, &mut Tensor<2>, Gradient),
) {
    let mut gradient = gradient;
    let mut end = parameters.len();
    let first = moved.iter().position(|moves| *moves).unwrap_or(end);
    for (place, (layer, saved)) in layers.iter().zip(trace.0).enumerate().rev() {
        let start = end - layer.tensors().len();
        let own = &mut parameters[start..end];
        end = start;
        // The clips themselves are not learnt.
        let input_wanted = place > 0 && first < start;
        let (of_input, gradients): (_, Vec<Gradient>) = match saved {
            Saved::Flatten { frames } => (Some(flatten::backward(gradient, frames)), Vec::new()),
            Saved::Pooling(saved) => (Some(pooling::backward(saved, gradient)), Vec::new()),
            Saved::Normalise(saved) => {
                let (input, own) = normalise::backward(saved, gradient, &own[0]);
                (Some(input), own.into())
            }
            Saved::Convolution(saved) => {
                let (input, own) = convolution::backward(saved, gradient, &own[0], input_wanted);
                (input, own.into())
            }
            Saved::Lstm(saved) => {
                let (input, own) = lstm::backward(saved, gradient, &own[0], &own[1], input_wanted);
                (input, own.into())
            }
            Saved::Dense(saved) => {
                let (input, own) = dense::backward(saved, gradient, &own[0]);
                (Some(input), own.into())
            }
            Saved::Fusion(saved) => {
                let own = own.as_array().expect("a fusion has nine tensors");
                let (input, own) = fusion::backward(saved, gradient, own);
                (Some(input), own.into())
            }
        };
        for ((index, tensor), gradient) in (start..).zip(own).zip(gradients).filter(|((index, _), _)| moved[*index]) {
            apply(index, tensor, gradient);
        }
        match of_input.filter(|_| input_wanted) {
            Some(of_input) => gradient = of_input,
            None => return,
        }
    }
}
