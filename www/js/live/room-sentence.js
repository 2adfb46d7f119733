// What goes on in a room, in one sentence for everyone. Pure functions.

/**
 * @param {import('./api-shapes.js').Status} status
 * @param {typeof import('/words/en.js').words} words
 * @returns {string}
 */
export function roomSentence({ phase, paused, held, clients, ready, least, received, goal, model_version: version, rounds }, words) {
  const { sentence } = words.board;
  if (held) return sentence.held;
  switch (phase) {
    case 'finished': return sentence.finished(rounds);
    case 'normalising': return sentence.normalising(received, goal);
    case 'collecting': return paused ? sentence.pausedRound(received, goal) : sentence.collecting(received, goal);
    default:
      if (paused) return sentence.pausedLobby;
      if (clients.length === 0) return sentence.empty;
      return version > 0 ? sentence.lobbyBetween(ready, least) : sentence.lobby(ready, least);
  }
}

/**
 * Whether a room without anyone in it has had people before.
 * @param {Pick<import('./api-shapes.js').Status, 'phase' | 'model_version'>} status
 * @returns {boolean}
 */
export function wasLeft({ phase, model_version: version }) {
  return phase !== 'lobby' || version > 0;
}
