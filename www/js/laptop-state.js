// What a laptop does now, as a word and as a picture.

import { words } from './language.js';

/** @type {Record<string, import('./icons.js').IconName>} */
const ICONS = {
  watching: 'eye', recording: 'microphone', ready: 'good', normalising: 'measure', training: 'train',
  waiting: 'clock', uploading: 'up', accepted: 'good', refused: 'undo', offline: 'lost',
};

/** @param {string} state */
export function stateName(state) {
  const names = /** @type {Record<string, string>} */ (words.board.states);
  return Object.hasOwn(names, state) ? names[state] : state;
}

/** @param {string} state */
export function stateIcon(state) {
  return Object.hasOwn(ICONS, state) ? ICONS[state] : 'person';
}
