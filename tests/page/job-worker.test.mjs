// The worker's end of a line to the client, by example: what it says of jobs that are done, refused, or its end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serveJobs } from '../../www/js/worker/job-worker.js';

/** A worker that does such jobs: gives it messages, and returns what it has said once it has nothing left to do. */
async function worker(started, handle, ...messages) {
  const said = [];
  let hear;
  globalThis.self = {
    addEventListener: (_type, listener) => { hear = listener; },
    postMessage: (message, { transfer = [] } = {}) => said.push(transfer.length ? { ...message, transfer } : message),
  };
  serveJobs(started, handle);
  for (const data of messages) hear({ data });
  await new Promise((resolve) => { setTimeout(resolve, 5); });
  return said;
}

test('jobs are done one after another, and their buffers change hands', async () => {
  const samples = new Float32Array([0.5]);
  let running = 0;
  const handle = async (job) => {
    running += 1;
    assert.equal(running, 1, 'one at a time');
    await Promise.resolve();
    running -= 1;
    return job === 'bare' ? samples : { samples, length: 1 };
  };
  assert.deepEqual(await worker(Promise.resolve(), handle, { id: 1, job: 'bare' }, { id: 2, job: 'in an object' }), [
    { event: 'ready' },
    { id: 1, ok: true, reply: samples, transfer: [samples.buffer] },
    { id: 2, ok: true, reply: { samples, length: 1 }, transfer: [samples.buffer] },
  ]);
});

test('a refusal has a code and is an answer; whatever else is thrown is the end of the program', async () => {
  const handle = (job) => { throw job; };
  const refusal = { code: 'damaged', message: 'no sound' };
  const trap = new WebAssembly.RuntimeError('unreachable');
  assert.deepEqual(await worker(Promise.resolve(), handle, { id: 1, job: refusal }, { id: 2, job: trap }), [
    { event: 'ready' },
    { id: 1, ok: false, error: refusal },
    { event: 'crashed', message: 'unreachable' },
  ]);
});

test('a program that does not arrive is told, and so is every job for it', async () => {
  const lost = Promise.reject(new TypeError('Failed to fetch'));
  const crashed = { event: 'crashed', message: 'Failed to fetch' };
  assert.deepEqual(await worker(lost, () => 'never', { id: 1, job: 'any' }), [crashed, crashed]);
});
