//! Arithmetic value by value, between the matrix products.

use burn::tensor::{Tensor, TensorData, activation};

use crate::dropout::{Dropout, KEPT, SCALE};

/// ReLU of `product` + `bias` (1, columns), then dropout where it is given. Returns also what kept values were
/// multiplied by.
pub(crate) fn activate(
    product: Tensor<2>,
    bias: &Tensor<2>,
    dropout: Option<&mut Dropout>,
) -> (Tensor<2>, f32) {
    let [rows, columns] = product.dims();
    let device = product.device();
    let active = activation::relu(product + bias.clone());
    match dropout {
        None => (active, 1.0),
        Some(dropout) => {
            let bytes = dropout.bytes(rows * columns);
            let factors: Vec<f32> = bytes
                .iter()
                .map(|&byte| if byte < KEPT { SCALE } else { 0.0 })
                .collect();
            (
                active * Tensor::from_data(TensorData::new(factors, [rows, columns]), &device),
                SCALE,
            )
        }
    }
}

/// The way back through dropout and ReLU: a value above zero was both active and kept, so no mask has to be stored.
pub(crate) fn activate_backward(gradient: Tensor<2>, output: &Tensor<2>, scale: f32) -> Tensor<2> {
    (gradient * output.clone().sign()).mul_scalar(scale)
}

/// One frame's gates after their activations, and the cell before and after.
pub(crate) struct Gates {
    input: Tensor<2>,
    forget: Tensor<2>,
    candidate: Tensor<2>,
    open: Tensor<2>,
    before: Tensor<2>,
    cell: Tensor<2>,
    squashed: Tensor<2>,
}

impl Gates {
    /// The unit's output, (batch, units).
    pub fn output(&self) -> Tensor<2> {
        self.open.clone() * self.squashed.clone()
    }

    /// The cell after this frame, (batch, units).
    pub fn cell(&self) -> Tensor<2> {
        self.cell.clone()
    }
}

/// One frame: `share` (batch, 4 · units) from the input, `from_before` from the output before it, and the cell.
pub(crate) fn gates(
    share: Tensor<2>,
    from_before: Option<Tensor<2>>,
    bias: &Tensor<2>,
    before: Tensor<2>,
) -> Gates {
    let [_, units] = before.dims();
    let mut sum = share + bias.clone();
    if let Some(from_before) = from_before {
        sum = sum + from_before;
    }
    let quarter = |gate| sum.clone().narrow(1, gate * units, units);
    let input = activation::sigmoid(quarter(0));
    let forget = activation::sigmoid(quarter(1));
    let candidate = quarter(2).tanh();
    let open = activation::sigmoid(quarter(3));
    let cell = forget.clone() * before.clone() + input.clone() * candidate.clone();
    let squashed = cell.clone().tanh();
    Gates {
        input,
        forget,
        candidate,
        open,
        before,
        cell,
        squashed,
    }
}

/// The way back through one frame: from the gradients of its output and its cell to those of the gates before their
/// activations (batch, 4 · units) and of the cell before it.
pub(crate) fn gates_backward(
    gates: Gates,
    of_output: Tensor<2>,
    of_cell: Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    let Gates {
        input,
        forget,
        candidate,
        open,
        before,
        squashed,
        ..
    } = gates;
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
