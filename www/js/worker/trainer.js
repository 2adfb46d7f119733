// The worker that trains. It loads the large part, the networks, and does one job after another for the client
// worker that started it; `stop` is heard between two steps of a job.

import { serveJobs } from './job-worker.js';
import init, { handle, stop } from '/pkg/trainer.js';

const started = init({ module_or_path: '/pkg/trainer_bg.wasm' });
serveJobs(started, handle);

self.addEventListener('message', ({ data }) => {
  if (data.stop) started.then(stop, () => {});
});
