// Calls the benchmarks that Chorus' own wasm programs export.

self.onmessage = async ({ data: { bundle = 'bundle', program, model, steps, seconds } }) => {
  try {
    const exports = await import(`/${bundle}/pkg/${program}.js`);
    await exports.default({ module_or_path: `/${bundle}/pkg/${program}_bg.wasm` });
    if (program === 'client') {
      self.postMessage({ times_real_time: exports.bench_features(seconds) });
    } else {
      self.postMessage(await exports.bench_step(model, steps));
    }
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};
