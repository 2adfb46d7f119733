//! What is done on the processor in one pass is what tensor operations do.

use burn::tensor::Tensor;

use super::{
    activation,
    dropout::Dropout,
    gates::{self, Frame},
};
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
fn an_lstms_frame_is_the_same_in_one_pass() {
    for from_output in [None, Some(matrix(3, 32, 5))] {
        let frame = |way: fn(Tensor<2>, Option<Tensor<2>>, &Tensor<2>, Tensor<2>) -> Frame| {
            way(matrix(3, 32, 6), from_output.clone(), &matrix(1, 32, 7), matrix(3, 8, 8))
        };
        let (ours, theirs) = (frame(gates::forward_in_one_pass), frame(gates::forward_by_operations));
        agree(ours.gates.clone(), theirs.gates.clone());
        agree(ours.cell.clone(), theirs.cell.clone());
        agree(ours.squashed.clone(), theirs.squashed.clone());
        agree(ours.output.clone(), theirs.output.clone());
        let ours = gates::backward_in_one_pass(ours, matrix(3, 8, 9), matrix(3, 8, 10));
        let theirs = gates::backward_by_operations(theirs, matrix(3, 8, 9), matrix(3, 8, 10));
        agree(ours.0, theirs.0);
        agree(ours.1, theirs.1);
    }
}

#[test]
fn gates_that_are_far_out_are_at_their_ends() {
    for far in [100.0_f32, -100.0] {
        let all = |columns| in_one_pass::matrix(2, columns, 1).zeros_like().add_scalar(far);
        for way in [gates::forward_in_one_pass, gates::forward_by_operations] {
            let frame = way(all(32), None, &matrix(1, 32, 7).zeros_like(), all(8));
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
}

#[test]
fn what_is_no_number_stays_none_behind_the_gates() {
    let none = matrix(2, 32, 1).zeros_like().add_scalar(f32::NAN);
    let frame = gates::forward_by_operations(none, None, &matrix(1, 32, 7), matrix(2, 8, 8));
    let output = frame.output.into_data().try_into_vec::<f32>().unwrap();
    assert!(output.iter().all(|value| value.is_nan()), "a network that has come apart is not hidden: {output:?}");
}
