// What a laptop does now, as a word and as a picture. Pure, so that a test holds it to the states that there are.

import { percent } from '../common/format.js';
import { isSeen } from '../common/nickname.js';

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
 * A laptop's name, or an edge's. One that the server gave in place of a nickname is in the page's language.
 * @param {string} name
 * @param {typeof import('/words/en.js').words} words
 * @param {boolean} [isEdge]
 * @returns {string} empty where it has none yet
 */
export function nameOf(name, words, isEdge = false) {
  const given = /^Client (\d+)$/.exec(name);
  return given ? (isEdge ? words.board.edges : words.board).laptop(given[1]) : name;
}

/** Marks that turn the direction of what follows. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** What shows nothing by itself. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Cc}\u2800]/gu;
/** What is written from right to left. */
const LEFTWARDS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * The names of a room's people as they are shown: none is blank, and of equal ones each but the first has its number.
 * @param {{name: string, behind?: number}[]} people in the room's order
 * @param {typeof import('/words/en.js').words} words
 * @returns {string[]}
 */
export function shownNames(people, words) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return people.map(({ name, behind }) => {
    if (!isSeen(name)) return words.board.unnamed;
    const called = nameOf(name.replace(DIRECTIONS, '').trim(), words, behind !== undefined);
    const key = called.normalize('NFKC').toLowerCase().replace(UNSEEN, '');
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    return number === 1 ? called : words.common.another(called, number);
  });
}

/**
 * A name for a sentence: one that is written from right to left leaves the order of the words around it alone.
 * @param {string} name
 */
export function isolated(name) {
  return LEFTWARDS.test(name) ? `\u2068${name}\u2069` : name;
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
