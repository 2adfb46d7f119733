// What a laptop does now, as a word and as a picture. Pure, so that a test holds it to the states that there are.

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

/**
 * @param {string} state as it is shown
 * @param {Record<string, string>} names the words for all of them
 */
export function stateName(state, names) {
  return Object.hasOwn(names, state) ? names[state] : state;
}

/** @param {string} state */
export function stateIcon(state) {
  return Object.hasOwn(ICONS, state) ? ICONS[state] : 'person';
}
