#!/usr/bin/env bash
# An ONNX file carries metadata, `metadata_props`, which is where exporters put labels and what inputs were scaled with; onnxruntime gives it to
# Python, C, C++, C# and Java (`custom_metadata_map`). One would guess that the same runtime's JavaScript has it as well: a session of
# onnxruntime-web 1.30.0 tells names, types and shapes of inputs and outputs, and of the metadata nothing. Where the
# same file is read by both, whoever is in a browser gets probabilities without knowing of what.
# What follows: what the file says inside goes beside it as JSON (`Description::json` in crates/model-file/src/lib.rs).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 || exit 2
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-web@1.30.0 || exit 2
venv/bin/python - <<'PYTHON'
import onnx
import onnxruntime
from onnx import TensorProto, helper

values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"])], "one", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
helper.set_model_props(model, {"labels": '["angry", "sad"]'})
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "model.onnx")
metadata = onnxruntime.InferenceSession("model.onnx").get_modelmeta().custom_metadata_map
print("onnxruntime", onnxruntime.__version__, "in Python:", metadata)
assert metadata == {"labels": '["angry", "sad"]'}
PYTHON
cat > look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';

const session = await ort.InferenceSession.create(readFileSync('model.onnx'));
const { y } = await session.run({ x: new ort.Tensor('float32', [0, 0], [2]) });
// Everything that a session has, its own and its classes'.
const all = new Set();
for (let at = session; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) Object.getOwnPropertyNames(at).forEach((name) => all.add(name));
const telling = [...all].filter((name) => /^[a-z]/.test(name) && name !== 'constructor');
const said = JSON.stringify(telling.map((name) => (typeof session[name] === 'function' ? null : session[name])));
console.log('onnxruntime-web', ort.env.versions.web, 'answers', [...y.data], 'and has', telling.sort().join(', '));
console.log('of inputs and outputs it says', JSON.stringify([session.inputMetadata, session.outputMetadata]));
const same = Math.abs(y.data[0] - 0.5) < 1e-6 && !said.includes('labels') && !telling.some((name) => /^(custom|model).*meta/i.test(name));
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node look.mjs
