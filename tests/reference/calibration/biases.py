"""Three steps of Adam on the biases of a softmax alone, from logits that PyTorch computed: what tuning by calibration does.

    python tests/reference/calibration/biases.py

prints how far each bias moved, for the test in crates/models/src/learner/golden.rs. Only Python's own library is needed: the logits are
those of `lstm` in crates/models/tests/golden.json (tests/reference/pytorch/golden.py); a bias that moves by b adds b to its column. The
gradient of the mean cross entropy by a column is the mean of probability minus truth (Bishop 2006, equation 4.109); Adam is algorithm 1
of Kingma & Ba 2015.
"""

import json
import math
import pathlib

TRUTH = [0, 1, 2, 3, 1, 0]
RATE, BETA_1, BETA_2, EPSILON = 0.05, 0.9, 0.999, 1e-8

golden = json.loads((pathlib.Path(__file__).parents[3] / "crates/models/tests/golden.json").read_text())
logits = golden["lstm"]["logits"]
rows = [logits[start : start + 4] for start in range(0, len(logits), 4)]
moved, first, second = [0.0] * 4, [0.0] * 4, [0.0] * 4
for step in range(1, 4):
    gradient = [0.0] * 4
    for row, truth in zip(rows, TRUTH):
        exponentials = [math.exp(logit + bias) for logit, bias in zip(row, moved)]
        for label in range(4):
            gradient[label] += (exponentials[label] / sum(exponentials) - (label == truth)) / len(rows)
    for label in range(4):
        first[label] = BETA_1 * first[label] + (1 - BETA_1) * gradient[label]
        second[label] = BETA_2 * second[label] + (1 - BETA_2) * gradient[label] ** 2
        mean, square = first[label] / (1 - BETA_1**step), second[label] / (1 - BETA_2**step)
        moved[label] -= RATE * mean / (math.sqrt(square) + EPSILON)
print(moved)
