// The worker that trains on the processor. It does one job after another for the client worker that started it; `stop` is
// heard between two steps of a job.

import { serveJobs } from './job-worker.js';
import init, { handle, stop } from '/pkg/trainer.js';

serveJobs(init({ module_or_path: '/pkg/trainer_bg.wasm' }), handle, stop);
