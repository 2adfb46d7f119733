// What is said of a laptop whose steps do not fit into the longest wait of its room. Pure; the words are those of a language.

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
