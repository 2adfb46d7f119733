// The page's line to its worker: commands with replies, and events. It knows nothing of what they mean.

/** A command that the worker refused, with the worker's code. */
export class CommandError extends Error {
  /** @param {{code: string, message: string}} error */
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

/**
 * @typedef {import('./messages.js').Commands} Commands
 * @typedef {import('./messages.js').Events} Events
 */

/**
 * What follows a command's name: its fields, which one without any may leave out, and buffers to hand over rather than copy.
 * @template {keyof Commands} Type
 * @typedef {{} extends Commands[Type]['fields'] ? [fields?: Commands[Type]['fields'], transfer?: Transferable[]] : [fields: Commands[Type]['fields'], transfer?: Transferable[]]} Asked
 */

export class Client {
  /** @param {string} url of the worker's module */
  constructor(url) {
    this.worker = new Worker(url, { type: 'module', name: 'chorus' });
    this.nextId = 1;
    /** @type {Map<number, {resolve: (reply: unknown) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {Map<string, (event: unknown) => void>} */
    this.listeners = new Map();
    this.worker.addEventListener('message', ({ data }) => this.#received(data));
    this.worker.addEventListener('error', (event) => {
      const crash = { type: /** @type {const} */ ('crashed'), message: event.message ?? '' };
      this.#received(crash);
    });
  }

  /** Ends the worker, and with it its line to the server. */
  end() {
    this.worker.terminate();
  }

  /**
   * Sends a command.
   * @template {keyof Commands} Type
   * @param {Type} type
   * @param {Asked<Type>} asked
   * @returns {Promise<Commands[Type]['answer']>} fails with a `CommandError`
   */
  request(type, ...asked) {
    const [fields = {}, transfer = []] = asked;
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: (reply) => resolve(/** @type {Commands[Type]['answer']} */ (reply)), reject });
      this.worker.postMessage({ ...fields, id, type }, transfer);
    });
  }

  /**
   * Calls `listener` for each event of a type.
   * @template {keyof Events} Type
   * @param {Type} type
   * @param {(event: Events[Type]) => void} listener
   */
  on(type, listener) {
    this.listeners.set(type, (event) => listener(/** @type {Events[Type]} */ (event)));
  }

  /** @param {import('./messages.js').Reply | {type: keyof Events}} message */
  #received(message) {
    if ('type' in message) {
      this.listeners.get(message.type)?.(message);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message);
    else waiting?.reject(new CommandError(message.error));
  }
}
