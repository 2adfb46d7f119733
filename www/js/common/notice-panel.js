// Messages from the worker that no panel shows by itself. Errors and warnings stay until they are dismissed.

import { announce } from './announcer.js';
import { h } from './element.js';
import { icon } from './icons.js';
import { explain, words } from './language.js';
import { problemOf } from './problem.js';

/** @typedef {{level: 'info' | 'warning' | 'error', code: string, reason?: string, message: string}} Notice the message is the program's own; what is shown are the words for its code */

const INFO_MS = 8000;
const MOST = 4; // shown at a time; older ones give way

/** @param {HTMLElement} parent */
export function noticePanel(parent) {
  /** @param {Notice} notice */
  function show({ level, code, reason, message }) {
    say(level, code, message && explain(words.told, { code: reason ?? code, message }));
  }

  /**
   * Shows a sentence in the page's own language.
   * @param {Notice['level']} level
   * @param {string} code one notice takes the place of another of its code
   * @param {string} text nothing where what it told of is over
   */
  function say(level, code, text) {
    for (const same of parent.querySelectorAll('.notice')) {
      if (same.getAttribute('data-code') === code) same.remove();
    }
    if (!text) return;
    const notice = h('div', { class: 'notice banner', 'data-test': 'notice', 'data-level': level, 'data-code': code, role: level === 'error' ? 'alert' : null },
      icon(level === 'info' ? 'good' : 'fair'),
      h('div', {}, h('p', {}, text)),
      h('button', { class: 'quiet icon-button', type: 'button', 'aria-label': words.common.dismiss, onclick: () => { notice.remove(); } }, icon('missing')));
    parent.append(notice);
    while (parent.childElementCount > MOST) parent.firstElementChild?.remove();
    if (level !== 'error') announce(text);
    if (level === 'info') setTimeout(() => notice.remove(), INFO_MS);
  }

  return {
    show,
    say,
    /**
     * Shows a command that failed.
     * @param {unknown} error
     */
    tell(error) {
      const { code = 'failed', message = String(error) } = problemOf(error);
      if (code === 'crashed') return; // shown in place of the whole room
      show({ level: 'error', code, message });
    },
  };
}
