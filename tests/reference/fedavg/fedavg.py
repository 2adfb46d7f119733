"""Two rounds of federated averaging, computed by Flower, as the reference for the coordinator's rounds.

    pip install flwr numpy && python tests/reference/fedavg/fedavg.py

writes fedavg.json beside this file. Flower averages the clients' *parameters* weighted by examples, while the
coordinator adds the weighted mean of their *differences*: two ways to the same numbers.
"""

import json
import pathlib

import numpy as np
from flwr.server.strategy.aggregate import aggregate

PARAMETERS = 12
EXAMPLES = [3, 10, 25, 60, 200]
ROUNDS = 2

random = np.random.default_rng(20260101)
# Parameters of very different size, as the layers of a network have them.
sizes = np.array([1.0, 0.1, 0.001, 10.0] * (PARAMETERS // 4))


def f32(values):
    """What a client can hold, as f64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


model = f32(random.normal(size=PARAMETERS) * sizes)
table = {"initial": model.tolist(), "examples": EXAMPLES, "rounds": []}
for _ in range(ROUNDS):
    trained = [f32(model + random.normal(scale=0.1, size=PARAMETERS) * sizes) for _ in EXAMPLES]
    model = aggregate([([parameters], examples) for parameters, examples in zip(trained, EXAMPLES)])[0]
    table["rounds"].append({"trained": [parameters.tolist() for parameters in trained], "published": model.tolist()})
    model = f32(model)

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(table, indent=1) + "\n")
