// Asks the server what only the host may ask. Failures come as a `HostError` that says which kind it is.

import { explain, words } from '../common/language.js';

export class HostError extends Error {
  /**
   * @param {'away' | 'secret' | 'refused'} kind the server does not answer, does not know the secret, or says no
   * @param {string} message for a person
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

export class HostApi {
  /** @param {string} token */
  constructor(token) {
    this.token = token;
  }

  host() {
    return /** @type {Promise<import('../live/api-shapes.js').Host>} */ (this.#ask('GET', '/api/host'));
  }

  /** @param {Record<string, unknown>} settings */
  create(settings) {
    return /** @type {Promise<{room: import('../live/api-shapes.js').RoomConfig, path: string}>} */ (this.#ask('POST', '/api/rooms', settings));
  }

  /**
   * What would come of these settings, without a room.
   * @param {Record<string, unknown>} settings
   */
  preview(settings) {
    return /** @type {Promise<{room: import('../live/api-shapes.js').RoomConfig, budget?: import('../worker/messages.js').Budget}>} */ (this.#ask('POST', '/api/rooms/preview', settings));
  }

  /**
   * @param {string} code
   * @param {Record<string, unknown>} command
   */
  command(code, command) {
    return /** @type {Promise<import('../live/api-shapes.js').HostRoom>} */ (this.#ask('POST', `/api/rooms/${encodeURIComponent(code)}/command`, command));
  }

  /** @param {string} code */
  remove(code) {
    return this.#ask('DELETE', `/api/rooms/${encodeURIComponent(code)}`);
  }

  /**
   * The session file of a room.
   * @param {string} code
   */
  session(code) {
    return this.#ask('GET', `/api/rooms/${encodeURIComponent(code)}/session.json`);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, unknown>} [body]
   * @returns {Promise<unknown>}
   */
  async #ask(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { accept: 'application/json', authorization: `Bearer ${this.token}` };
    if (body) headers['content-type'] = 'application/json';
    const answer = await fetch(path, { method, headers, cache: 'no-store', body: body && JSON.stringify(body) }).catch(() => null);
    if (answer === null) throw new HostError('away', words.teach.awayButton);
    if (answer.status === 204) return null;
    const told = await answer.json().catch(() => null);
    if (answer.status === 401) throw new HostError('secret', words.teach.unlock.wrong);
    const { code, error: message } = told ?? {};
    // 502 to 504 without a code are the words of a proxy whose server is away.
    if (answer.status >= 502 && answer.status <= 504 && typeof code !== 'string') throw new HostError('away', words.teach.awayButton);
    if (!answer.ok || told === null) {
      throw new HostError('refused', code || message ? explain(words.teach.refused, { code, message }) : words.teach.odd(answer.status));
    }
    return told;
  }
}
