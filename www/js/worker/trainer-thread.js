// A thread of the trainer that computes on several cores: a worker that trainer-threads.js starts. The first does the jobs and has
// the others share them out; those wait inside the program for something to do, and hear no message any more.

import { crashed, serveJobs } from './job-worker.js';
import init, { handle, run_thread, share_out, stop } from '/pkg/trainer-threads.js';

// Bytes of a thread's stack: slices of a product are small.
const STACK = 1 << 20;

if (self.name === 'first') {
  serveJobs(first(), handle, stop);
} else {
  other().catch(crashed);
}

async function first() {
  const { module } = await told();
  const { memory } = await init({ module_or_path: module });
  self.postMessage({ memory });
  const { threads } = await told();
  share_out(threads);
}

async function other() {
  const { module, memory } = await told();
  await init({ module_or_path: module, memory, thread_stack_size: STACK });
  self.postMessage({});
  run_thread();
}

/**
 * What trainer-threads.js says next.
 * @returns {Promise<any>}
 */
function told() {
  return new Promise((resolve) => {
    self.addEventListener('message', ({ data }) => resolve(data), { once: true });
  });
}
