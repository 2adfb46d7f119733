//! Arithmetic value by value, between the matrix products, in tensor operations; on the processor
//! [`super::processor`] does the same in one pass.

use burn::tensor::{Tensor, TensorData, activation};

use super::{
    dropout::{Dropout, KEPT, SCALE},
    processor,
};

/// ReLU of `product` + `bias` (1, columns), then dropout where it is given. Returns also what kept values were
/// multiplied by.
pub(crate) fn activate(product: Tensor<2>, bias: &Tensor<2>, dropout: Option<&mut Dropout>) -> (Tensor<2>, f32) {
    let [rows, columns] = product.dims();
    let scale = if dropout.is_some() { SCALE } else { 1.0 };
    let bytes = dropout.map(|dropout| dropout.bytes(rows * columns));
    let way = if processor::holds(&product) { processor::activate } else { activate_by_operations };
    (way(product, bias, bytes.as_deref()), scale)
}

fn activate_by_operations(product: Tensor<2>, bias: &Tensor<2>, bytes: Option<&[u8]>) -> Tensor<2> {
    let device = product.device();
    let shape = product.dims();
    let active = activation::relu(product + bias.clone());
    match bytes {
        None => active,
        Some(bytes) => {
            let factors: Vec<f32> = bytes.iter().map(|&byte| if byte < KEPT { SCALE } else { 0.0 }).collect();
            active * Tensor::from_data(TensorData::new(factors, shape), &device)
        }
    }
}

/// The way back through dropout and ReLU: a value above zero was both active and kept, so no mask has to be stored.
/// Returns the gradient with `margin` rows of zeros at both ends, and its sum over rows, the bias's gradient.
pub(crate) fn activate_backward(
    gradient: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
    margin: usize,
) -> (Tensor<2>, Tensor<2>) {
    let here = processor::holds(&gradient);
    let way = if here { processor::activate_backward } else { activate_backward_by_operations };
    way(gradient, output, scale, margin)
}

fn activate_backward_by_operations(
    gradient: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
    margin: usize,
) -> (Tensor<2>, Tensor<2>) {
    let gradient = (gradient * output.sign()).mul_scalar(scale);
    let bias = gradient.clone().sum_dim(0);
    if margin == 0 {
        return (gradient, bias);
    }
    let [_, columns] = gradient.dims();
    let zeros = Tensor::zeros([margin, columns], &gradient.device());
    (Tensor::cat(vec![zeros.clone(), gradient, zeros], 0), bias)
}

/// What one frame of an LSTM leaves.
pub(crate) struct Frame {
    /// All gates after their activations (batch, 4 · units): input, forget, cell, output.
    pub gates: Tensor<2>,
    /// The cell before, (batch, units).
    pub before: Tensor<2>,
    /// The cell after, (batch, units).
    pub cell: Tensor<2>,
    /// Hyperbolic tangent of the cell after, (batch, units).
    pub squashed: Tensor<2>,
    /// The frame's output, (batch, units).
    pub output: Tensor<2>,
}

/// One frame forwards: `share` (batch, 4 · units) from the input, `from_output` from the output before it, and the
/// cell before it.
pub(crate) fn gates(share: Tensor<2>, from_output: Option<Tensor<2>>, bias: &Tensor<2>, before: Tensor<2>) -> Frame {
    let way = if processor::holds(&share) { processor::gates } else { gates_by_operations };
    way(share, from_output, bias, before)
}

fn gates_by_operations(share: Tensor<2>, from_output: Option<Tensor<2>>, bias: &Tensor<2>, before: Tensor<2>) -> Frame {
    let [_, units] = before.dims();
    let mut sum = share + bias.clone();
    if let Some(from_output) = from_output {
        sum = sum + from_output;
    }
    let both = activation::sigmoid(sum.clone().narrow(1, 0, 2 * units));
    let candidate = sum.clone().narrow(1, 2 * units, units).tanh();
    let open = activation::sigmoid(sum.narrow(1, 3 * units, units));
    let kept = both.clone().narrow(1, units, units) * before.clone();
    let cell = kept + both.clone().narrow(1, 0, units) * candidate.clone();
    let squashed = cell.clone().tanh();
    let output = open.clone() * squashed.clone();
    Frame { gates: Tensor::cat(vec![both, candidate, open], 1), before, cell, squashed, output }
}

