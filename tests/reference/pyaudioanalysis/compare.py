"""How far `crates/speech` is from pyAudioAnalysis on real clips.

    cargo build --release -p speech --example features_json
    python compare.py --features PATH/TO/features_json [--clips 200] FOLDER…

Each folder is searched for .wav and .flac files at 16 kHz, mono, 16-bit (ffmpeg reads them). It prints, per feature, the
greatest difference over all frames louder than the floor, and exits with 1 where one exceeds 1e-3 absolute plus 1e-3 relative.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys

import numpy as np
from pyAudioAnalysis import ShortTermFeatures

LEAST_ENERGY = 1e-5
TOLERANCE = 1e-3


def read(path):
    """16 kHz mono samples as 16-bit integers, by ffmpeg, which knows nothing of the code under test."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", required=True, help="the built example features_json")
    parser.add_argument("--clips", type=int, default=200, help="clips drawn from each folder")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    clips = []
    for folder in arguments.folders:
        found = sorted(path for path in folder.rglob("*") if path.suffix in {".wav", ".flac"})
        clips += random.Random(0).sample(found, min(arguments.clips, len(found)))
    output = subprocess.run([arguments.features, *map(str, clips)], check=True, capture_output=True, text=True).stdout

    worst = np.zeros(34)
    worst_share = np.zeros(34)
    loud_frames = quiet_frames = 0
    for path, line in zip(clips, output.splitlines(), strict=True):
        ours = np.array(json.loads(line)["frames"])
        reference, names = ShortTermFeatures.feature_extraction(read(path), 16_000, 3_200, 1_600, deltas=False)
        reference = reference.T
        if ours.shape != reference.shape or not np.isfinite(ours).all():
            sys.exit(f"{path}: {ours.shape} frames, {reference.shape} expected, finite: {np.isfinite(ours).all()}")
        loud = reference[:, 1] > LEAST_ENERGY
        loud_frames += loud.sum()
        quiet_frames += (~loud).sum()
        difference = np.abs(ours - reference)[loud]
        if len(difference):
            worst = np.maximum(worst, difference.max(axis=0))
            share = difference / (TOLERANCE + TOLERANCE * np.abs(reference[loud]))
            worst_share = np.maximum(worst_share, share.max(axis=0))

    for name, absolute, share in zip(names, worst, worst_share):
        print(f"{name:20} {absolute:10.2e}  {100 * share:8.4f} % of what is allowed")
    print(f"{len(clips)} clips, {loud_frames} frames compared, {quiet_frames} too quiet; worst: {100 * worst_share.max():.4f} % of what is allowed")
    if loud_frames == 0 or worst_share.max() > 1:
        sys.exit("the features do not agree")


if __name__ == "__main__":
    main()
