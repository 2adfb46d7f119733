// The worker that reads sound files for the client worker that started it. A file that no decoder survives ends this
// worker alone.

import { serveJobs } from './job-worker.js';
import init, { decode } from '/pkg/decoder.js';

serveJobs(init({ module_or_path: '/pkg/decoder_bg.wasm' }), ({ name, bytes }) => decode(name, bytes));
