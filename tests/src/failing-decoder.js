// The decoder's worker, but with a decoder that does with marked files what a foreign one might do with any. It is given
// to a browser in place of www/js/worker/decoder.js, and shares all of that worker but the marks.

import init, { decode } from '/pkg/decoder.js';
import { serveJobs } from './job-worker.js';

// (module (func (export "trap") unreachable)): what is left of a panic in a browser.
const TRAP = [
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 0x74, 0x72, 0x61, 0x70, 0, 0, 10, 5, 1, 3, 0, 0, 11,
];

/** @type {Record<string, () => unknown>} */
const MARKS = {
  panics: new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(TRAP))).exports.trap,
  'never ends': () => {
    for (;;);
  },
  'takes all memory': () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    for (;;) memory.grow(1_024);
  },
  // Says that it holds a gigabyte, and gives a second of a tone.
  'holds much': () => {
    self.postMessage({ event: 'progress', progress: 2 ** 30 });
    const samples = Float32Array.from({ length: 16_000 }, (_, n) => 0.5 * Math.sin((n / 16_000) * 220 * 2 * Math.PI));
    return { samples, notices: [] };
  },
};

serveJobs(init({ module_or_path: '/pkg/decoder_bg.wasm' }), ({ name, bytes }) => {
  const text = new TextDecoder().decode(bytes.slice(0, 40));
  const mark = text.startsWith('marked: ') && MARKS[text.slice(8)];
  return mark ? mark() : decode(name, bytes);
});
