#!/usr/bin/env bash
# Plain PCM in a WAV file that says "24 bits" and has blocks of 4 bytes, as a program writes it that puts a converter's 32-bit
# words down as they come. The header says how many bits and bytes there are, not in which of the bytes the bits stand: here in the
# low three, the sign repeated in the fourth. One would guess that readers refuse it or agree. Of a tone whose peak is 0.5,
# soundfile 0.13.1 (libsndfile) and SciPy 1.16.3 take the bits for the high ones and give 0.00195, 48 dB too quiet; FFmpeg in
# PyAV 15.1.0 takes the words for floats and gives no numbers; Python's own wave module counts three bytes a sample and gives
# noise of 4/3 the length. None of them says a word.
# What follows: such samples are read where they all fit into one end, or else refused (`loose` in
# crates/speech/src/container/format_chunk.rs), and are never offered to a browser.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.13.1 scipy==1.16.3 av==15.1.0 numpy==2.3.4 || exit 2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import math, struct, sys, wave

import av
import numpy
import scipy
import soundfile
from scipy.io import wavfile

RATE = 16_000
samples = [round(0.5 * (2**23 - 1) * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(RATE)]
data = struct.pack(f"<{RATE}i", *samples)  # the low 24 bits, sign-extended
chunk = struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)
with open("tone.wav", "wb") as file:
    file.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + chunk)
    file.write(b"data" + struct.pack("<I", len(data)) + data)


def told(read):
    try:
        sound = read()
        return f"{len(sound)} samples, peak {numpy.abs(sound).max():.3g}"
    except Exception as error:
        return f"refused: {type(error).__name__}"


def by_soundfile():
    return soundfile.read("tone.wav")[0]


def by_scipy():
    sound = wavfile.read("tone.wav")[1]
    return sound / float(2 ** (8 * sound.dtype.itemsize - 1)) if sound.dtype.kind == "i" else sound


def by_ffmpeg():
    with av.open("tone.wav") as file:
        frames = list(file.decode(audio=0))
    sound = numpy.concatenate([frame.to_ndarray().ravel() for frame in frames])
    return sound / float(2 ** (8 * sound.dtype.itemsize - 1)) if sound.dtype.kind == "i" else sound


def by_wave():
    with wave.open("tone.wav") as file:
        width, raw = file.getsampwidth(), file.readframes(file.getnframes())
    return [int.from_bytes(raw[n : n + width], "little", signed=True) / 2 ** (8 * width - 1) for n in range(0, len(raw) - width + 1, width)]


found = {name: told(read) for name, read in
         [("soundfile", by_soundfile), ("SciPy", by_scipy), ("FFmpeg", by_ffmpeg), ("wave", by_wave)]}
print("soundfile", soundfile.__version__, "| SciPy", scipy.__version__, "| PyAV", av.__version__, "| Python", sys.version.split()[0])
for name, words in found.items():
    print(f"{name:10} {words}")
EXPECTED = {
    "soundfile": "16000 samples, peak 0.00195",
    "SciPy": "16000 samples, peak 0.00195",
    "FFmpeg": "16000 samples, peak nan",
    "wave": "21333 samples, peak 0.991",
}
if found != EXPECTED:
    print("this is not what was seen before:", EXPECTED)
    sys.exit(1)
PYTHON
