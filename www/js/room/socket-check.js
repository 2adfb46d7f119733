// Whether the server's pages answer where its WebSocket does not open: then it is something on the way that lets pages through and
// live connections not, and no waiting helps.

/** Tries that have to fail before it is worth asking. */
const TRIES = 3;

/**
 * @param {() => Promise<boolean>} pagesAnswer whether the server answers a plain request
 * @param {(blocked: boolean) => void} tell told once it is known, and again when that is over
 */
export function socketCheck(pagesAnswer, tell) {
  let failed = 0;
  let blocked = false;
  let asking = false;
  /** @type {string | null} */
  let before = null;

  /** @param {boolean} is */
  function set(is) {
    if (is === blocked) return;
    blocked = is;
    tell(is);
  }

  /** @param {'connecting' | 'open' | 'lost' | 'closed'} connection as it is now; the same again is no further try */
  async function update(connection) {
    if (connection === before) return;
    before = connection;
    if (connection === 'open' || connection === 'closed') {
      failed = 0;
      set(false);
    }
    if (connection !== 'lost') return;
    failed += 1;
    if (failed < TRIES || asking) return;
    asking = true;
    const answered = await pagesAnswer();
    asking = false;
    // Meanwhile it may have opened after all.
    if (failed >= TRIES) set(answered);
  }

  return { update };
}

/** Whether the server answers a plain request for its health. */
export async function pagesAnswer() {
  try {
    return (await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
