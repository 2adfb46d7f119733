"""Checks ONNX files of Chorus models with ONNX' own checker, and what onnxruntime computes from them. What other programs make
of them, `runtimes.py` checks, and `web/check.mjs` in a browser.

    cargo run --release -p model-file --example write_onnx -- /tmp/onnx tests/reference/pyaudioanalysis/golden/*.wav
    pip install -r tests/reference/onnx/requirements.txt
    python tests/reference/onnx/check.py /tmp/onnx/*.onnx

A trained model, as it is downloaded (`cargo xtask test` leaves those of a lesson, a group's and a person's, in tests/output):

    for model in ours mine; do
      cargo run --release -p model-file --example answers -- tests/output/$model.safetensors WAV… > tests/output/$model.json
    done
    python tests/reference/onnx/check.py tests/output/ours.onnx tests/output/mine.onnx

Beside each NAME.onnx lies NAME.json with clips and what Chorus answers for them:

    {"features": [[6000 numbers, frame by frame], …], "frames": [37, …], "names": ["voice.wav", …],
     "logits": [[…], …], "probabilities": [[…], …]}

For each file it says the greatest differences, and it fails where a probability is more than 1e-4 off.
"""

import json
import sys
import time
from pathlib import Path

import numpy
import onnx
import onnxruntime

LIMIT = 1e-4


def run(session, features, frames):
    """Probabilities and logits of clips (clips, 100, 60) with so many real frames."""
    return session.run(["probabilities", "logits"], {"features": features, "frames": frames})


def check(path):
    """Prints one line about a file; True where it does what it should."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    given = json.loads(path.with_suffix(".json").read_text())
    features = numpy.array(given["features"], dtype=numpy.float32).reshape(-1, 100, 60)
    frames = numpy.array(given["frames"], dtype=numpy.int64)
    expected = {name: numpy.array(given[name]) for name in ("probabilities", "logits")}

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    probabilities, logits = run(session, features, frames)
    assert probabilities.shape == expected["probabilities"].shape
    # What stands in the padding is not looked at, and one clip at a time gives what all together give.
    spoilt = features.copy()
    for clip, real in zip(spoilt, frames):
        clip[real:] = numpy.nan
    alone = numpy.concatenate([run(session, spoilt[i : i + 1], frames[i : i + 1])[0] for i in range(len(frames))])

    begun = time.perf_counter()
    for _ in range(5):
        run(session, features[:1], frames[:1])
    milliseconds = (time.perf_counter() - begun) * 200

    difference = max(
        numpy.abs(probabilities - expected["probabilities"]).max(),
        numpy.abs(alone - expected["probabilities"]).max(),
    )
    of_logits = numpy.abs(logits - expected["logits"]).max()
    apart = numpy.ptp(expected["probabilities"], axis=0).max()
    megabytes = path.stat().st_size / 1e6
    print(
        f"{path.stem}: {len(frames)} clips whose answers are up to {apart:.2f} apart; probabilities differ by at most "
        f"{difference:.1e}, logits by {of_logits:.1e}; {megabytes:.1f} MB, {milliseconds:.1f} ms a clip in onnxruntime"
    )
    return difference <= LIMIT


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    if not files:
        sys.exit(__doc__)
    sys.exit(0 if all([check(path) for path in files]) else f"a probability is more than {LIMIT} off")
