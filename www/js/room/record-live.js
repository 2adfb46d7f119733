// The stage while the microphone is wanted: it opens, three seconds are counted down, one speaks.

import { announce } from '../common/announcer.js';
import { h, setText } from '../common/element.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';

/**
 * @param {string[]} labels of the room
 * @param {number} label that is recorded
 * @param {string} say what to say
 * @param {HTMLCanvasElement} canvas for the picture of the sound
 * @param {{cancel: () => void, stop: () => void, longest: number}} wishes `longest` is how many seconds a recording may last
 */
export function recordLive(labels, label, say, canvas, wishes) {
  const name = labelName(labels[label]);
  const saying = h('span', {}, words.record.opening);
  const headline = h('p', { class: 'stage-line' }, labelIcon(labels, label), saying);
  const count = h('p', { class: 'count', 'aria-hidden': 'true' });
  const cancel = h('button', { type: 'button', 'data-test': 'cancel-recording', onclick: wishes.cancel }, words.common.cancel);

  return {
    element: h('div', { class: 'stage' }, headline, h('p', { class: 'prompt-say' }, say), count, canvas, cancel),
    focus: () => cancel.focus(),

    /** @param {number} left seconds until it begins */
    counts(left) {
      const ready = words.record.ready(name);
      if (!count.hasChildNodes()) announce(ready);
      setText(saying, ready);
      setText(count, String(left));
    },

    begins() {
      count.remove();
      setText(saying, words.record.now(name));
      headline.classList.add('live');
      const stop = h('button', { class: 'primary', type: 'button', 'data-test': 'stop-recording', onclick: wishes.stop }, icon('stop'), words.record.stop);
      cancel.replaceWith(stop, h('p', { class: 'hint' }, words.record.limit(wishes.longest)));
      stop.focus();
      announce(words.record.now(name));
    },
  };
}
