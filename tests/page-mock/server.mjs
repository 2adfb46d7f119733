// Serves www/ with a worker that makes everything up, to look at the pages without Rust:
//   node tests/page-mock/server.mjs [port] [scene], then open http://localhost:8099/room/DEMO
// Scenes: empty, clips, training, lost, finished, error, unknown, crash.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const WWW = join(HERE, '../../www');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const [port = '8099', firstScene = 'training'] = process.argv.slice(2);
let scene = firstScene;

createServer(async ({ url }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://mock');
  const send = (status, type, body) => response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': POLICY, 'cache-control': 'no-store' }).end(body);
  if (pathname === '/mock') {
    scene = searchParams.get('scene');
    return send(200, 'text/plain', scene);
  }
  if (pathname.startsWith('/api/rooms/')) return pathname.endsWith('/DEMO') ? send(200, 'application/json', '{}') : send(404, 'application/json', '{}');
  if (pathname === '/js/worker.js') {
    const worker = await readFile(join(HERE, 'worker.js'), 'utf8');
    return send(200, TYPES['.js'], `const SCENE = ${JSON.stringify(scene)};\n${worker}`);
  }
  const path = pathname === '/' ? 'index.html' : pathname.startsWith('/room/') ? 'room.html' : pathname.slice(1);
  try {
    const file = join(WWW, normalize(path));
    send(200, TYPES[extname(file)] ?? 'application/octet-stream', await readFile(file));
  } catch {
    send(404, 'text/plain', 'not found');
  }
}).listen(Number(port), () => console.log(`http://localhost:${port}/room/DEMO, scene ${scene}`));
