// Calls the benchmarks that Chorus' own wasm programs export.

self.onmessage = async ({ data: { bundle = 'bundle', program, model, steps, seconds, threads, values, clients } }) => {
  try {
    const exports = await import(`/${bundle}/pkg/${program}.js`);
    const module = await WebAssembly.compileStreaming(fetch(`/${bundle}/pkg/${program}_bg.wasm`));
    const { memory } = await exports.default({ module_or_path: module });
    if (program === 'trainer-threads') await startThreads(exports, { module, memory }, threads);
    if (program === 'client' && values) {
      self.postMessage({ ms: exports.bench_masking(values, clients) });
    } else if (program === 'client') {
      self.postMessage({ times_real_time: exports.bench_features(seconds) });
    } else {
      const figures = await exports.bench_step(model, steps);
      self.postMessage({ ...figures, memory_mib: memory.buffer.byteLength / 2 ** 20 });
    }
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};

/** Has so many threads, this worker's among them, do what the program shares out; as trainer-threads.js does. */
async function startThreads({ share_out: shareOut }, shared, threads) {
  const others = Array.from({ length: threads - 1 }, () => new Promise((resolve, reject) => {
    const worker = new Worker('/js/worker/trainer-thread.js', { type: 'module', name: 'other' });
    worker.onmessage = ({ data }) => (data.event === 'crashed' ? reject(new Error(data.message)) : resolve());
    worker.onerror = ({ message }) => reject(new Error(message || 'a thread does not start'));
    worker.postMessage(shared);
  }));
  await Promise.all(others);
  shareOut(threads);
}
