//! What is done on the processor in one pass is what tensor operations do.

use burn::tensor::Tensor;

use super::{activation, dropout::Dropout, gates};
use crate::learner::in_one_pass;

/// A matrix of numbers around zero, some far out, which differ with `seed`.
fn matrix(rows: usize, columns: usize, seed: usize) -> Tensor<2> {
    in_one_pass::matrix(rows, columns, seed).mul_scalar(5.0)
}

fn agree(ours: Tensor<2>, theirs: Tensor<2>) {
    in_one_pass::agree(ours, theirs, |value| 1e-5 * value.abs().max(1.0));
}

#[test]
fn activation_is_the_same_in_one_pass() {
    let bytes = Dropout::new(3).bytes(300 * 7);
    for bytes in [None, Some(bytes.as_slice())] {
        let bias = matrix(1, 7, 1);
        let output = activation::forward_in_one_pass(matrix(300, 7, 2), &bias, bytes);
        agree(output.clone(), activation::forward_by_operations(matrix(300, 7, 2), &bias, bytes));
        for margin in [0, 2] {
            let ours = activation::backward_in_one_pass(matrix(300, 7, 4), output.clone(), 1.25, margin);
            let theirs = activation::backward_by_operations(matrix(300, 7, 4), output.clone(), 1.25, margin);
            agree(ours.0, theirs.0);
            // Each is a sum of 300 numbers of up to 6.
            agree(ours.1.div_scalar(300.0), theirs.1.div_scalar(300.0));
        }
    }
}

#[test]
fn gates_that_are_far_out_are_at_their_ends() {
    for far in [100.0_f32, -100.0] {
        let all = |columns| in_one_pass::matrix(2, columns, 1).zeros_like().add_scalar(far);
        let frame = gates::forward(all(32), None, &matrix(1, 32, 7).zeros_like(), all(8));
        let open = if far > 0.0 { 1.0 } else { 0.0 };
        let sign = far.signum();
        agree(frame.gates.clone().narrow(1, 0, 16), all(16).zeros_like().add_scalar(open));
        agree(frame.gates.clone().narrow(1, 16, 8), all(8).zeros_like().add_scalar(sign));
        agree(frame.gates.clone().narrow(1, 24, 8), all(8).zeros_like().add_scalar(open));
        // All of the cell before is kept and 1 added, or all is forgotten.
        agree(frame.cell.clone(), all(8).zeros_like().add_scalar(open * 101.0));
        agree(frame.squashed.clone(), all(8).zeros_like().add_scalar(open));
        agree(frame.output, all(8).zeros_like().add_scalar(open));
    }
}

#[test]
fn what_is_no_number_stays_none_behind_the_gates() {
    let none = matrix(2, 32, 1).zeros_like().add_scalar(f32::NAN);
    let frame = gates::forward(none, None, &matrix(1, 32, 7), matrix(2, 8, 8));
    let output = frame.output.into_data().try_into_vec::<f32>().unwrap();
    assert!(output.iter().all(|value| value.is_nan()), "a network that has come apart is not hidden: {output:?}");
}
