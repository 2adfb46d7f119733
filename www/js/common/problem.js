// What was thrown, as far as one can tell: the worker's refusals have a code, errors of the browser a message. And what is said of it.

/** @typedef {{code?: string, message?: string}} Problem */

/**
 * What is said of something that went wrong: the words for its code in the first dictionary that has any, and never the message of
 * a browser or a program, which is in a language of its own and goes to the console. Words that are a function take the message
 * as their detail: these alone are of codes whose message is a name.
 *
 * @param {Record<string, string | ((detail: string) => string)>[]} dictionaries
 * @param {string} otherwise what is said where none has
 * @param {unknown} error what was thrown, or an object like it
 * @returns {string}
 */
export function meaningOf(dictionaries, otherwise, error) {
  const { code = '', message = '' } = problemOf(error);
  const known = dictionaries.find((one) => Object.hasOwn(one, code))?.[code];
  if (typeof known === 'function') return known(message);
  log(error);
  return known ?? otherwise;
}

/**
 * Keeps what was thrown for whoever looks into the console.
 * @param {unknown} error
 */
export function log(error) {
  const { code = '', message = '' } = problemOf(error);
  if (error instanceof Error || message) console.warn(...[code, error instanceof Error ? error : message].filter(Boolean));
}

/**
 * @param {unknown} error whatever was thrown
 * @returns {Problem}
 */
export function problemOf(error) {
  return typeof error === 'object' && error !== null ? error : {};
}
