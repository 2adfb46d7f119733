#!/usr/bin/env bash
# `crossOriginIsolated` is the answer of HTML to "may this page share memory between its threads?"
# (https://html.spec.whatwg.org/multipage/webappapis.html#dom-crossoriginisolated), and libraries choose their threaded WebAssembly by
# it. WebKitGTK 2.50 answers true on a page with the two headers, and there is no SharedArrayBuffer; a shared WebAssembly.Memory can even be
# made and calls its buffer one, but no worker can be given it: DataCloneError.
# What follows: a capability is what a try shows (www/js/common/capabilities.js).
# Needs Debian's packages webkit2gtk-driver (WebKitWebDriver, MiniBrowser) and xvfb.
set -euo pipefail
for program in WebKitWebDriver xvfb-run; do
  command -v "$program" > /dev/null || { echo "no $program here"; exit 2; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import json
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("cross-origin-opener-policy", "same-origin")
        self.send_header("cross-origin-embedder-policy", "require-corp")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>isolated</title>")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = 4_517
driver = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ask(path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))["value"]


try:
    for _ in range(50):
        try:
            session = ask("/session", {"capabilities": {}})
            break
        except OSError:
            time.sleep(0.2)
    at = f"/session/{session['sessionId']}"
    ask(f"{at}/url", {"url": f"http://localhost:{server.server_port}/"})
    script = """
        const tried = (what) => { try { return what(); } catch (error) { return String(error); } };
        return {
          crossOriginIsolated,
          SharedArrayBuffer: typeof SharedArrayBuffer,
          sharedMemory: tried(() => String(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer)),
          givenToAWorker: tried(() => {
            const worker = new Worker(URL.createObjectURL(new Blob([""])));
            worker.postMessage(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
            return "yes";
          }),
        };"""
    found = ask(f"{at}/execute/sync", {"script": script, "args": []})
    print(session["capabilities"]["browserName"], session["capabilities"]["browserVersion"], json.dumps(found))
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{at}", method="DELETE"))
finally:
    driver.terminate()
same = found["crossOriginIsolated"] is True and found["SharedArrayBuffer"] == "undefined" and "DataCloneError" in found["givenToAWorker"]
print("as described" if same else "CHANGED")
sys.exit(0 if same else 1)
PYTHON
xvfb-run --auto-servernum python3 "$folder/look.py"
