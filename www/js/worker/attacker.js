// The worker that is set on one of this laptop's own updates, by the client worker that started it.

import { serveJobs } from './job-worker.js';
import init, { attack } from '/pkg/attacker.js';

serveJobs(init({ module_or_path: '/pkg/attacker_bg.wasm' }), attack);
