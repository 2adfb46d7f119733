"""Writes `crates/exposure/tests/golden.json`: gradients of a clip's loss, and the slope of a gradient match, by PyTorch in double precision.

Run from the workspace root, with PyTorch 2: python tests/reference/exposure/golden.py
The slope is that of 1 − cos(∇θ L(x), g) by the clip x, with PyTorch's own second derivatives; g is the gradient of another clip.
Weights and clips come from an integer hash, so that the test makes the same ones.
"""

import json
import math
import pathlib
import sys

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "pytorch"))
from networks import FRAMES, network, tensors, uniform  # noqa: E402

REAL_FRAMES = 20
FEATURES = 60
LABEL = 2
KEPT = 256 / 205


def fill(model):
    """As `tests/reference/pytorch/golden.py` does."""
    scales = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.LayerNorm)}
    for index, (tensor, axes) in enumerate(tensors(model)):
        shape = [tensor.shape[axis] for axis in axes]
        amplitude = math.sqrt(6 / (math.prod(shape[:-1]) + shape[-1])) if len(shape) > 1 else 0.1
        values = uniform(math.prod(shape), seed=index).astype(numpy.float64) * amplitude + (id(tensor) in scales)
        values = torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64).reshape(shape))
        with torch.no_grad():
            tensor.copy_(values.permute([axes.index(axis) for axis in range(len(axes))]))


def clip(seed):
    values = uniform(REAL_FRAMES * FEATURES, seed).astype(numpy.float64).reshape(1, REAL_FRAMES, FEATURES)
    return torch.from_numpy(values).requires_grad_()


def main():
    model = network("compact").double().eval()
    fill(model)
    # Dropout has taken every fifth unit.
    factors = torch.tensor([0.0 if unit % 5 == 0 else KEPT for unit in range(64)], dtype=torch.float64)
    learnt = [(tensor, axes) for tensor, axes in tensors(model)]

    def loss_of(x):
        padded = torch.cat([x, x.new_zeros(1, FRAMES - REAL_FRAMES, FEATURES)], 1)
        values = torch.relu(model.head[0][0](model.pooled(padded, torch.tensor([REAL_FRAMES])))) * factors
        return torch.nn.functional.cross_entropy(model.head[1](values), torch.tensor([LABEL]))

    def gradient_of(x, create_graph=False):
        gradients = torch.autograd.grad(loss_of(x), [tensor for tensor, _ in learnt], create_graph=create_graph)
        return torch.cat([one.permute(axes).reshape(-1) for one, (_, axes) in zip(gradients, learnt)])

    x, other = clip(3000), clip(3001)
    (by_input,) = torch.autograd.grad(loss_of(x), x)
    wanted = gradient_of(other).detach()
    own = gradient_of(x, create_graph=True)
    cosine = torch.dot(own, wanted) / own.norm() / wanted.norm()
    (slope,) = torch.autograd.grad(1 - cosine, x)
    plain = own.detach()
    probe = torch.from_numpy(uniform(plain.numel(), 77).astype(numpy.float64))
    golden = {
        "loss": loss_of(x).item(),
        "parameters": {"norm": plain.norm().item(), "probe": torch.dot(plain, probe).item()},
        "input": by_input.reshape(-1).tolist(),
        "cosine": cosine.item(),
        "slope": slope.reshape(-1).tolist(),
    }
    rounded = json.loads(json.dumps(golden), parse_float=lambda text: float(f"{float(text):.9g}"))
    path = pathlib.Path("crates/exposure/tests/golden.json")
    path.write_text(json.dumps(rounded) + "\n")


if __name__ == "__main__":
    main()
