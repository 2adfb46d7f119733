"""Writes how likely SciPy finds sums of paired differences where two systems are alike, and which of several chances are significant together by
Holm's procedure as statsmodels has it. `aggregator/src/experiment/statistics.rs` is held to it.

    pip install -r requirements.txt && python golden.py
"""

import json
import pathlib
import random
from importlib.metadata import version

import numpy
from scipy.stats import permutation_test
from statsmodels.stats.multitest import multipletests


def chance(differences):
    # All ways to exchange where there are no more than SciPy is told to draw.
    ways = 2 ** len(differences)
    found = permutation_test(
        (numpy.array(differences),),
        lambda values, axis: numpy.sum(values, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=ways,
        batch=2**16,
        alternative="two-sided",
    )
    return {"differences": differences, "p": float(found.pvalue)}


def main():
    draw = random.Random(0)
    drawn = [[round(draw.gauss(0.01, 0.03), 4) for _ in range(count)] for count in (4, 8, 12, 16, 20)]
    chances = [chance(differences) for differences in ([0.5, 0.25, 0.0], [0.0] * 5, [0.02] * 8, *drawn)]
    together = [
        [0.001, 0.04, 0.012, 0.2, 0.0125, 0.03],
        [0.001, 0.009, 0.012, 0.2, 0.0125, 0.03],
        [0.05],
        [0.02, 0.02],
        [round(draw.random() ** 6, 6) for _ in range(30)],
    ]
    holm = [{"p": p, "significant": multipletests(p, 0.05, "holm")[0].tolist()} for p in together]
    made = {name: version(name) for name in ("scipy", "statsmodels")}
    out = pathlib.Path(__file__).with_name("statistics.json")
    out.write_text(json.dumps({"made_by": made, "chances": chances, "holm": holm}, indent=1) + "\n")


if __name__ == "__main__":
    main()
