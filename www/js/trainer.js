// The worker that trains. It loads the large part, the networks, and does one job after another for the client
// worker that started it; `stop` is heard between two steps of a job.

import init, { handle, stop } from '/pkg/trainer.js';

const started = init({ module_or_path: '/pkg/trainer_bg.wasm' });
let queue = Promise.resolve();

self.onmessage = ({ data: { id, job, stop: asked } }) => {
  if (asked) {
    started.then(stop, () => {});
    return;
  }
  queue = queue.then(() => answer(id, job));
};

started.then(
  () => self.postMessage({ event: 'ready' }),
  (error) => self.postMessage({ event: 'crashed', message: String(error?.message ?? error) }),
);

async function answer(id, job) {
  try {
    await started;
    const reply = await handle(job);
    const buffers = Object.values(reply ?? {})
      .filter((value) => ArrayBuffer.isView(value))
      .map((view) => view.buffer);
    self.postMessage({ id, ok: true, reply }, buffers);
  } catch (error) {
    self.postMessage({ id, ok: false, error: { code: error?.code ?? 'trainer', message: String(error?.message ?? error) } });
  }
}
