// Live use: from the microphone to the worker, piece by piece, until it is ended. It draws nothing.

import { openMicrophone } from '../sound/microphone.js';

/**
 * @param {import('../worker/client.js').Client} client
 * @param {object} on
 * @param {() => void} on.began the worker listens
 * @param {(error: unknown) => void} on.ended by the person, or by what went wrong, else null
 */
export function liveListening(client, on) {
  /** @type {import('../sound/microphone.js').Microphone | null} */
  let microphone = null;
  /** Which start it is that counts: one that was ended meanwhile does not.
   * @type {AbortController | null} */
  let wanted = null;
  let listening = false;

  async function start() {
    const mine = new AbortController();
    wanted = mine;
    try {
      const opened = await openMicrophone((samples) => {
        if (listening) client.request('live_push', { samples, at: performance.now() }, [samples.buffer]).catch(end);
      }, end, mine.signal);
      if (wanted !== mine) return opened.close();
      microphone = opened;
      await client.request('live_start', { rate: opened.rate });
      if (wanted !== mine) return;
      listening = true;
      on.began();
    } catch (error) {
      if (wanted === mine) end(error);
    }
  }

  /** @param {unknown} error */
  function end(error) {
    if (!wanted) return;
    const ended = wanted;
    wanted = null;
    listening = false;
    ended.abort();
    microphone?.close();
    microphone = null;
    client.request('live_stop').catch(() => {}); // it may never have started
    on.ended(error);
  }

  return {
    /** Whether it listens, or is about to. */
    get wanted() {
      return wanted !== null;
    },
    start,
    stop: () => end(null),
  };
}
