// The worker that trains on several cores of the processor. It computes nothing itself, so that it always hears the client worker
// that started it, and learns of a thread that fails while the others wait for it: it starts a worker for each thread, which share
// one program and one memory, and passes on what the first of them, which does the jobs, is asked and says. How many there are
// stands behind the # of its address.

import { buffersOf, crashed } from './job-worker.js';

// Threads that are not there by then never will be; the program has arrived before.
const LIMIT_MS = 30_000;

const workers = Array.from({ length: Number(self.location.hash.slice(1)) }, (_, place) => {
  const worker = new Worker('/js/worker/trainer-thread.js', { type: 'module', name: place === 0 ? 'first' : 'other' });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    end(event.message || 'a thread does not start');
  });
  worker.addEventListener('message', ({ data }) => {
    if (data.event === 'crashed') end(data.message);
  });
  return worker;
});
const [first, ...others] = workers;

let over = false;
const begun = begin();
begun.catch(end);
self.addEventListener('message', ({ data }) => begun.then(() => first.postMessage(data, buffersOf(data)), () => {}));

/** Has the first thread do jobs, once all are there. */
async function begin() {
  const module = await WebAssembly.compileStreaming(fetch('/pkg/trainer-threads_bg.wasm'));
  const limit = setTimeout(() => end('the threads do not start'), LIMIT_MS);
  const { memory } = await answer(first, { module });
  await Promise.all(others.map((other) => answer(other, { module, memory })));
  await answer(first, { threads: workers.length });
  clearTimeout(limit);
  if (over) return;
  first.addEventListener('message', ({ data }) => {
    if (data.event !== 'crashed') self.postMessage(data, { transfer: buffersOf(data) });
  });
  self.postMessage({ event: 'ready' });
}

/**
 * What a thread says to something.
 * @param {Worker} worker
 * @param {object} message
 * @returns {Promise<{memory?: unknown}>}
 */
function answer(worker, message) {
  return new Promise((resolve) => {
    worker.addEventListener('message', ({ data }) => resolve(data), { once: true });
    worker.postMessage(message);
  });
}

/**
 * None of them is of use without the others.
 * @param {unknown} error
 */
function end(error) {
  if (over) return;
  over = true;
  for (const worker of workers) worker.terminate();
  crashed(error);
}
