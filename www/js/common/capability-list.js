// Shows what this browser can do, one line for each thing, in plain words.

import { checkCapabilities } from './capabilities.js';
import { h } from './element.js';
import { bytes, figures } from './format.js';
import { icon } from './icons.js';
import { words } from './language.js';

/**
 * Checks, and fills the list as the answers come.
 * @param {HTMLElement} list a `<ul>`
 */
export async function showCapabilities(list) {
  const rows = checkCapabilities().map((finding) => {
    const row = h('li', { class: 'capability' }, words.capabilities.checking);
    list.append(row);
    return finding.then((found) => fill(row, found));
  });
  await Promise.all(rows);
}

/**
 * @param {HTMLElement} row
 * @param {import('./capabilities.js').Finding} finding
 */
function fill(row, { what, verdict, reason, detail }) {
  const sentence = /** @type {Record<string, string | ((detail: string) => string)>} */ (words.capabilities)[reason];
  const shown = typeof detail === 'number' ? (what === 'storage' ? bytes : figures)(detail) : detail;
  row.dataset.verdict = verdict;
  row.dataset.test = `capability-${what}`;
  row.replaceChildren(
    icon(verdict),
    h('div', {},
      h('strong', {}, words.capabilities[what], ' '),
      h('span', { class: 'verdict' }, words.capabilities[verdict]),
      h('p', {}, typeof sentence === 'function' ? sentence(shown ?? '') : sentence)));
}
