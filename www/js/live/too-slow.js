// What is said of how quick a laptop is: which of its processors is quicker, and that its steps do not fit into the longest wait of
// its room. Pure; the words are those of a language.

import { decimal } from '../common/format.js';

/** @typedef {typeof import('/words/en.js').words} Words */

/**
 * @typedef {object} TooSlow
 * @property {number} whole_ms how long all of its steps take
 * @property {number} deadline_ms how long a round may take
 * @property {number} whole all of its steps
 * @property {number} fits those that fit
 */

/**
 * What the host reads of a student's.
 * @param {string} name
 * @param {TooSlow} slow
 * @param {boolean} doFewer whether slow laptops do fewer steps in this room
 * @param {Words} words
 * @returns {string}
 */
export function slownessOf(name, slow, doFewer, words) {
  const { late, fewer } = words.teach.roster.tooSlow;
  return doFewer ? fewer(name, slow.fits, slow.whole) : late(name, span(slow.whole_ms, words), span(slow.deadline_ms, words));
}

/**
 * What a student reads of their own.
 * @param {TooSlow & {fewer: boolean}} slow
 * @param {Words} words
 * @returns {string}
 */
export function ownSlownessOf(slow, words) {
  const { late, fewer } = words.laptop.tooSlow;
  return slow.fewer ? fewer(slow.fits, slow.whole) : late(span(slow.whole_ms, words), span(slow.deadline_ms, words));
}

// Measured for a fraction of a second, times differ by so much from one try to the next.
const ALIKE = 1.2;

/**
 * Which of two processors is quicker, and how many times.
 * @param {{processor_ms: number | null, graphics_ms: number | null}} measured how long a step takes on each
 * @param {Words} words
 * @returns {string} empty where there is only one of them
 */
export function quickerOf({ processor_ms: processor, graphics_ms: graphics }, words) {
  if (processor === null || graphics === null) return '';
  const times = Math.max(processor, graphics) / Math.min(processor, graphics);
  if (times < ALIKE) return words.laptop.quicker.alike;
  const said = decimal(times, times < 10 ? 1 : 0);
  return processor < graphics ? words.laptop.quicker.processor(said) : words.laptop.quicker.graphics(said);
}

/**
 * A time as people say it: from a minute and a half on in whole minutes, from two hours on in whole hours.
 * @param {number} milliseconds
 * @param {Words} words
 */
function span(milliseconds, words) {
  const say = words.teach.create.duration;
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 90) return say.seconds(seconds);
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? say.minutes(minutes, minutes) : say.hours(Math.round(minutes / 60), Math.round(minutes / 60));
}
