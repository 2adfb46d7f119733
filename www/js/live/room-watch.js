// Follows a room live, as everyone may see it. The browser connects again by itself; this tells when it is away.

/**
 * @param {string} code
 * @param {object} on
 * @param {(room: import('./api-shapes.js').PublicRoom) => void} on.room whenever it has changed
 * @param {() => void} on.gone the room was deleted
 * @param {() => void} on.unknown there is no such room
 * @param {(away: boolean) => void} on.away whether the server does not answer
 * @param {string} [on.place] what gets the host a place that is kept for it
 * @returns {() => void} ends it
 */
export function watchRoom(code, { room, gone, unknown, away, place }) {
  const address = `/api/rooms/${encodeURIComponent(code)}`;
  /** @type {EventSource} */
  let source;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  let ended = false;

  function connect() {
    source = new EventSource(place ? `${address}/events?watch=${encodeURIComponent(place)}` : `${address}/events`);
    source.addEventListener('room', ({ data }) => {
      away(false);
      room(JSON.parse(data));
    });
    source.addEventListener('gone', () => {
      end();
      gone();
    });
    source.addEventListener('error', () => {
      // A browser gives up after an answer that is no stream; it does not say which one it was.
      if (source.readyState === EventSource.CLOSED) ask();
      else away(true);
    });
  }

  async function ask() {
    const status = await fetch(address).then((answer) => answer.status, () => 0);
    if (ended) return;
    if (status === 404 || status === 400) {
      end();
      unknown();
      return;
    }
    away(true);
    timer = setTimeout(connect, 3000);
  }

  function end() {
    ended = true;
    source.close();
    clearTimeout(timer);
  }

  connect();
  return end;
}
