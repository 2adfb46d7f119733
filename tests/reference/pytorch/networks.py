"""The networks in plain PyTorch, with the parameters of `crates/models` in the same order.

PyTorch keeps a kernel's axes in another order than Keras and `crates/models` do; `tensors` gives the axes that
translate.
"""

import numpy
import torch
from torch import nn

FRAMES = 100
FEATURES = {"dense": 34, "conv": 34, "lstm": 34, "lstm-padded": 34, "compact": 60, "compact-text": 60}  # of each frame
RATE = 1 - 205 / 256  # dropout, as crates/models/src/learner/operations/dropout.rs has it


class Convolutions(nn.Sequential):
    """(clips, features, frames) through convolutions 3 frames wide, each with ReLU and dropout."""

    def __init__(self, *channels):
        layers = []
        for inputs, outputs in zip(channels, channels[1:]):
            layers += [nn.Conv1d(inputs, outputs, 3), nn.ReLU(), nn.Dropout(RATE)]
        super().__init__(*layers)


def dense(inputs, outputs, dropout=True):
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(RATE if dropout else 0.0))


class Flattened(nn.Module):
    """`dense` and `conv`: convolutions, flattened frame by frame, then dense layers."""

    def __init__(self, channels, head):
        super().__init__()
        self.convolutions = Convolutions(*channels)
        self.head = nn.Sequential(*head)

    def forward(self, clips, frames):
        return self.head(self.convolutions(clips.transpose(1, 2)).transpose(1, 2).flatten(1))


class Recurrent(nn.Module):
    """`lstm`, read at each clip's last real frame, or at frame 100 where `padded`; PyTorch's second bias stays zero
    and is not learnt."""

    def __init__(self, labels, padded):
        super().__init__()
        self.padded = padded
        self.first = nn.LSTM(34, 512, batch_first=True)
        self.second = nn.LSTM(512, 512, batch_first=True)
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.bias_hh_l0).requires_grad_(False)
        self.head = nn.Sequential(dense(512, 512, dropout=False), nn.Linear(512, labels))

    def forward(self, clips, frames):
        sequence, _ = self.first(clips)
        sequence, _ = self.second(sequence)
        read = torch.full_like(frames, FRAMES) if self.padded else frames
        return self.head(sequence[torch.arange(len(read)), read - 1])


class Normalised(nn.Sequential):
    """A convolution, ReLU and layer normalisation of each frame; frames before channels."""

    def __init__(self, inputs, outputs):
        super().__init__(nn.Conv1d(inputs, outputs, 3), nn.ReLU(), nn.LayerNorm(outputs))

    def forward(self, rows):
        convolution, relu, norm = self
        return norm(relu(convolution(rows.transpose(1, 2))).transpose(1, 2))


class Pooled(nn.Module):
    """`compact`: convolutions, then mean and deviation over the frames that saw real frames alone."""

    def __init__(self, channels, head):
        super().__init__()
        self.convolutions = nn.Sequential(*[Normalised(*pair) for pair in zip(channels, channels[1:])])
        self.head = nn.Sequential(*head)

    def forward(self, clips, frames):
        return self.head(self.pooled(clips, frames))

    def pooled(self, clips, frames):
        rows = self.convolutions(clips)
        real = (frames - (FRAMES - rows.shape[1])).clamp(min=1)
        weights = (torch.arange(rows.shape[1]) < real[:, None]).to(rows.dtype)[..., None] / real[:, None, None]
        mean = (rows * weights).sum(1)
        variance = ((rows - mean[:, None]) ** 2 * weights).sum(1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], 1)


class Fused(Pooled):
    """`compact-text`: `compact` up to its last dense layer beside a bag of embeddings, and a gate between their logits. A clip
    of no frames is not heard, one of no buckets not read."""

    def __init__(self, channels, head, labels, buckets=1 << 13, width=16):
        super().__init__(channels, head)
        inputs = head[-1][0].out_features
        self.voice = nn.Linear(inputs, labels)
        self.embedding = nn.Embedding(buckets, width)
        self.norm = nn.LayerNorm(width)
        self.text = nn.Linear(width, labels)
        self.gate = nn.Linear(inputs + width, 1)

    def forward(self, clips, frames, texts):
        values = super().forward(clips, frames)
        bags = [self.embedding(torch.tensor(text)).mean(0) if text else self.embedding.weight.new_zeros(16) for text in texts]
        said = self.norm(torch.stack(bags))
        gate = torch.sigmoid(self.gate(torch.cat([values, said], 1)))
        read = torch.tensor([bool(text) for text in texts])[:, None]
        gate = torch.where(read, torch.where((frames > 0)[:, None], gate, 0.0), 1.0)
        return gate * self.voice(values) + (1 - gate) * self.text(said)


def network(name, labels=4):
    """A network by name, with PyTorch's own first parameters."""
    if name == "dense":
        return Flattened((34, 512), [dense(98 * 512, 512), dense(512, 512), nn.Linear(512, labels)])
    if name == "conv":
        return Flattened((34, 512, 128, 128, 64), [dense(92 * 64, 256), nn.Linear(256, labels)])
    if name in ("lstm", "lstm-padded"):
        return Recurrent(labels, padded=name == "lstm-padded")
    if name == "compact":
        return Pooled((60, 64, 64, 64), [dense(128, 64), nn.Linear(64, labels)])
    if name == "compact-text":
        return Fused((60, 64, 64, 64), [dense(128, 64)], labels)
    raise ValueError(f"no network is called {name}")


def tensors(model):
    """The learnt tensors in the order of the flat vector, each with the axes that turn PyTorch's order into ours."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d):
            yield module.weight, (2, 1, 0)
            yield module.bias, (0,)
        elif isinstance(module, nn.LSTM):
            yield module.weight_ih_l0, (1, 0)
            yield module.weight_hh_l0, (1, 0)
            yield module.bias_ih_l0, (0,)
        elif isinstance(module, nn.LayerNorm):
            yield module.weight, (0,)
            yield module.bias, (0,)
        elif isinstance(module, nn.Embedding):
            yield module.weight, (0, 1)
        elif isinstance(module, nn.Linear):
            yield module.weight, (1, 0)
            yield module.bias, (0,)


def uniform(count, seed):
    """`count` numbers between −1 and 1 by an integer hash (Wellons' lowbias32), as tests in crates/models make them."""
    value = numpy.arange(count, dtype=numpy.uint32) + numpy.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    value ^= value >> numpy.uint32(16)
    value *= numpy.uint32(0x7FEB352D)
    value ^= value >> numpy.uint32(15)
    value *= numpy.uint32(0x846CA68B)
    value ^= value >> numpy.uint32(16)
    return (value.astype(numpy.float64) / 2**31 - 1).astype(numpy.float32)
