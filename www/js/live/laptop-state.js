// What a laptop does now, as a word and as a picture.

import { words } from '../common/language.js';

/** @type {Record<string, import('../common/icons.js').IconName>} */
const ICONS = {
  watching: 'eye', recording: 'microphone', ready: 'good', passed_over: 'clock', normalising: 'measure', training: 'train',
  waiting: 'clock', uploading: 'up', accepted: 'good', refused: 'undo', offline: 'lost',
};

/**
 * What it is shown as: a laptop that the open round does without is ready, and waits for a later one.
 *
 * @param {{state: string, passed_over?: boolean}} laptop
 */
export function shownState({ state, passed_over: passedOver }) {
  return passedOver ? 'passed_over' : state;
}

/** @param {string} state */
export function stateName(state) {
  const names = /** @type {Record<string, string>} */ (words.board.states);
  return Object.hasOwn(names, state) ? names[state] : state;
}

/** @param {string} state */
export function stateIcon(state) {
  return Object.hasOwn(ICONS, state) ? ICONS[state] : 'person';
}
