//! A step of training against the gradient: the plan's optimiser, on the gradient and what the plan adds to it.

use burn::tensor::Tensor;

use crate::{Layout, ModelError, Optimiser, Training, adam::Adam, layers::Gradient, pull::Pull, sgd::Sgd};

/// One plan's optimiser with what it remembers.
pub(crate) struct Descent {
    rule: Rule,
    pull: Option<Pull>,
}

enum Rule {
    Adam(Adam),
    Sgd(Sgd),
}

impl Descent {
    /// Fresh, for the parameters that training starts from.
    ///
    /// # Errors
    /// A correction that does not belong to these parameters.
    pub fn new(how: &Training, start: &[Tensor<2>], layout: &Layout) -> Result<Self, ModelError> {
        let rule = match how.optimiser {
            Optimiser::Adam => Rule::Adam(Adam::new(how.learning_rate, start.len())),
            Optimiser::Sgd => Rule::Sgd(Sgd::new(how.learning_rate)),
        };
        Ok(Self { rule, pull: Pull::new(how, start, layout)? })
    }

    /// Begins a step, in which [`Descent::update`] is called once for each tensor.
    pub fn begin_step(&mut self) {
        if let Rule::Adam(adam) = &mut self.rule {
            adam.begin_step();
        }
    }

    /// Moves the tensor at `index` against its gradient.
    pub fn update(&mut self, index: usize, parameter: &mut Tensor<2>, gradient: Gradient) {
        let pull = self.pull.as_ref().map(|pull| pull.on(index));
        match &mut self.rule {
            Rule::Adam(adam) => adam.update(index, parameter, gradient, pull),
            Rule::Sgd(sgd) => sgd.update(parameter, gradient, pull),
        }
    }
}
