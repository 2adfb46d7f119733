"""Three steps of every optimiser with every term that a strategy may add, by PyTorch in double precision.

    python tests/reference/pytorch/optimisers.py

prints the table of the test in crates/models/src/learner/descent/mod.rs. The gradients are given numbers; what is
added to them is added as a loss, so that PyTorch differentiates it: μ/2 · ‖w − w₀‖² for the proximal term, ⟨c, w⟩ for
the correction.
"""

import torch

START = [1.0, -1.0, 0.5, 0.0]
GRADIENTS = [[0.5, -2.0, 1e-2, 0.0], [0.25, 1.0, -1e-2, 0.0], [-1.0, 0.5, 3e-2, 0.1]]
CORRECTION = [0.1, -0.2, 0.3, -0.4]
MU = 0.5
RATE = 0.1

for name, optimiser in [("Sgd", torch.optim.SGD), ("Adam", torch.optim.Adam)]:
    for mu in [0.0, MU]:
        for correction in [None, CORRECTION]:
            weights = torch.tensor(START, dtype=torch.float64, requires_grad=True)
            start = weights.detach().clone()
            steps = optimiser([weights], lr=RATE)
            for gradient in GRADIENTS:
                steps.zero_grad()
                loss = (torch.tensor(gradient, dtype=torch.float64) * weights).sum()
                loss = loss + mu / 2 * ((weights - start) ** 2).sum()
                if correction is not None:
                    loss = loss + (torch.tensor(correction, dtype=torch.float64) * weights).sum()
                loss.backward()
                steps.step()
            print(f"(Optimiser::{name}, {mu}, {correction is not None}, {weights.tolist()}),".lower().replace("optimiser::sgd", "Optimiser::Sgd").replace("optimiser::adam", "Optimiser::Adam"))
