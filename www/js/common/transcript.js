// What is said in a clip, as people type it and tables have it.

/**
 * A text as the program wants it: letters composed (Unicode's form C), which it has no tables for. It cleans and bounds it itself.
 * @param {string} typed
 */
export function composed(typed) {
  return typed.normalize('NFC');
}

/**
 * A field for what is said. It has no greatest length: a browser would cut a longer text off without a word, and the program says
 * that it is too long.
 * @type {Record<string, string>}
 */
export const FIELD = { type: 'text', dir: 'auto', autocomplete: 'off', spellcheck: 'true' };
