"""Writes the golden vectors that `crates/speech` is tested against.

For each signal of signals.py: golden/NAME.wav, and in golden/features.json the numbers that pyAudioAnalysis computes from it.

    pip install -r requirements.txt && python golden.py
"""

import json
import pathlib
import wave

from pyAudioAnalysis import ShortTermFeatures

from signals import RATE, signals

WINDOW, HOP = 3_200, 1_600
FOLDER = pathlib.Path(__file__).parent / "golden"


def main():
    FOLDER.mkdir(exist_ok=True)
    golden = {}
    for name, samples in signals().items():
        with wave.open(str(FOLDER / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, len(samples), "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
        features, names = ShortTermFeatures.feature_extraction(samples, RATE, WINDOW, HOP, deltas=False)
        golden[name] = [[float(f"{value:.8g}") for value in frame] for frame in features.T]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(frames, separators=(',', ':'))}" for name, frames in golden.items())
    text = f'{{"names": {json.dumps(names)},\n"signals": {{\n{lines}\n}}}}\n'
    (FOLDER / "features.json").write_text(text)
    print(f"{len(golden)} signals, {sum(map(len, golden.values()))} frames → {FOLDER}")


if __name__ == "__main__":
    main()
