#!/usr/bin/env bash
# pyAudioAnalysis 0.3.14 computes the 34 short-term features that much work on emotion in speech starts from; the second is "energy". One
# would guess that it says how loud a frame is (anger is louder than sadness), and that a frame's features are those of its own samples.
# `feature_extraction` first takes the whole signal's mean off and divides by the whole signal's greatest sample. Seen, on made-up sound:
# - a recording with a tenth of the loudness has the same energy (a hundredth would be right), so that how loud people speak is in no feature;
# - one loud sample in the last frame changes the energy of all frames before it, here to a quarter: a door that bangs at the end of a clip,
#   or a recording that is cut into pieces, changes what was heard a second ago.
#
# So features of a live stream are not those of the clip that it becomes, and two programs agree only if they cut at the same places.
# What follows: `Normalisation` (`crates/speech/src/features.rs`) is a value of its own, which the live view takes of the window that it looks at (`stream.rs` beside it).
#
# It needs python3 with venv and the network for pip. Ends with 1 if any of this has changed, with 2 where the packages can't be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyAudioAnalysis==0.3.14 numpy==2.4.6 scipy==1.17.1 \
  matplotlib==3.11.2 tqdm==4.70.1 hmmlearn==0.3.3 eyed3==0.9.9 pydub==0.25.1 plotly==7.1.0 imbalanced-learn==0.14.2 scikit-learn==1.9.1 pandas==3.1.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from pyAudioAnalysis import ShortTermFeatures

RATE, WINDOW, STEP = 16_000, 800, 400


def energy(samples):
    """Of each frame."""
    values, names = ShortTermFeatures.feature_extraction(samples, RATE, WINDOW, STEP)
    return values[names.index("energy")]


time = np.arange(RATE) / RATE
speech = (5000 * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * time)).astype(np.int16)
quiet = (speech // 10).astype(np.int16)
banged = speech.copy()
banged[-1] = 10_000
loud_and_quiet = energy(quiet).mean() / energy(speech).mean()
before = energy(banged)[:-1].mean() / energy(speech)[:-1].mean()
print("pyAudioAnalysis", version("pyAudioAnalysis"), "numpy", version("numpy"))
print(f"a tenth as loud: {loud_and_quiet:.3f} of the energy")
print(f"a bang in the last frame: {before:.3f} of the energy in all others")
sys.exit(0 if abs(loud_and_quiet - 1) < 0.01 and abs(before - 0.25) < 0.01 else 1)
PYTHON
