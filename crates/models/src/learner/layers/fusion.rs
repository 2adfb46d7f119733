//! Late fusion with what is said, on plain slices: a batch has few clips, and of the embeddings a step looks at some hundred rows
//! of thousands, which no operation on whole tensors would leave at that.

use burn::tensor::{Tensor, TensorData};

use crate::{
    learner::{
        backend::in_memory,
        operations::{
            gradient::Gradient,
            memory::{numbers, tensor},
        },
    },
    slices::fusion::{self, Fused, Gradients, Tensors},
};

/// Which of the layer's tensors is its embeddings.
const EMBEDDING: usize = 2;

/// What the way back needs.
pub(crate) struct Saved {
    values: Tensor<2>,
    clips: Vec<Fused>,
    texts: Vec<Vec<u16>>,
}

/// The layer's tensors but its embeddings, in memory.
struct Held([TensorData; 8]);

impl Held {
    /// `own` are all nine, in the layout's order.
    fn of(own: &[Tensor<2>; 9]) -> Self {
        let [kernel, bias, _, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias] = own;
        let others = [kernel, bias, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias];
        Self(others.map(|tensor| tensor.clone().into_data()))
    }

    fn tensors(&self) -> Tensors<'_> {
        let [kernel, bias, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias] =
            self.0.each_ref().map(numbers);
        Tensors { kernel, bias, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias }
    }
}

/// (batch, inputs) → (batch, labels). `heard` says of each clip whether it has sound, `texts` what is said in it.
pub(crate) fn forward(
    values: Tensor<2>,
    own: &[Tensor<2>; 9],
    heard: &[bool],
    texts: Vec<Vec<u16>>,
) -> (Tensor<2>, Saved) {
    let device = values.device();
    let [batch, inputs] = values.dims();
    let [_, width] = own[EMBEDDING].dims();
    let means_of = |embedding: &[f32]| -> Vec<Vec<f32>> {
        texts.iter().map(|text| fusion::mean(embedding, width, text)).collect()
    };
    // On the processor without a copy.
    let means = in_memory(&own[EMBEDDING], |embedding| means_of(embedding.values))
        .unwrap_or_else(|| means_of(numbers(&own[EMBEDDING].clone().into_data())));
    let held = Held::of(own);
    let tensors = held.tensors();
    let data = values.clone().into_data();
    let clips: Vec<Fused> = numbers(&data)
        .chunks_exact(inputs)
        .zip(means)
        .zip(heard.iter().zip(&texts))
        .map(|((values, mean), (&heard, text))| fusion::forward(&tensors, values, mean, heard, !text.is_empty()))
        .collect();
    let logits: Vec<f32> = clips.iter().flat_map(Fused::logits).collect();
    let labels = logits.len() / batch.max(1);
    (tensor(logits, [batch, labels], &device), Saved { values, clips, texts })
}

/// Gradients of the values, and of the nine tensors.
pub(crate) fn backward(saved: Saved, gradient: Tensor<2>, own: &[Tensor<2>; 9]) -> (Tensor<2>, [Gradient; 9]) {
    let device = gradient.device();
    let Saved { values, clips, texts } = saved;
    let [batch, inputs] = values.dims();
    let [_, labels] = gradient.dims();
    let shapes = own.each_ref().map(|tensor| tensor.dims());
    let [buckets, width] = shapes[EMBEDDING];
    let held = Held::of(own);
    let tensors = held.tensors();
    let (values, gradient) = (values.into_data(), gradient.into_data());
    let mut sums = Gradients::zeros(&tensors, buckets * width);
    let mut of_values = vec![0.0; batch * inputs];
    let rows = numbers(&values).chunks_exact(inputs).zip(numbers(&gradient).chunks_exact(labels));
    let rows = rows.zip(of_values.chunks_exact_mut(inputs)).zip(clips.iter().zip(&texts));
    for (((values, gradient), of_values), (clip, text)) in rows {
        sums.add(&tensors, clip, text, values, gradient, of_values);
    }
    let Gradients { kernel, bias, embedding, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias } = sums;
    let sums = [kernel, bias, embedding, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias];
    let mut shapes = shapes.into_iter();
    let gradients = sums.map(|values| Gradient::Value(tensor(values, shapes.next().unwrap_or_default(), &device)));
    (tensor(of_values, [batch, inputs], &device), gradients)
}
