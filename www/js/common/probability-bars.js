// How likely each label is: a bar for each, and the likeliest in words.

import { h, setAttribute, setText, show } from './element.js';
import { percent } from './format.js';
import { KeyedList } from './keyed-list.js';
import { colourAs, labelIcon } from './labels.js';
import { labelName } from './language.js';

/** @typedef {ArrayLike<number> & Iterable<number>} Probabilities of each label, 0 to 1 */

/**
 * @param {HTMLElement} list is shown with the first bars
 */
export function probabilityBars(list) {
  /** @type {string[]} */
  let labels = [];

  /** @type {KeyedList<{label: string, index: number, share: number, most: boolean}>} */
  const bars = new KeyedList(list, ({ label }) => label, ({ label, index }) => {
    const fill = h('span', { class: 'share-fill' });
    const number = h('strong');
    const element = h('li', { class: 'probability', 'data-test': `probability-${index}` },
      h('span', { class: 'label-tag' }, labelIcon(labels, index), labelName(label)),
      h('span', { class: 'share-track', 'aria-hidden': 'true' }, fill), number);
    colourAs(element, labels, index);
    return {
      element,
      update({ share, most }) {
        fill.style.width = `${(share * 100).toFixed(1)}%`;
        setText(number, percent(share));
        element.dataset.share = share.toFixed(6);
        setAttribute(element, 'data-most', most ? 'true' : null);
      },
    };
  });

  /**
   * @param {string[]} room the room's labels
   * @param {Probabilities} probabilities
   */
  function draw(room, probabilities) {
    labels = room;
    const most = Math.max(...probabilities);
    show(list, true);
    bars.render(labels.map((label, index) => ({ label, index, share: probabilities[index] ?? 0, most: probabilities[index] === most })));
  }

  return { draw };
}

/**
 * The label that is heard, and how surely.
 * @param {string[]} labels
 * @param {Probabilities} probabilities
 * @returns {[label: string, share: string]} as people read them
 */
export function likeliest(labels, probabilities) {
  const most = Array.from(probabilities).indexOf(Math.max(...probabilities));
  return [labelName(labels[most] ?? ''), percent(probabilities[most] ?? 0)];
}
