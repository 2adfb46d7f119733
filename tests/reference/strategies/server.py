"""Three rounds with each strategy whose new part is the server's, computed by Flower: server.json.

Flower averages the clients' parameters, weighted by examples, and hands the mean to the strategy. Two conventions of
Flower are not those of the papers, and are set aside here: FedAdam's learning rate is corrected for the moments'
beginning, which fades with the rounds and so is gone when the rounds are counted from a million; and second moments
begin at 0, where algorithm 2 of Reddi et al. (2021) has them begin at τ².
"""

import json
import pathlib

import numpy as np
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server.strategy import FedAdagrad, FedAdam, FedAvg, FedAvgM, FedYogi

PARAMETERS = 12
EXAMPLES = [3, 10, 25, 60]
ROUNDS = 3

random = np.random.default_rng(20260301)
# Parameters of very different size, as the layers of a network have them.
sizes = np.array([1.0, 0.1, 0.001, 10.0] * (PARAMETERS // 4))


def f32(values):
    """What a client can hold, as f64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


initial = f32(random.normal(size=PARAMETERS) * sizes)
updates = [[f32(random.normal(scale=0.1, size=PARAMETERS) * sizes) for _ in EXAMPLES] for _ in range(ROUNDS)]


def rounds(strategy, first_round):
    """The published model of each round."""
    model, published = initial, []
    for number in range(ROUNDS):
        results = [
            (None, FitRes(Status(Code.OK, ""), ndarrays_to_parameters([model + update]), examples, {}))
            for update, examples in zip(updates[number], EXAMPLES)
        ]
        parameters, _ = strategy.aggregate_fit(first_round + number, results, [])
        model = parameters_to_ndarrays(parameters)[0]
        published.append(model.tolist())
    return published


def start():
    return ndarrays_to_parameters([initial])


def adaptive(strategy):
    strategy.v_t = [np.full(PARAMETERS, strategy.tau**2)]
    return rounds(strategy, first_round=1_000_000)


tau = 1e-3
moments = {"beta_1": 0.9, "beta_2": 0.99, "tau": tau}
table = {
    "initial": initial.tolist(),
    "examples": EXAMPLES,
    "updates": [[update.tolist() for update in round_] for round_ in updates],
    "strategies": [
        {"strategy": {"name": "fedavg", "server_learning_rate": 1.0}, "published": rounds(FedAvg(), 1)},
        {
            "strategy": {"name": "fedavgm", "server_learning_rate": 0.5, "momentum": 0.9},
            "published": rounds(
                FedAvgM(initial_parameters=start(), server_learning_rate=0.5, server_momentum=0.9), 1
            ),
        },
        {
            "strategy": {"name": "fedadagrad", "server_learning_rate": 0.1, "tau": tau},
            "published": adaptive(FedAdagrad(initial_parameters=start(), eta=0.1, tau=tau)),
        },
        {
            "strategy": {"name": "fedadam", "server_learning_rate": 0.01, **moments},
            "published": adaptive(FedAdam(initial_parameters=start(), eta=0.01, **moments)),
        },
        {
            "strategy": {"name": "fedyogi", "server_learning_rate": 0.02, **moments},
            "published": adaptive(FedYogi(initial_parameters=start(), eta=0.02, **moments)),
        },
    ],
}

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(table, indent=1) + "\n")
