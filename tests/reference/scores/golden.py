"""Writes what scikit-learn and audmetric say of found labels beside true ones, over all labels that either has and over the
true ones alone. `aggregator/src/simulator/scores.rs` is held to it.

    pip install -r requirements.txt && python golden.py
"""

import json
import pathlib
import random
import warnings
from importlib.metadata import version

import audmetric
from sklearn import metrics

LABELS = 4


def case(truth, found):
    true = sorted(set(truth))
    macro = {"average": "macro", "zero_division": 0}
    with warnings.catch_warnings():
        # Both packages warn of labels without a test clip, which are the point here.
        warnings.simplefilter("ignore")
        return {
            "truth": truth,
            "found": found,
            "sklearn_accuracy": metrics.accuracy_score(truth, found),
            "sklearn_balanced_accuracy": metrics.balanced_accuracy_score(truth, found),
            "sklearn_recall_macro": metrics.recall_score(truth, found, **macro),
            "sklearn_precision_macro": metrics.precision_score(truth, found, **macro),
            "sklearn_f1_macro": metrics.f1_score(truth, found, **macro),
            "sklearn_recall_of_true_labels": metrics.recall_score(truth, found, labels=true, **macro),
            "sklearn_precision_of_true_labels": metrics.precision_score(truth, found, labels=true, **macro),
            "sklearn_f1_of_true_labels": metrics.f1_score(truth, found, labels=true, **macro),
            "audmetric_uar": audmetric.unweighted_average_recall(truth, found),
        }


def main():
    draw = random.Random(0)
    cases = [
        case([0, 1, 3, 3], [0, 1, 3, 2]),  # nothing is 2, and once it is found
        case([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3], [0, 0, 1, 3, 1, 0, 1, 0, 0, 3, 3, 3, 1, 0]),
        case([1, 1, 1], [1, 1, 1]),
        case([0, 1, 2, 3], [1, 2, 3, 0]),
        case([2, 2, 2, 2], [0, 1, 2, 3]),
    ]
    for true_labels in (2, 3, 4, 4):
        truth = [draw.randrange(true_labels) for _ in range(40)]
        cases.append(case(truth, [label if draw.random() < 0.6 else draw.randrange(LABELS) for label in truth]))
    made = {name: version(name) for name in ("audmetric", "scikit-learn")}
    out = pathlib.Path(__file__).with_name("scores.json")
    out.write_text(json.dumps({"made_by": made, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
