"""Writes `crates/models/tests/golden.json`: what PyTorch computes in double precision from the same weights.

Run from the workspace root, with PyTorch 2: python tests/reference/pytorch/golden.py
Weights and clips come from an integer hash, so that the test makes the same ones and the file stays small. For each
network: logits, loss, statistics of every gradient, and the loss after one and after three steps of Adam.
"""

import json
import math
import pathlib

import numpy
import torch

from networks import FEATURES, FRAMES, network, tensors, uniform

REAL_FRAMES = [100, 37, 64, 100, 9, 5]
LABELS = [0, 1, 2, 3, 1, 0]
# Of compact-text's clips the third is not heard and the fifth not read; a text has as many pieces, some of them twice.
REAL_FRAMES_READ = [100, 37, 0, 100, 9, 5]
PIECES = [30, 1, 17, 200, 0, 5]
LEARNING_RATE = 1e-3


def clips(features, real_frames):
    """Standardised clips; mean and deviation are made up too."""
    raw = uniform(len(REAL_FRAMES) * FRAMES * features, seed=1000).reshape(len(REAL_FRAMES), FRAMES, features)
    mean = uniform(features, seed=1001) / 2
    deviation = 1 + uniform(features, seed=1002) / 2
    values = (raw.astype(numpy.float64) - mean) / deviation
    for clip, frames in zip(values, real_frames):
        clip[frames:] = 0
    return torch.from_numpy(values)


def texts():
    """Numbers of buckets."""
    drawn = [uniform(pieces, seed=2000 + clip).astype(numpy.float64) for clip, pieces in enumerate(PIECES)]
    return [((numbers + 1) * 4096).astype(int).clip(0, 8191).tolist() for numbers in drawn]


def fill(model):
    """Kernels within Glorot's limits, biases within a tenth, scales of a normalisation within a tenth of one."""
    scales = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.LayerNorm)}
    for index, (tensor, axes) in enumerate(tensors(model)):
        shape = [tensor.shape[axis] for axis in axes]
        rows, columns = math.prod(shape[:-1]), shape[-1]
        amplitude = math.sqrt(6 / (rows + columns)) if len(shape) > 1 else 0.1
        values = uniform(math.prod(shape), seed=index).astype(numpy.float64) * amplitude
        values += id(tensor) in scales
        values = torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64).reshape(shape))
        back = [axes.index(axis) for axis in range(len(axes))]
        with torch.no_grad():
            tensor.copy_(values.permute(back))


def statistics(tensor, axes):
    """Enough of a tensor to tell a wrong sign, scale, order or place."""
    values = tensor.detach().permute(axes).reshape(-1).numpy()
    probe = uniform(values.size, seed=77).astype(numpy.float64)
    return {"sum": values.sum(), "squares": (values**2).sum(), "probe": (values * probe).sum(), "first": values[:3].tolist()}


def main():
    golden = {}
    labels = torch.tensor(LABELS)
    for name in ("dense", "conv", "lstm", "lstm-padded", "compact", "compact-text"):
        reads = name == "compact-text"
        real_frames = REAL_FRAMES_READ if reads else REAL_FRAMES
        inputs = [clips(FEATURES[name], real_frames), torch.tensor(real_frames)] + ([texts()] if reads else [])
        model = network(name).double().eval()
        fill(model)
        optimiser = torch.optim.Adam([tensor for tensor, _ in tensors(model)], lr=LEARNING_RATE)
        losses = []
        for step in range(4):
            logits = model(*inputs)
            loss = torch.nn.functional.cross_entropy(logits, labels)
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()
            if step == 0:
                first = {
                    "parameters": sum(tensor.numel() for tensor, _ in tensors(model)),
                    "logits": logits.detach().reshape(-1).tolist(),
                    "gradients": [statistics(tensor.grad, axes) for tensor, axes in tensors(model)],
                }
            optimiser.step()
            if step == 0:
                first["after_one_step"] = [statistics(tensor, axes) for tensor, axes in tensors(model)]
        golden[name] = {**first, "losses": losses}
        print(name, first["parameters"], losses)
    path = pathlib.Path("crates/models/tests/golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
