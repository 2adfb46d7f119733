// How often a model was right, as people read it: a count of so many clips, never a share of a few. Pure.

/**
 * @param {{accuracy: number, clips: number}} measured accuracy 0 to 1, on so many test clips
 * @param {typeof import('/words/en.js').words} words
 * @returns {string} `9 of 12`
 */
export function scoreOf({ accuracy, clips }, words) {
  return words.common.score(Math.round(accuracy * clips), clips);
}

/**
 * The newest score of the shared model, or nothing where no round has measured one.
 * @param {{shared_accuracy: number | null, shared_clips: number | null}[]} history
 * @param {typeof import('/words/en.js').words} words
 * @returns {string}
 */
export function latestScore(history, words) {
  const measured = history.filter(({ shared_accuracy: accuracy, shared_clips: clips }) => typeof accuracy === 'number' && clips).at(-1);
  return measured ? scoreOf({ accuracy: /** @type {number} */ (measured.shared_accuracy), clips: /** @type {number} */ (measured.shared_clips) }, words) : '';
}

/**
 * Whether a version of the model was measured, on everyone's test clips or on one's own.
 * @param {{shared_accuracy: number | null, own_accuracy: number | null}[]} history
 */
export function isMeasured(history) {
  return history.some(({ shared_accuracy: shared, own_accuracy: own }) => shared !== null || own !== null);
}
