// The page's line to its worker: commands with replies, and events. It knows nothing of what they mean.

/** A command that the worker refused, with the worker's code. */
export class CommandError extends Error {
  /** @param {{code: string, message: string}} error */
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

export class Client {
  /** @param {string} url of the worker's module */
  constructor(url) {
    this.worker = new Worker(url, { type: 'module', name: 'chorus' });
    this.nextId = 1;
    /** @type {Map<number, {resolve: (reply: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {Map<string, (event: any) => void>} */
    this.listeners = new Map();
    this.worker.addEventListener('message', ({ data }) => this.#received(data));
    this.worker.addEventListener('error', (event) => {
      this.#received({ type: 'crashed', message: event.message ?? '' });
    });
  }

  /**
   * Sends a command.
   * @param {string} type
   * @param {Record<string, any>} [fields]
   * @param {Transferable[]} [transfer] buffers to hand over rather than copy
   * @returns {Promise<any>} the reply; fails with a `CommandError`
   */
  request(type, fields = {}, transfer = []) {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...fields, id, type }, transfer);
    });
  }

  /**
   * Calls `listener` for each event of a type.
   * @param {string} type
   * @param {(event: any) => void} listener
   */
  on(type, listener) {
    this.listeners.set(type, listener);
  }

  /** @param {any} message */
  #received(message) {
    if (message.id === undefined) {
      this.listeners.get(message.type)?.(message);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message);
    else waiting?.reject(new CommandError(message.error));
  }
}
