import json, subprocess, sys
import numpy, onnxruntime
chorus, model, sound = sys.argv[1:]
heard = subprocess.run([chorus, "features", sound, "--input", "--format", "json"], capture_output=True, check=True)
clip, session = json.loads(heard.stdout)[0], onnxruntime.InferenceSession(model)
about = session.get_modelmeta().custom_metadata_map
ways = len(json.loads(about["speeds"]))
features = numpy.array(clip["features"][:ways], dtype="float32")
logits = session.run(["logits"], {"features": features, "frames": numpy.array(clip["frames"][:ways])})[0].mean(0)
print(json.loads(about["labels"])[logits.argmax()], numpy.exp(logits - logits.max()) / numpy.exp(logits - logits.max()).sum())
