// Which commands make sense in which state of a room, and why the others do not. A pure function of the room; the
// rules are the server's (docs/protocol.md), which has the last word.

import { tooFewToMask } from '../live/said.js';

/** @typedef {{command: string, name: string, meaning: string, why: string, icon: import('../common/icons.js').IconName, likely: boolean}} Button `why` is empty where it may be pressed; `likely` is what one probably wants next */

/**
 * @param {{room?: import('../live/api-shapes.js').RoomConfig, status: import('../live/api-shapes.js').Status, history: unknown[]}} room
 * @param {typeof import('/words/en.js').words} words
 * @returns {Button[]}
 */
export function steering({ room, status, history }, words) {
  const { steer } = words.teach;
  const { phase, paused, locked } = status;
  const finished = phase === 'finished';
  /**
   * @param {string} command
   * @param {string[]} text name and meaning
   * @param {string} why
   * @param {import('../common/icons.js').IconName} icon
   * @param {boolean} [likely]
   * @returns {Button}
   */
  const button = (command, [name, meaning], why, icon, likely = false) => ({ command, name, meaning, why, icon, likely });
  return [
    nextRound(),
    paused
      ? button('resume', steer.resume, finished ? steer.why.finished : '', 'play', !finished)
      : button('pause', steer.pause, finished ? steer.why.finished : '', 'pause'),
    locked ? button('unlock', steer.unlock, '', 'unlock') : button('lock', steer.lock, '', 'lock'),
    button('end', steer.end, finished ? steer.why.finished : history.length === 0 ? steer.why.untrained : '', 'flag'),
    finished
      ? button('restart', steer.more, '', 'plus', true)
      : button('restart', steer.restart, history.length === 0 ? steer.why.untrained : '', 'back'),
  ];

  function nextRound() {
    const { ready, received, goal } = status;
    if (finished) return button('next_round', steer.nextNothing, steer.why.finished, 'next');
    if (phase === 'lobby') {
      const why = paused ? steer.why.paused : ready === 0 ? steer.why.nobodyReady : tooFewToMask({ ready, room }) ? words.teach.refused.too_few_to_mask : '';
      return button('next_round', [steer.nextLobby[0], why ? steer.nextLobbyLater : steer.nextLobby[1](ready)], why, 'next', !why);
    }
    if (received === 0) return button('next_round', steer.nextNothing, steer.why.nothingIn, 'next');
    return button('next_round', [steer.nextRound[0], steer.nextRound[1](received, goal)], '', 'next');
  }
}
