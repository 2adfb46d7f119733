// What was thrown, as far as one can tell: the worker's refusals have a code, errors of the browser a message. Pure.

/** @typedef {{code?: string, message?: string}} Problem */

/**
 * @param {unknown} error whatever was thrown
 * @returns {Problem}
 */
export function problemOf(error) {
  return typeof error === 'object' && error !== null ? error : {};
}
