"""SCAFFOLD, FedNova and FedProx from the papers' algorithms, in numpy and double precision: clients.json.

Each client has a quadratic loss, f(w) = ½ Σ h (w − o)², whose gradient is h (w − o), and takes its own number of local
steps. The algorithms are written as their papers print them, with clients that keep their own control variates, and
not as Chorus computes them.
"""

import json
import pathlib

import numpy as np

PARAMETERS = 6
RATE = 0.05
ROUNDS = 4
STEPS = [2, 5, 9]
EXAMPLES = [10, 30, 20]

random = np.random.default_rng(20260302)
initial = random.normal(size=PARAMETERS).astype(np.float32).astype(np.float64)
curvatures = [random.uniform(0.5, 2.0, size=PARAMETERS) for _ in STEPS]
optima = [random.normal(size=PARAMETERS) for _ in STEPS]


def gradient(client, w):
    return curvatures[client] * (w - optima[client])


def scaffold(server_rate, present):
    """Karimireddy et al. (2020), algorithm 1, option II; `present` lists the clients S of each round."""
    x, c = initial.copy(), np.zeros(PARAMETERS)
    own = [np.zeros(PARAMETERS) for _ in STEPS]
    rounds = []
    for sampled in present:
        moved, changed = [], []
        for i in sampled:
            y = x.copy()
            for _ in range(STEPS[i]):
                y = y - RATE * (gradient(i, y) - own[i] + c)
            new = own[i] - c + (x - y) / (STEPS[i] * RATE)
            moved.append(y - x)
            changed.append(new - own[i])
            own[i] = new
        x = x + server_rate * np.mean(moved, axis=0)
        c = c + len(sampled) / len(STEPS) * np.mean(changed, axis=0)
        rounds.append({"published": x.tolist(), "control_variate": c.tolist(), "own": [each.tolist() for each in own]})
    return rounds


def fednova():
    """Wang et al. (2020), normalised averaging: d_i is the normalised gradient, for plain SGD the mean of the local gradients."""
    x, rounds = initial.copy(), []
    p = np.array(EXAMPLES) / sum(EXAMPLES)
    for _ in range(ROUNDS):
        directions = []
        for i, steps in enumerate(STEPS):
            y, gradients = x.copy(), []
            for _ in range(steps):
                gradients.append(gradient(i, y))
                y = y - RATE * gradients[-1]
            directions.append(np.mean(gradients, axis=0))
        effective = float(np.dot(p, STEPS))
        x = x - effective * RATE * np.einsum("i,ij->j", p, np.array(directions))
        rounds.append({"published": x.tolist()})
    return rounds


def fedprox(mu):
    """Li et al. (2020), equation 2, with each client's local problem worked on by gradient descent."""
    x, rounds = initial.copy(), []
    p = np.array(EXAMPLES) / sum(EXAMPLES)
    for _ in range(ROUNDS):
        trained = []
        for i, steps in enumerate(STEPS):
            w = x.copy()
            for _ in range(steps):
                w = w - RATE * (gradient(i, w) + mu * (w - x))
            trained.append(w)
        x = np.einsum("i,ij->j", p, np.array(trained))
        rounds.append({"published": x.tolist()})
    return rounds


everyone = [[0, 1, 2]] * ROUNDS
some = [[0, 1, 2], [0, 2], [1], [1, 2]]
table = {
    "initial": initial.tolist(),
    "learning_rate": RATE,
    "steps": STEPS,
    "examples": EXAMPLES,
    "curvatures": [each.tolist() for each in curvatures],
    "optima": [each.tolist() for each in optima],
    "cases": [
        {"strategy": {"name": "scaffold", "server_learning_rate": 1.0}, "present": everyone, "rounds": scaffold(1.0, everyone)},
        {"strategy": {"name": "scaffold", "server_learning_rate": 0.7}, "present": some, "rounds": scaffold(0.7, some)},
        {"strategy": {"name": "fednova"}, "present": everyone, "rounds": fednova()},
        {"strategy": {"name": "fedprox", "mu": 0.5}, "present": everyone, "rounds": fedprox(0.5)},
    ],
}

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(table, indent=1) + "\n")
