// The worker's end of a line to the client: one job after another, each with its answer.

/**
 * @param {Promise<unknown>} started the program, once it has arrived
 * @param {(job: any) => any} handle does a job; throws an object with `code` and `message` to refuse it
 */
export function serveJobs(started, handle) {
  let queue = Promise.resolve();
  self.addEventListener('message', ({ data: { id, job } }) => {
    if (job) queue = queue.then(() => answer(id, job));
  });
  started.then(() => self.postMessage({ event: 'ready' }), crashed);

  /**
   * @param {number} id
   * @param {any} job
   */
  async function answer(id, job) {
    try {
      await started;
      const reply = await handle(job);
      const transfer = { transfer: buffersOf(reply) };
      self.postMessage({ id, ok: true, reply }, transfer);
    } catch (error) {
      const { code, message } = /** @type {any} */ (error) ?? {};
      // Whatever gives no code was not meant as an answer: the program trapped.
      if (typeof code !== 'string') crashed(error);
      else self.postMessage({ id, ok: false, error: { code, message: String(message) } });
    }
  }
}

/** @param {any} error */
function crashed(error) {
  self.postMessage({ event: 'crashed', message: String(error?.message ?? error) });
}

/**
 * The buffers of a typed array, or of those in a plain object: they change hands instead of being copied.
 * @param {any} reply
 */
function buffersOf(reply) {
  const values = ArrayBuffer.isView(reply) ? [reply] : Object.values(reply ?? {});
  return values.filter((value) => ArrayBuffer.isView(value)).map((view) => view.buffer);
}