/// The way back through one frame: from the gradients of its output and its cell to those of the gates before their
/// activations (batch, 4 · units) and of the cell before it.
pub(crate) fn gates_backward(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let here = processor::holds(&of_output);
    let way = if here { processor::gates_backward } else { gates_backward_by_operations };
    way(frame, of_output, of_cell)
}

fn gates_backward_by_operations(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let Frame { gates, before, squashed, .. } = frame;
    let [_, units] = before.dims();
    let gate = |place: usize| gates.clone().narrow(1, place * units, units);
    let [input, forget, candidate, open] = [gate(0), gate(1), gate(2), gate(3)];
    let rising = |gate: Tensor<2>| gate.clone() - gate.clone() * gate;
    let flat = |value: Tensor<2>| (value.clone() * value).neg().add_scalar(1.0);
    let of_cell = of_cell + of_output.clone() * open.clone() * flat(squashed.clone());
    let of_gates = Tensor::cat(
        vec![
            of_cell.clone() * candidate.clone() * rising(input.clone()),
            of_cell.clone() * before * rising(forget.clone()),
            of_cell.clone() * input * flat(candidate),
            of_output * squashed * rising(open),
        ],
        1,
    );
    (of_gates, of_cell * forget)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// A matrix of numbers around zero, some far out, which differ with `seed`.
    fn matrix(rows: usize, columns: usize, seed: usize) -> Tensor<2> {
        let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 200.0 - 5.0;
        Tensor::from_data(TensorData::new((0..rows * columns).map(value).collect(), [rows, columns]), &Device::flex())
    }

    fn agree(ours: Tensor<2>, theirs: Tensor<2>) {
        assert_eq!(ours.dims(), theirs.dims());
        let [ours, theirs] = [ours, theirs].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                (ours - theirs).abs() <= 1e-5 * theirs.abs().max(1.0),
                "{ours} in one pass, {theirs} by operations"
            );
        }
    }

    #[test]
    fn activation_is_the_same_in_one_pass() {
        let bytes = Dropout::new(3).bytes(300 * 7);
        for bytes in [None, Some(bytes.as_slice())] {
            let bias = matrix(1, 7, 1);
            let output = processor::activate(matrix(300, 7, 2), &bias, bytes);
            agree(output.clone(), activate_by_operations(matrix(300, 7, 2), &bias, bytes));
            for margin in [0, 2] {
                let ours = processor::activate_backward(matrix(300, 7, 4), output.clone(), 1.25, margin);
                let theirs = activate_backward_by_operations(matrix(300, 7, 4), output.clone(), 1.25, margin);
                agree(ours.0, theirs.0);
                // Each is a sum of 300 numbers of up to 6.
                agree(ours.1.div_scalar(300.0), theirs.1.div_scalar(300.0));
            }
        }
    }

    #[test]
    fn an_lstms_frame_is_the_same_in_one_pass() {
        for from_output in [None, Some(matrix(3, 32, 5))] {
            let frame = |way: fn(Tensor<2>, Option<Tensor<2>>, &Tensor<2>, Tensor<2>) -> Frame| {
                way(matrix(3, 32, 6), from_output.clone(), &matrix(1, 32, 7), matrix(3, 8, 8))
            };
            let (ours, theirs) = (frame(processor::gates), frame(gates_by_operations));
            agree(ours.gates.clone(), theirs.gates.clone());
            agree(ours.cell.clone(), theirs.cell.clone());
            agree(ours.squashed.clone(), theirs.squashed.clone());
            agree(ours.output.clone(), theirs.output.clone());
            let ours = processor::gates_backward(ours, matrix(3, 8, 9), matrix(3, 8, 10));
            let theirs = gates_backward_by_operations(theirs, matrix(3, 8, 9), matrix(3, 8, 10));
            agree(ours.0, theirs.0);
            agree(ours.1, theirs.1);
        }
    }
}
