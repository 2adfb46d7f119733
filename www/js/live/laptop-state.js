// What a laptop does now, as a word and as a picture. Pure, so that a test holds it to the states that there are.

import { percent } from '../common/format.js';

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
 * A laptop's name. One that the server gave in place of a nickname is in the page's language.
 * @param {string} name
 * @param {typeof import('/words/en.js').words} words
 * @returns {string} empty where it has none yet
 */
export function nameOf(name, words) {
  const given = /^Client (\d+)$/.exec(name);
  return given ? words.board.laptop(given[1]) : name;
}

/**
 * @param {string} state as it is shown
 * @param {Record<string, string>} names the words for all of them
 */
export function stateName(state, names) {
  return Object.hasOwn(names, state) ? names[state] : state;
}

/**
 * What a laptop does, with how far it is while it trains or sends.
 * @param {{state: string, passed_over?: boolean, fraction?: number}} laptop
 * @param {{states: Record<string, string>, doing: (state: string, share: string) => string}} words
 * @returns {string}
 */
export function doingOf(laptop, { states, doing }) {
  const state = shownState(laptop);
  const name = stateName(state, states);
  const far = laptop.fraction !== undefined && (state === 'training' || state === 'uploading');
  return far ? doing(name, percent(laptop.fraction ?? 0)) : name;
}

/** @param {string} state */
export function stateIcon(state) {
  return Object.hasOwn(ICONS, state) ? ICONS[state] : 'person';
}
