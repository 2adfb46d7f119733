// The worker's end of a line to the client: one job after another, each with its answer.

import { problemOf } from '../common/problem.js';

/**
 * @param {Promise<unknown>} started the program, once it has arrived
 * @template Job
 * @param {(job: Job) => unknown} handle does a job; throws an object with `code` and `message` to refuse it
 * @param {() => void} [stop] has the running job end early
 */
export function serveJobs(started, handle, stop) {
  let queue = Promise.resolve();
  self.addEventListener('message', ({ data: { id, job, stop: early } }) => {
    if (early) started.then(stop, () => {});
    if (job) queue = queue.then(() => answer(id, job));
  });
  started.then(() => self.postMessage({ event: 'ready' }), crashed);

  /**
   * @param {number} id
   * @param {Job} job
   */
  async function answer(id, job) {
    try {
      await started;
      const reply = await handle(job);
      const transfer = { transfer: buffersOf(reply) };
      self.postMessage({ id, ok: true, reply }, transfer);
    } catch (error) {
      const { code, message } = problemOf(error);
      // Whatever gives no code was not meant as an answer: the program trapped.
      if (typeof code !== 'string') crashed(error);
      else self.postMessage({ id, ok: false, error: { code, message: String(message) } });
    }
  }
}

/**
 * Tells whoever started this worker that it is at its end.
 * @param {unknown} error
 */
export function crashed(error) {
  self.postMessage({ event: 'crashed', message: String(problemOf(error).message ?? error) });
}

/**
 * The buffers of a typed array, or of those anywhere in a plain object: they change hands instead of being copied.
 * @param {unknown} value
 * @returns {ArrayBuffer[]}
 */
export function buffersOf(value) {
  if (value instanceof ArrayBuffer) return [value];
  if (ArrayBuffer.isView(value)) return buffersOf(value.buffer);
  return typeof value === 'object' ? Object.values(value ?? {}).flatMap(buffersOf) : [];
}
