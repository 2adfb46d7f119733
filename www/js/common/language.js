// Chooses the language of the pages and puts its words where the HTML has left room for them (data-words="path").

import { meaningOf } from './problem.js';

/** The languages that there are words for, each by its own name. To add one: translate words/en.js and name it here. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español' };

const STORED = 'chorus.language';

/** The language that was chosen in this browser, or the first of the browser's own that there are words for. */
function language() {
  const wished = [stored(), ...navigator.languages].map((tag) => (tag ?? '').toLowerCase().split('-')[0]);
  return wished.find((code) => Object.hasOwn(LANGUAGES, code)) ?? 'en';
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // this browser keeps nothing; then its own languages count
  }
}

/** What has to be kept before the page is loaded again.
 * @type {(() => Promise<void>)[]} */
const keepers = [];

/**
 * Has something kept before the page is loaded again in another language.
 * @param {() => Promise<void>} keep fails where it cannot, and the page then stays as it is
 */
export function beforeLeaving(keep) {
  keepers.push(keep);
}

/**
 * Chooses a language for this browser and loads the page again in it.
 * @param {string} code
 * @returns {Promise<boolean>} whether it could: what was recorded is not given up for a language
 */
export async function chooseLanguage(code) {
  try {
    for (const keep of keepers) await keep();
    localStorage.setItem(STORED, code);
  } catch {
    return false;
  }
  location.reload();
  return true;
}

/** What the words are imported as in a page that was taken home, which has them inside (js/room/offline-file.js). */
const inside = document.querySelector('meta[name="chorus-words"]')?.getAttribute('content');

/** @type {typeof import('/words/en.js').words} */
export const words = (await import(inside ?? `/words/${language()}.js`)).words;

/**
 * The word or sentence at a dotted path, such as `join.title`.
 * @param {string} path
 * @returns {string}
 */
function wordAt(path) {
  /** @type {unknown} */
  let found = words;
  for (const part of path.split('.')) found = /** @type {Record<string, unknown> | undefined} */ (found)?.[part];
  if (typeof found !== 'string') throw new Error(`words/${words.language}.js has no text “${path}”`);
  return found;
}

/**
 * Fills every element that names its words: `data-words` is its text, `data-words-label` its accessible name.
 * @param {ParentNode} [root]
 */
export function fillWords(root = document) {
  document.documentElement.lang = words.language;
  for (const element of root.querySelectorAll('[data-words]')) {
    element.textContent = wordAt(/** @type {HTMLElement} */ (element).dataset.words ?? '');
  }
  for (const element of root.querySelectorAll('[data-words-label]')) {
    element.setAttribute('aria-label', wordAt(/** @type {HTMLElement} */ (element).dataset.wordsLabel ?? ''));
  }
  document.body.removeAttribute('data-wordless');
}

/**
 * A label in the page's language; labels that a room made up itself stay as they are.
 * @param {string} label
 * @returns {string}
 */
export function labelName(label) {
  const known = /** @type {Record<string, string>} */ (words.labels);
  return Object.hasOwn(known, label) ? known[label] : label;
}

/** @typedef {Record<string, string | ((detail: string) => string)>} Meanings */

/**
 * What a code from the worker or the server means: here, or else anywhere.
 * @param {Meanings} meanings what codes mean here
 * @param {unknown} error what was thrown, or an object like it
 * @returns {string}
 */
export function explain(meanings, error) {
  return meaningOf([meanings, words.problems], words.problems.unknown, error);
}
