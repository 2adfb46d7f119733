// The worker that trains on a graphics processor, with the far larger program that this takes; else as `trainer.js`.

import { serveJobs } from './job-worker.js';
import init, { handle, stop } from '/pkg/trainer-webgpu.js';

serveJobs(init({ module_or_path: '/pkg/trainer-webgpu_bg.wasm' }), handle, stop);
