"""What the field's usual features reach: eGeMAPS (88 functionals of each clip) and a support vector machine, tested on
speakers who were not trained on, every speaker once.

    pip install -r requirements.txt && python baseline.py FOLDER --folds 5

FOLDER has a manifest.csv (file, speaker, emotion). Prints the unweighted average recall, pooled over all speakers, for each
setting of the machine: whoever takes the best of them chooses it on the tested speakers.
"""

import argparse
import csv
import pathlib

import numpy as np
import opensmile
import soundfile
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

EMOTIONS = ["angry", "happy", "neutral", "sad"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--folds", type=int, default=5, help="parts that the speakers are divided into (default 5)")
    chosen = arguments.parse_args()
    with open(chosen.folder / "manifest.csv", newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["emotion"] in EMOTIONS]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    features = np.vstack([smile.process_signal(*soundfile.read(chosen.folder / clip["file"])) for clip in clips])
    truth = np.array([EMOTIONS.index(clip["emotion"]) for clip in clips])
    speakers = sorted({clip["speaker"] for clip in clips})
    # Neighbours by name stay together: where women and men stand by turns, each part has as many of both.
    part = {speaker: place // 2 % chosen.folds for place, speaker in enumerate(speakers)}
    parts = [part[clip["speaker"]] for clip in clips]
    for kernel in ("linear", "rbf"):
        for cost in (0.01, 0.1, 1, 10):
            machine = make_pipeline(StandardScaler(), SVC(C=cost, kernel=kernel, class_weight="balanced"))
            found = cross_val_predict(machine, features, truth, groups=parts, cv=LeaveOneGroupOut())
            print(f"{kernel}, C {cost}: UAR {recall_score(truth, found, average='macro'):.3f}")


if __name__ == "__main__":
    main()
