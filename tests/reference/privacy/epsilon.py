#!/usr/bin/env python3
"""Golden privacy budgets: epsilon of T rounds of the Gaussian mechanism, by dp-accounting's PLD and RDP accountants.

    python -m venv v && v/bin/pip install dp-accounting==0.6.0 && v/bin/python epsilon.py > epsilon.json

z is noise standard deviation / L2 sensitivity of the *sum* under the stated relation. q is the chance with which each
client takes part in a round, independently of all others (Poisson). Relation: add or remove one client, unless said.
"""
import json
import logging
import platform
import sys
from importlib.metadata import version

import numpy
import scipy
from dp_accounting import (GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent,
                           SampledWithoutReplacementDpEvent, SelfComposedDpEvent)
from dp_accounting import gaussian_mechanism
from dp_accounting.pld import PLDAccountant, privacy_loss_distribution
from dp_accounting.rdp import RdpAccountant

logging.disable(logging.WARNING)
Z = [0.5, 0.8, 1.0, 1.5, 2.0, 4.0]
Q = [1.0, 0.5, 0.1]
ROUNDS = [1, 10, 20, 50, 200]
DELTAS = [1e-5, 1e-4]
INTERVAL = 1e-4
WHOLE_ORDERS = [*range(2, 65), 128, 256, 512, 1024]


def event(z, q, rounds):
    one = GaussianDpEvent(z) if q == 1.0 else PoissonSampledDpEvent(q, GaussianDpEvent(z))
    return SelfComposedDpEvent(one, rounds)


def optimistic(z, q, rounds):
    """A lower bound of epsilon: the same distribution with every privacy loss rounded down."""
    if q == 1.0:
        return privacy_loss_distribution.from_gaussian_mechanism(
            z / rounds**0.5, pessimistic_estimate=False, value_discretization_interval=INTERVAL)
    return privacy_loss_distribution.from_gaussian_mechanism(
        z, pessimistic_estimate=False, value_discretization_interval=INTERVAL, sampling_prob=q).self_compose(rounds)


rows = []
for z in Z:
    for q in Q:
        for rounds in ROUNDS:
            pld = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=INTERVAL)
            pld.compose(event(z, q, rounds))
            rdp = RdpAccountant(neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE)
            rdp.compose(event(z, q, rounds))
            whole = RdpAccountant(WHOLE_ORDERS, NeighboringRelation.ADD_OR_REMOVE_ONE)
            whole.compose(event(z, q, rounds))
            low = optimistic(z, q, rounds)
            for delta in DELTAS:
                epsilon, order = rdp.get_epsilon_and_optimal_order(delta)
                row = {"z": z, "q": q, "rounds": rounds, "delta": delta,
                       "pld": float(pld.get_epsilon(delta)), "pld_low": float(low.get_epsilon_for_delta(delta)),
                       "rdp": float(epsilon), "rdp_order": float(order),
                       "rdp_least_order": float(rdp.orders[numpy.isfinite(rdp.rdp)].min()),
                       "rdp_whole_orders": float(whole.get_epsilon(delta))}
                if q == 1.0:
                    row["analytic"] = float(gaussian_mechanism.get_epsilon_gaussian(z / rounds**0.5, delta))
                rows.append(row)
            print(z, q, rounds, file=sys.stderr, flush=True)

# One client's data replaced by another's, everybody in every round: what each accountant says, and the tight value.
replaced = []
for z in Z:
    for rounds in (1, 20):
        pld = PLDAccountant(NeighboringRelation.REPLACE_ONE, value_discretization_interval=INTERVAL)
        pld.compose(event(z, 1.0, rounds))
        rdp = RdpAccountant(neighboring_relation=NeighboringRelation.REPLACE_ONE)
        rdp.compose(event(z, 1.0, rounds))
        for delta in DELTAS:
            replaced.append({"z": z, "rounds": rounds, "delta": delta, "pld": float(pld.get_epsilon(delta)),
                             "rdp": float(rdp.get_epsilon(delta)),
                             "analytic_sensitivity_2": float(gaussian_mechanism.get_epsilon_gaussian(z / 2 / rounds**0.5, delta))})

# A fixed number of clients drawn without replacement: only the RDP accountant knows it, and its bound is no tighter
# than not sampling at all where the share is large.
drawn = []
for chosen in (3, 10, 15, 20, 25, 29, 30):
    for rounds in (20, 50):
        rdp = RdpAccountant(neighboring_relation=NeighboringRelation.REPLACE_ONE)
        rdp.compose(SelfComposedDpEvent(SampledWithoutReplacementDpEvent(30, chosen, GaussianDpEvent(1.0)), rounds))
        for delta in DELTAS:
            drawn.append({"z": 1.0, "clients": 30, "chosen": chosen, "rounds": rounds, "delta": delta,
                          "rdp": float(rdp.get_epsilon(delta))})

# The least z for a wanted epsilon, everybody in every round.
wanted = [{"epsilon": e, "rounds": t, "delta": d, "z": float(gaussian_mechanism.get_sigma_gaussian(e, d) * t**0.5)}
          for e in (0.5, 1, 2, 4, 8, 16) for t in (1, 20, 50) for d in DELTAS]

json.dump({
    "what": "epsilon of `rounds` Gaussian releases with noise multiplier z; q = 1: GaussianDpEvent, else PoissonSampledDpEvent",
    "relation": "ADD_OR_REMOVE_ONE in `rows` and `least_z`; REPLACE_ONE in `replace_one` and `without_replacement`",
    "columns": {
        "pld": f"PLDAccountant(ADD_OR_REMOVE_ONE, value_discretization_interval={INTERVAL}); an upper bound",
        "pld_low": "privacy_loss_distribution.from_gaussian_mechanism(pessimistic_estimate=False): a lower bound; the truth lies between",
        "rdp": "RdpAccountant() with its default orders; an upper bound; orders whose series does not converge are left out",
        "rdp_least_order": "the least of the default orders (1.1 is the least of all) that was not left out; where rdp_order equals it, rdp is "
                           "looser than an accountant's that computes the lower orders",
        "rdp_whole_orders": f"RdpAccountant(orders=2 to 64, 128, 256, 512, 1024): nothing is left out",
        "analytic": "gaussian_mechanism.get_epsilon_gaussian(z / sqrt(rounds), delta): exact (Balle & Wang 2018, arXiv:1805.06530)",
    },
    "versions": {"dp-accounting": version("dp-accounting"), "numpy": numpy.__version__, "scipy": scipy.__version__,
                 "python": platform.python_version()},
    "rows": rows, "replace_one": replaced, "without_replacement": drawn, "least_z": wanted,
}, sys.stdout, indent=1)
