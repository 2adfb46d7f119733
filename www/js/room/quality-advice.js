// What a person could do better about a recording: a warning in plain words, never a refusal.

import { h } from '../common/element.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';

/**
 * The sentences for what was found, the worst first.
 * @param {string[]} complaints
 * @returns {string[]}
 */
export function adviceOn(complaints) {
  const known = /** @type {Record<string, string>} */ (words.quality.advice);
  return complaints.filter((complaint) => Object.hasOwn(known, complaint)).map((complaint) => known[complaint]);
}

/**
 * A banner with all of them, or nothing where the recording is good.
 * @param {string[]} complaints
 * @returns {HTMLElement | null}
 */
export function adviceBanner(complaints) {
  const advice = adviceOn(complaints);
  if (advice.length === 0) return null;
  return h('div', { class: 'banner advice', 'data-level': 'warning', 'data-test': 'quality-advice', 'data-complaints': complaints.join(' ') },
    icon('fair'),
    h('div', {}, ...advice.map((sentence) => h('p', {}, sentence)), h('p', { class: 'hint' }, words.quality.keepAnyway)));
}
