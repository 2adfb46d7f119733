#!/usr/bin/env bash
# "Unweighted average recall" (UAR), the field's usual figure, of audmetric 1.4.2 and of scikit-learn 1.9.1 on the same four answers:
# truth angry, happy, sad, sad; found angry, happy, sad, neutral. Nothing is neutral, and it is found once.
#
# One would guess that packages which call the mean of the classes' recalls UAR, macro recall and balanced accuracy agree. Seen:
# - audmetric.unweighted_average_recall and scikit-learn's recall_score(average="macro") take "neutral" for a fourth class with
#   recall 0, and give 0.625; scikit-learn's balanced_accuracy_score gives 0.833, of three classes;
# - telling both packages to use the three true classes makes them differ from each other: recall_score gives 0.833, and audmetric
#   drops the answer that is none of them from the count of its own true class, and gives 1.0, as if all were right.
#
# So a model is 0.2 better or worse by the package, wherever a test speaker lacks an emotion (with folds by speaker: often).
# What follows: figures name what their mean is over, and both are given where they differ (`aggregator/src/simulator/scores.rs`).
#
# It needs python3 with venv and the network for pip. Ends with 1 if any of this has changed, with 2 where the packages can't be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check audmetric==1.4.2 scikit-learn==1.9.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import audmetric
from sklearn.metrics import balanced_accuracy_score, recall_score

truth = ["angry", "happy", "sad", "sad"]
found = ["angry", "happy", "sad", "neutral"]
true = sorted(set(truth))
seen = {
    "audmetric.unweighted_average_recall": audmetric.unweighted_average_recall(truth, found),
    "audmetric.unweighted_average_recall, labels=true classes": audmetric.unweighted_average_recall(truth, found, labels=true),
    "sklearn recall_score, macro": recall_score(truth, found, average="macro", zero_division=0),
    "sklearn recall_score, macro, labels=true classes": recall_score(truth, found, labels=true, average="macro"),
    "sklearn balanced_accuracy_score": balanced_accuracy_score(truth, found),
}
print("audmetric", version("audmetric"), "scikit-learn", version("scikit-learn"))
for name, value in seen.items():
    print(f"{value:.3f}  {name}")
expected = [0.625, 1.0, 0.625, 0.833, 0.833]
sys.exit(0 if [round(value, 3) for value in seen.values()] == expected else 1)
PYTHON
