#!/usr/bin/env bash
# Flower 1.42.0's FedAdam says that it corrects its learning rate for the moments' beginning as Adam does (Kingma & Ba, 2014,
# arXiv:1412.6980), and takes `eta_l`, "client-side learning rate". One would guess that its first step is as long as Adam's, whose steps
# are all of length eta where every round's update is the same, and that clients learn by eta_l. Seen, with eta 1 and such updates:
# - steps of 0.742, 0.857, 0.908, 0.937: rounds are counted from 1 and one more is added, so that the first is corrected as Adam's second;
# - eta_l reaches nobody: with 0.1 and with 0.000001 clients are told the same (nothing), and the same model comes out.
#
# So a room of few rounds trains more slowly than with Adam of that name elsewhere, and a search over eta_l compares a model with itself.
# What follows: Flower's numbers are an oracle only from rounds where the correction is over (`tests/reference/strategies/server.py`), and
# a client's learning rate is said to the client (`crates/protocol/src/room.rs`).
#
# It needs python3 with venv and the network for pip. Ends with 1 if any of this has changed, with 2 where the packages can't be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check flwr==1.42.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

import numpy as np
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import SimpleClientManager
from flwr.server.client_proxy import ClientProxy
from flwr.server.strategy import FedAdam

logging.disable(logging.CRITICAL)


class Client(ClientProxy):
    """One that is only ever told something."""

    def get_properties(self, *_):
        raise NotImplementedError

    get_parameters = fit = evaluate = reconnect = get_properties


def run(eta_l):
    """Four steps of a model of one number whose clients always find it 0.5 too small, and what clients are told."""
    start = ndarrays_to_parameters([np.zeros(1)])
    strategy = FedAdam(initial_parameters=start, eta=1.0, eta_l=eta_l, tau=1e-12, min_fit_clients=1, min_available_clients=1)
    clients = SimpleClientManager()
    clients.register(Client("1"))
    steps, told, model, parameters = [], [], 0.0, start
    for number in range(1, 5):
        told += [fit.config for _, fit in strategy.configure_fit(number, parameters, clients)]
        local = ndarrays_to_parameters([np.full(1, model + 0.5)])
        parameters, _ = strategy.aggregate_fit(number, [(None, FitRes(Status(Code.OK, ""), local, 1, {}))], [])
        after = float(parameters_to_ndarrays(parameters)[0][0])
        steps.append(after - model)
        model = after
    return steps, told


def adam():
    """The same four steps by Kingma and Ba's algorithm 1."""
    m = v = 0.0
    for number in range(1, 5):
        m, v = 0.9 * m + 0.1 * 0.5, 0.99 * v + 0.01 * 0.25
        yield (m / (1 - 0.9**number)) / np.sqrt(v / (1 - 0.99**number))


usual, tiny = run(0.1), run(1e-6)
print("flwr", version("flwr"), "numpy", version("numpy"))
print("Adam   ", *(f"{step:.3f}" for step in adam()))
print("FedAdam", *(f"{step:.3f}" for step in usual[0]), "with eta_l 0.1; clients are told", usual[1][0])
print("FedAdam", *(f"{step:.3f}" for step in tiny[0]), "with eta_l 0.000001; clients are told", tiny[1][0])
same = [round(step, 3) for step in usual[0]] == [0.742, 0.857, 0.908, 0.937] and all(abs(step - 1) < 1e-9 for step in adam())
sys.exit(0 if same and usual == tiny and not any(usual[1]) else 1)
PYTHON
