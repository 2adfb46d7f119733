"""Runs ONNX files of Chorus models in whatever people run such files in, with a batch of a fixed size, as small programs want
it: ONNX' own reference evaluator, onnxruntime, OpenVINO, OpenCV and tract. `web/check.mjs` does it in a browser.

    cargo run --release -p model-file --example write_onnx -- /tmp/onnx tests/reference/pyaudioanalysis/golden/*.wav
    python -m venv /tmp/runtimes
    /tmp/runtimes/bin/pip install -r tests/reference/onnx/runtimes.txt
    /tmp/runtimes/bin/python tests/reference/onnx/runtimes.py /tmp/onnx/*.onnx

What lies beside each file, and how trained models get there, is said in `check.py`. For each file and each program it says how
far the probabilities are from those of Chorus, and it fails where one is more than 1e-6 off or a program does not take the file.
"""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy
import onnx
import onnxruntime
import openvino
import tract
from onnx.reference import ReferenceEvaluator

LIMIT = 1e-6
BATCH = 8


def reference(path):
    """The evaluator that comes with ONNX, in plain numpy."""
    evaluator = ReferenceEvaluator(str(path))
    return lambda features, frames: evaluator.run(["probabilities"], {"features": features, "frames": frames})[0]


def in_onnxruntime(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda features, frames: session.run(["probabilities"], {"features": features, "frames": frames})[0]


def in_openvino(path):
    # By itself it takes 16 bits for a number where a processor has them.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", exact)
    return lambda features, frames: compiled({"features": features, "frames": frames})["probabilities"]


def in_opencv(path):
    network = cv2.dnn.readNetFromONNX(str(path))

    def run(features, frames):
        network.setInput(features, "features")
        network.setInput(frames, "frames")
        return network.forward("probabilities")

    return run


def in_tract(path):
    model = tract.onnx().load(str(path)).into_model().into_runnable()
    return lambda features, frames: model.run([features, frames])[0].to_numpy()


PROGRAMS = [
    ("reference evaluator", "onnx", reference),
    ("onnxruntime", "onnxruntime", in_onnxruntime),
    ("OpenVINO", "openvino", in_openvino),
    ("OpenCV", "opencv-python-headless", in_opencv),
    ("tract", "tract", in_tract),
]


def with_fixed_batch(path, folder):
    """The same model for so many clips at a time and no others."""
    model = onnx.load(path)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = BATCH
    onnx.checker.check_model(model, full_check=True)
    fixed = Path(folder) / path.name
    onnx.save(model, fixed)
    return fixed


def batches(features, frames):
    """All clips, BATCH at a time; the last batch is filled up with the last clip."""
    for start in range(0, len(frames), BATCH):
        rows = numpy.minimum(numpy.arange(start, start + BATCH), len(frames) - 1)
        yield features[rows], frames[rows]


def difference(load, path, features, frames, expected):
    """The greatest difference of a probability, and the seconds that a batch takes."""
    run = load(path)
    answers, begun = [], time.perf_counter()
    for batch in batches(features, frames):
        answers.append(numpy.array(run(*batch)).reshape(BATCH, -1))
    seconds = (time.perf_counter() - begun) / len(answers)
    found = numpy.concatenate(answers)[: len(frames)]
    assert found.shape == expected.shape, f"an answer of {found.shape}"
    return numpy.abs(found - expected).max(), seconds


def check(path):
    """Prints a line a program; True where all of them do what they should."""
    given = json.loads(path.with_suffix(".json").read_text())
    features = numpy.array(given["features"], dtype=numpy.float32).reshape(-1, 100, 60)
    frames = numpy.array(given["frames"], dtype=numpy.int64)
    expected = numpy.array(given["probabilities"])
    good = True
    with tempfile.TemporaryDirectory() as folder:
        fixed = with_fixed_batch(path, folder)
        for name, package, load in PROGRAMS:
            try:
                greatest, seconds = difference(load, fixed, features, frames, expected)
                word = "ok" if greatest <= LIMIT else "TOO FAR"
                print(f"{path.stem}: {name} {version(package)}: {word}: {greatest:.1e}, {seconds:.2f} s for {BATCH} clips", flush=True)
                good &= bool(greatest <= LIMIT)
            except Exception as error:  # whatever a program has against the file
                print(f"{path.stem}: {name} {version(package)}: FAILED: {str(error).strip()[:500]}", flush=True)
                good = False
    return good


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    if not files:
        sys.exit(__doc__)
    sys.exit(0 if all([check(path) for path in files]) else f"a program does not give what Chorus gives, within {LIMIT}")
