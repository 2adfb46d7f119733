// What is going on, in one sentence. A pure function of the state, so that it can be tested word for word.

import { percent } from '../common/format.js';
import { shownState } from '../live/laptop-state.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

/**
 * @param {State} state
 * @param {typeof import('/words/en.js').words} words
 * @returns {string}
 */
export function statusSentence(state, words) {
  const { status } = words.train;
  if (state.finished) return status.finished;
  if (state.connection === 'lost' || state.connection === 'closed') return status.lost;
  if (state.connection === 'connecting') return status.connecting;
  if (state.held) return status.held;
  const count = state.clips.length;
  if (!state.taking_part) {
    if (count === 0) return status.empty;
    return state.phase === 'collecting' ? status.idleRunning(count) : status.idle(count);
  }
  if (state.trainer === 'failed') return status.trainerFailed;
  if (state.work) return words.train.work[state.work.what];
  if (state.trainer === 'loading') return status.trainerLoading;
  if (state.phase === 'lobby') return status.lobby(takingPart(state.clients), state.room.least_clients);
  if (state.phase === 'normalising') return status.normalising;
  const me = state.clients.find((client) => client.me);
  switch (me && shownState(me)) {
    case 'ready':
    case 'recording': return status.joining;
    case 'refused': return status.refused;
    default: return status.waiting;
  }
}

/**
 * How many laptops are here and take part. Someone who records may or may not; who has said that there are clips to train
 * on does.
 * @param {State['clients']} clients
 * @returns {number}
 */
export function takingPart(clients) {
  return clients.filter(({ state, examples }) => !['watching', 'offline'].includes(state) && (state !== 'recording' || examples > 0)).length;
}

/**
 * The newest shared accuracy in words, or nothing where no round has measured one.
 * @param {State['history']} history
 * @returns {string}
 */
export function latestAccuracy(history) {
  const measured = history.filter(({ shared_accuracy: accuracy }) => typeof accuracy === 'number').at(-1);
  return measured ? percent(/** @type {number} */ (measured.shared_accuracy)) : '';
}
