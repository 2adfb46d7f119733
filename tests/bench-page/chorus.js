// Calls the benchmarks that Chorus' own wasm programs export.

self.onmessage = async ({ data: { bundle = 'bundle', program, model, steps, seconds, threads, values, clients, clips, rounds } }) => {
  try {
    const { exports, module, memory } = await start(bundle, program);
    if (program === 'trainer-threads') await startThreads(exports, { module, memory }, threads);
    if (program === 'client' && values) {
      self.postMessage({ ms: exports.bench_masking(values, clients) });
    } else if (program === 'client') {
      self.postMessage({ times_real_time: exports.bench_features(seconds) });
    } else if (rounds) {
      self.postMessage(await ownBesideGroup(exports, (await start(bundle, 'client')).exports, clips, rounds));
    } else {
      const figures = await exports.bench_step(model, steps);
      self.postMessage({ ...figures, memory_mib: memory.buffer.byteLength / 2 ** 20 });
    }
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};

/** One of the wasm programs of a bundle, started. */
async function start(bundle, program) {
  const exports = await import(`/${bundle}/pkg/${program}.js`);
  const module = await WebAssembly.compileStreaming(fetch(`/${bundle}/pkg/${program}_bg.wasm`));
  const { memory } = await exports.default({ module_or_path: module });
  return { exports, module, memory };
}

/** Rounds as a tab has them: the client's program makes the job, the trainer's does it; by the group's scale and by one's own in turn, each so often
    after one that is not counted. Medians, milliseconds. */
async function ownBesideGroup(trainer, client, clips, rounds) {
  const answer = self.postMessage;
  self.postMessage = () => {}; // How far the trainer is, is for a tab.
  const times = { group: [], own: [] };
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const scale of ['group', 'own']) {
        const { ms, job } = client.bench_job(clips, scale === 'own');
        const began = performance.now();
        await trainer.handle(job);
        if (round > 0) times[scale].push(ms + performance.now() - began);
      }
    }
  } finally {
    self.postMessage = answer;
  }
  const median = (all) => all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)];
  return { group_ms: median(times.group), own_ms: median(times.own) };
}

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
