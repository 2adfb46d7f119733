#!/usr/bin/env bash
# ONNX lets ConstantOfShape leave out its attribute `value`; it is then a zero of 32 bits
# (https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html). One would guess that whoever reads ONNX knows the default, as the
# operator is of 2019 and exporters write zeros with it, such as the second bias of an LSTM. OpenCV 5.0.0.93 does not read such a graph
# at all; tract 0.23.9 takes a zero of 64 bits, and then refuses the LSTM, whose numbers have 32. With the same zero written down both
# read it. ONNX' checker, its reference evaluator, onnxruntime and OpenVINO take it either way.
# What follows: an exporter writes defaults down (crates/models/src/onnx/graph.rs).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 opencv-python-headless==5.0.0.93 tract==0.23.9 || exit 2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import cv2
import numpy
import onnx
import onnxruntime
import openvino
import tract
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


UNITS, INPUTS, FRAMES = 2, 3, 5


def model(path, attributes):
    """An LSTM with one bias, behind which zeros stand for the other."""
    random = numpy.random.default_rng(1)
    floats = {"W": [1, 4 * UNITS, INPUTS], "R": [1, 4 * UNITS, UNITS], "bias": [4 * UNITS]}
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, dims, random.normal(size=numpy.prod(dims))) for name, dims in floats.items()]
    tensors += [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("length", 4 * UNITS), ("axis", 0))]
    nodes = [
        helper.make_node("ConstantOfShape", ["length"], ["zeros"], **attributes),
        helper.make_node("Concat", ["bias", "zeros"], ["both"], axis=0),
        helper.make_node("Unsqueeze", ["both", "axis"], ["B"]),
        helper.make_node("LSTM", ["x", "W", "R", "B"], ["y"], hidden_size=UNITS),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [FRAMES, 1, INPUTS])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [FRAMES, 1, 1, UNITS])
    graph = helper.make_graph(nodes, "lstm", [x], [y], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, path)


def in_opencv(path, x):
    network = cv2.dnn.readNetFromONNX(path)
    network.setInput(x, "x")
    return network.forward("y")


PROGRAMS = {
    "onnx": lambda path, x: ReferenceEvaluator(path).run(None, {"x": x})[0],
    "onnxruntime": lambda path, x: onnxruntime.InferenceSession(path).run(None, {"x": x})[0],
    # By itself it computes in 16 bits where the processor can.
    "openvino": lambda path, x: openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"x": x})["y"],
    "opencv-python-headless": in_opencv,
    "tract": lambda path, x: tract.onnx().load(path).into_model().into_runnable().run([x])[0].to_numpy(),
}
DO_NOT = {"opencv-python-headless", "tract"}

model("without.onnx", {})
model("with.onnx", {"value": helper.make_tensor("", TensorProto.FLOAT, [1], [0.0])})
x = numpy.linspace(-1, 1, FRAMES * INPUTS, dtype=numpy.float32).reshape(FRAMES, 1, INPUTS)
expected = ReferenceEvaluator("with.onnx").run(None, {"x": x})[0]
same = True
for name, run in PROGRAMS.items():
    reads = {}
    for kind in ("without", "with"):
        try:
            reads[kind] = bool(numpy.abs(numpy.array(run(f"{kind}.onnx", x)) - expected).max() < 1e-6)
            word = "right" if reads[kind] else "WRONG"
        except Exception as error:
            reads[kind] = False
            word = "refused: " + " ".join(str(error).split())[:160]
        print(f"{name} {version(name)}, {kind} `value`: {word}")
    same &= reads == {"without": name not in DO_NOT, "with": True}
print("as described" if same else "CHANGED")
sys.exit(0 if same else 1)
PYTHON
