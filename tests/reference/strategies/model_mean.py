"""The means of models that a room may end with, in exact fractions: of R rounds, round r weighs r (r + 1) … (r + 7), which is what the recursion of Shamir &
Zhang (2013), section 4.2, comes to with η = 8. Writes `model_mean.json` beside itself.

    pip install numpy && python tests/reference/strategies/model_mean.py
"""

import json
import pathlib
from fractions import Fraction
from importlib.metadata import version
from math import prod

import numpy as np

ETA = 8
ROUNDS, PARAMETERS = 40, 5


def weight(r):
    return prod(range(r, r + ETA))


random = np.random.default_rng(21)
models = np.cumsum(random.normal(size=(ROUNDS, PARAMETERS), scale=0.2), axis=0).astype(np.float32).astype(float)


def mean(rounds):
    total = sum(weight(r) for r in range(1, rounds + 1))
    return [float(sum(weight(r) * Fraction(value) for r, value in enumerate(column, 1)) / total) for column in models[:rounds].T.tolist()]


table = {
    "made_by": {"numpy": version("numpy")},
    "models": models.tolist(),
    "means": [mean(rounds) for rounds in range(1, ROUNDS + 1)],
    "last": {rounds: weight(rounds) / sum(weight(r) for r in range(1, rounds + 1)) for rounds in (1, 2, 3, 20, 100, 1000)},
}
pathlib.Path(__file__).with_name("model_mean.json").write_text(json.dumps(table, indent=1) + "\n")
