// Runs ONNX files of Chorus models in onnxruntime-web in a headless Chromium, in WebAssembly and, where the browser has it, in
// WebGPU (in software here). The files are those of ../runtimes.py, which says how they are made.
//
//     cp -r tests/reference/onnx/web /tmp/onnx-web && npm install --prefix /tmp/onnx-web --ignore-scripts
//     node /tmp/onnx-web/check.mjs /tmp/onnx/*.onnx
//
// CHROMIUM says which browser, else `chromium`. It fails where a probability is more than 1e-6 off those of Chorus.

import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIMIT = 1e-6;
const MINUTES = 15;

const files = process.argv.slice(2);
if (!files.length) throw new Error('say which ONNX files');
const ort = fileURLToPath(new URL('node_modules/onnxruntime-web/dist/', import.meta.url));
if (!existsSync(ort)) throw new Error('run npm install in this folder first');

const TYPES = { mjs: 'text/javascript', js: 'text/javascript', wasm: 'application/wasm', json: 'application/json' };

/** What runs in the browser; it is sent there as text. */
async function inTheBrowser(names, tell) {
  const BATCH = 8;
  const CLIP = 100 * 60;
  const ort = await import('/ort/ort.all.min.mjs');
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = 1;
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) await tell({ line: 'no WebGPU in this browser: LEFT OUT' });
  for (const name of names) {
    const given = await (await fetch(`/models/${name}.json`)).json();
    const bytes = new Uint8Array(await (await fetch(`/models/${name}.onnx`)).arrayBuffer());
    for (const provider of adapter ? ['wasm', 'webgpu'] : ['wasm']) {
      try {
        const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider], freeDimensionOverrides: { clips: BATCH } });
        const begun = performance.now();
        let greatest = 0;
        let batches = 0;
        for (let start = 0; start < given.frames.length; start += BATCH, batches += 1) {
          const rows = Array.from({ length: BATCH }, (_, i) => Math.min(start + i, given.frames.length - 1));
          const features = new Float32Array(BATCH * CLIP);
          rows.forEach((row, i) => features.set(given.features[row], i * CLIP));
          const { probabilities } = await session.run({
            features: new ort.Tensor('float32', features, [BATCH, 100, 60]),
            frames: new ort.Tensor('int64', BigInt64Array.from(rows, (row) => BigInt(given.frames[row])), [BATCH]),
          });
          const labels = given.probabilities[0].length;
          rows.forEach((row, i) => given.probabilities[row].forEach((expected, label) => {
            greatest = Math.max(greatest, Math.abs(probabilities.data[i * labels + label] - expected));
          }));
        }
        await session.release();
        await tell({ name, provider, version: ort.env.versions.web, greatest: String(greatest), seconds: (performance.now() - begun) / batches / 1000 });
      } catch (error) {
        await tell({ name, provider, failed: String(error) });
      }
    }
  }
  await tell({ done: true });
}

const models = new Map(files.map((file) => [basename(file, '.onnx'), file.replace(/\.onnx$/, '')]));
const page = `<!doctype html><title>onnxruntime-web</title><script type="module">
  const tell = (what) => fetch('/told', { method: 'POST', body: JSON.stringify(what) });
  (${inTheBrowser})(${JSON.stringify([...models.keys()])}, tell).catch((error) => tell({ done: true, failed: String(error) }));
</script>`;

let good = true;
let end;
const ended = new Promise((resolve) => (end = resolve));

/** @param {{line?: string, name?: string, provider?: string, version?: string, greatest?: string, seconds?: number, failed?: string, done?: boolean}} told */
function hear({ line, name, provider, version, greatest, seconds, failed, done }) {
  if (line) console.log(line);
  if (failed) console.log(`${name ?? 'the page'}: onnxruntime-web, ${provider}: FAILED: ${failed}`);
  if (greatest) {
    const near = Number(greatest) <= LIMIT;
    good &&= near;
    console.log(`${name}: onnxruntime-web ${version}, ${provider}: ${near ? 'ok' : 'TOO FAR'}: ${Number(greatest).toExponential(1)}, ${seconds.toFixed(2)} s for 8 clips`);
  }
  good &&= !failed;
  if (done) end();
}

function fileOf(path) {
  const [, folder, name] = path.split('/');
  if (folder === 'ort' && /^[\w.-]+$/.test(name)) return join(ort, name);
  const [model, kind] = name?.split(/\.(?=[^.]*$)/) ?? [];
  return folder === 'models' && models.has(model) ? `${models.get(model)}.${kind}` : undefined;
}

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    let told = '';
    for await (const part of request) told += part;
    hear(JSON.parse(told));
    response.end();
    return;
  }
  const file = fileOf(request.url);
  const isPage = request.url === '/';
  const kind = isPage ? 'text/html; charset=utf-8' : TYPES[file?.split('.').pop()] ?? 'application/octet-stream';
  response.writeHead(isPage || (file && existsSync(file)) ? 200 : 404, { 'content-type': kind });
  if (isPage) response.end(page);
  else if (file && existsSync(file)) createReadStream(file).pipe(response);
  else response.end();
});
server.listen(0, '127.0.0.1', () => {
  const profile = mkdtempSync(join(tmpdir(), 'onnx-web-'));
  const browser = spawn(process.env.CHROMIUM ?? 'chromium', [
    '--headless=new', '--no-sandbox', '--no-first-run', '--disable-background-networking', '--disable-dev-shm-usage',
    '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', `--user-data-dir=${profile}`,
    `http://localhost:${server.address().port}/`,
  ], { stdio: 'ignore' });
  browser.on('error', (error) => hear({ failed: `no browser: ${error.message}`, done: true }));
  const late = setTimeout(() => hear({ failed: `no answer within ${MINUTES} minutes`, done: true }), MINUTES * 60_000);
  ended.then(() => {
    clearTimeout(late);
    browser.once('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
    browser.kill();
    server.close();
    server.closeAllConnections();
    process.exitCode = good ? 0 : 1;
  });
});
