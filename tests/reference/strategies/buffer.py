"""Buffered asynchronous aggregation (FedBuff: Nguyen et al., 2022, arXiv:2106.06639), followed step by step: buffer.json.

Clients finish in a random order. An update that started from version v and comes when version n is the present one has
the weight examples / (1 + n - v)^exponent, and a version is the weighted mean of K of them, added to the one before
(fedavg) or to a momentum (fedavgm). A client whose update started from the present version waits for the next one, and any
other begins again at once. (The paper divides the sum by K, where Chorus divides by the sum of the weights, as PAPAYA does:
Huba et al., 2022, arXiv:2111.04877, section 4.2.)
"""

import json
import pathlib

import numpy as np

PARAMETERS, VERSIONS, K, EXPONENT, MOMENTUM = 12, 8, 3, 0.5, 0.9
EXAMPLES = [3, 10, 25, 60, 7]

random = np.random.default_rng(20260302)
sizes = np.array([1.0, 0.1, 0.001, 10.0] * (PARAMETERS // 4))


def f32(values):
    return np.asarray(values, dtype=np.float32).astype(np.float64)


initial = f32(random.normal(size=PARAMETERS) * sizes)
started = dict.fromkeys(range(len(EXAMPLES)), 0)  # who trains, and from which version
waiting, buffer, events, behind = [], [], [], []
models = {"fedavg": [initial], "fedavgm": [initial]}
momentum = np.zeros(PARAMETERS)
version = 0
while version < VERSIONS:
    # The last client is slow.
    client = int(random.choice([client for client in started for _ in range(1 if client == 4 else 12)]))
    update = f32(random.normal(scale=0.1, size=PARAMETERS) * sizes)
    tau = version - started.pop(client)
    events.append({"client": client, "update": update.tolist()})
    behind.append(tau)
    buffer.append((EXAMPLES[client] / (1 + tau) ** EXPONENT, update))
    waiting.append(client) if tau == 0 else started.update({client: version})
    if len(buffer) == K:
        mean = sum(weight * update for weight, update in buffer) / sum(weight for weight, _ in buffer)
        momentum = MOMENTUM * momentum + mean
        models["fedavg"].append(models["fedavg"][-1] + mean)
        models["fedavgm"].append(models["fedavgm"][-1] + momentum)
        version, buffer = version + 1, []
        started.update({client: version for client in waiting})
        # Who began again a moment before the buffer was full trains from the new version.
        if tau > 0:
            started[client] = version
        waiting = []

assert max(behind) >= 4, behind
table = {
    "initial": initial.tolist(),
    "examples": EXAMPLES,
    "pace": {"name": "asynchronous", "buffer": K, "staleness_exponent": EXPONENT, "most_stale": VERSIONS},
    "events": events,
    "behind": behind,
    "strategies": [
        {"strategy": {"name": "fedavg", "server_learning_rate": 1.0}, "published": models["fedavg"][1:]},
        {
            "strategy": {"name": "fedavgm", "server_learning_rate": 1.0, "momentum": MOMENTUM},
            "published": models["fedavgm"][1:],
        },
    ],
}
for case in table["strategies"]:
    case["published"] = [model.tolist() for model in case["published"]]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(table, indent=1) + "\n")
