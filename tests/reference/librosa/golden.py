"""Writes the golden numbers of the texture features (`crates/speech/src/texture.rs`), as librosa computes them from the
signals in ../pyaudioanalysis/golden.

    pip install -r requirements.txt && python golden.py
"""

import json
import pathlib

import librosa
import numpy as np
import scipy.fft
from scipy.io import wavfile

WINDOW, HOP, SHORT_HOP, CEPSTRA = 3_200, 1_600, 160, 13
HERE = pathlib.Path(__file__).parent
SIGNALS = HERE.parent / "pyaudioanalysis" / "golden"


def texture(samples):
    """(frames, 26): mean and deviation over each window of the cepstra of the short windows that lie in it."""
    centred = samples - samples.mean()
    normalised = centred / (np.abs(centred).max() + 1e-10)
    power = librosa.feature.melspectrogram(
        y=normalised, sr=16_000, n_fft=512, win_length=400, hop_length=SHORT_HOP,
        center=False, n_mels=40, fmin=50, fmax=8_000, htk=True,
    )
    cepstra = scipy.fft.dct(np.log(power + 1e-6), axis=0, norm="ortho")[:CEPSTRA].T
    frames = (len(samples) - WINDOW) // HOP + 1
    within = (WINDOW - 512) // SHORT_HOP + 1
    windows = [cepstra[frame * HOP // SHORT_HOP :][:within] for frame in range(frames)]
    return [[*window.mean(axis=0), *window.std(axis=0)] for window in windows]


def main():
    golden = {}
    for file in sorted(SIGNALS.glob("*.wav")):
        _, samples = wavfile.read(file)
        golden[file.stem] = [[float(f"{value:.7g}") for value in frame] for frame in texture(samples / 32_768)]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(frames, separators=(',', ':'))}" for name, frames in golden.items())
    (HERE / "texture.json").write_text(f"{{\n{lines}\n}}\n")
    print(f"{len(golden)} signals, {sum(map(len, golden.values()))} frames")


if __name__ == "__main__":
    main()
