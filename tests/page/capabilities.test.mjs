// What the page says of a browser is what a try has shown, not what the browser says of itself. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkCapabilities } from '../../www/js/common/capabilities.js';
import { words as english } from '../../www/words/en.js';
import { words as german } from '../../www/words/de.js';
import { words as spanish } from '../../www/words/es.js';

/** A database that opens, or does not. */
const database = (opens) => ({
  open() {
    const request = { error: new Error('not allowed'), result: { close() {} } };
    queueMicrotask(() => (opens ? request.onsuccess() : request.onerror()));
    return request;
  },
  deleteDatabase() {},
});

const device = { destroy() {} };
const adapter = (info, requestDevice = async () => device) => ({ requestAdapter: async () => ({ info, requestDevice }) });

/** What is found in a browser that has this, by what it is about. */
async function found({ gpu, isSecureContext = true, indexedDB = database(true), ...others } = {}) {
  const navigator = { gpu, storage: { estimate: async () => ({ quota: 1e9, usage: 0 }) } };
  const browser = { navigator, isSecureContext, indexedDB, Worker: class {}, WebSocket: class {}, ...others };
  const before = Object.keys(browser).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const [name, value] of Object.entries(browser)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    return Object.fromEntries((await Promise.all(checkCapabilities())).map((finding) => [finding.what, finding]));
  } finally {
    for (const [name, descriptor] of before) descriptor ? Object.defineProperty(globalThis, name, descriptor) : delete globalThis[name];
  }
}

test('a graphics chip is one that gives a device', async () => {
  const chip = { description: 'Some chip' };
  assert.deepEqual((await found({ gpu: adapter(chip) })).processor, { what: 'processor', verdict: 'good', reason: 'gpu', detail: 'Some chip' });
  const lost = async () => { throw new Error('the driver is blocked'); };
  assert.equal((await found({ gpu: adapter(chip, lost) })).processor.reason, 'gpuNoAdapter');
  assert.equal((await found({ gpu: { requestAdapter: async () => null } })).processor.reason, 'gpuNoAdapter');
  assert.equal((await found()).processor.reason, 'gpuNone');
});

test('software without a name is told without empty brackets', async () => {
  for (const info of [{ isFallbackAdapter: true }, { architecture: 'swiftshader' }]) {
    const { reason, detail } = (await found({ gpu: adapter(info) })).processor;
    assert.equal(reason, 'gpuSoftware');
    for (const { capabilities } of [english, german, spanish]) {
      const said = capabilities.gpuSoftware(detail);
      assert.equal(said.includes('(swiftshader)'), detail !== '', said);
      assert.ok(!said.includes('()'), said);
    }
  }
});

test('nothing is promised of https that this browser may not have there', async () => {
  const { processor, microphone } = await found({ isSecureContext: false });
  assert.equal(processor.reason, 'gpuInsecure');
  assert.match(english.capabilities.gpuInsecure, /no browser shows whether it has WebGPU/);
  assert.equal(microphone.reason, 'microphoneInsecure');
});

test('storage is what can be opened', async () => {
  assert.equal((await found()).storage.reason, 'storageGood');
  assert.equal((await found({ indexedDB: database(false) })).storage.reason, 'storageNone');
  const refused = { open() { throw new DOMException('The operation is insecure.', 'SecurityError'); } };
  assert.deepEqual((await found({ indexedDB: refused })).storage, { what: 'storage', verdict: 'missing', reason: 'storageNone' });
});

test('the program needs vector instructions that run', async () => {
  assert.equal((await found()).program.reason, 'programGood');
  const without = { validate: () => true, instantiate: async () => { throw new Error('blocked'); } };
  assert.equal((await found({ WebAssembly: without })).program.reason, 'programMissing');
});
