"""What each aggregation makes of made-up rounds, computed by Flower and SciPy: aggregation.json.

Flower has Krum, Multi-Krum, the median and the trimmed mean among the aggregations of its strategies, and the clipping
of updates among its tools for differential privacy. Its trimmed mean is compared with SciPy's here, its median with
NumPy's. Its Multi-Krum weighs the chosen updates by examples, where the paper has a plain mean: all are given one example.
"""

import json
import pathlib

import numpy as np
import scipy.stats
from flwr.server.strategy.aggregate import aggregate, aggregate_krum, aggregate_median, aggregate_trimmed_avg
from flwr.supercore.differential_privacy import compute_clip_model_update

PARAMETERS = 13
CLIENTS = [3, 4, 5, 7, 10, 11]

random = np.random.default_rng(20260412)
# Parameters of very different size, as the layers of a network have them.
sizes = np.resize([1.0, 0.1, 0.001, 10.0], PARAMETERS)


def f32(values):
    """What a client can hold, as f64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def updates_of(clients):
    """Updates that have a direction in common, of which the last fifth are hostile: reversed and ten times as long."""
    common = random.normal(size=PARAMETERS)
    updates = [f32((common + random.normal(scale=0.7, size=PARAMETERS)) * sizes) for _ in range(clients)]
    for hostile in range(clients - clients // 5, clients):
        updates[hostile] = f32(-10.0 * updates[hostile])
    order = random.permutation(clients)
    return [updates[index] for index in order]


def plain(updates):
    return [([update], 1) for update in updates]


def median(updates):
    found = aggregate_median(plain(updates))[0]
    assert np.array_equal(found, np.median(updates, axis=0))
    return found


def trimmed_mean(updates, trim):
    found = aggregate_trimmed_avg(plain(updates), trim)[0]
    np.testing.assert_allclose(found, scipy.stats.trim_mean(updates, trim, axis=0), rtol=1e-12)
    return found


def clipping(updates, examples, norm):
    zeros = [np.zeros(PARAMETERS)]
    clipped = []
    for update, count in zip(updates, examples):
        parameters = [update.copy()]
        compute_clip_model_update(parameters, zeros, norm)
        clipped.append((parameters, count))
    return aggregate(clipped)[0]


def cases(updates, examples):
    count = len(updates)
    norms = [np.linalg.norm(update) for update in updates]
    yield {"name": "mean"}, aggregate([([update], n) for update, n in zip(updates, examples)])[0]
    yield {"name": "median"}, median(updates)
    for trim in (0.1, 0.2, 0.35, 0.49):
        if int(trim * count) >= 1:
            yield {"name": "trimmed_mean", "trim": trim}, trimmed_mean(updates, trim)
    yield {"name": "clipping"}, clipping(updates, examples, float(np.median(norms)))
    for norm in (0.5 * min(norms), 1.001 * sorted(norms)[1]):
        yield {"name": "clipping", "norm": norm}, clipping(updates, examples, norm)
    for faulty in range(1, (count - 3) // 2 + 1):
        yield {"name": "krum", "faulty": faulty}, aggregate_krum(plain(updates), faulty, 0)[0]
        for chosen in range(1, count - faulty - 1):
            aggregation = {"name": "multi_krum", "faulty": faulty, "chosen": chosen}
            yield aggregation, aggregate_krum(plain(updates), faulty, chosen)[0]


def round_of(clients):
    updates, examples = updates_of(clients), random.integers(1, 60, size=clients).tolist()
    return {
        "examples": examples,
        "updates": [update.tolist() for update in updates],
        "cases": [
            {"aggregation": aggregation, "direction": found.tolist()}
            for aggregation, found in cases(updates, examples)
        ],
    }


path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps([round_of(clients) for clients in CLIENTS], indent=1) + "\n")
