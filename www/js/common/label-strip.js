// One strip, divided as someone's clips are divided among the labels.

import { h } from './element.js';
import { colourAs, labelIcon } from './labels.js';

/**
 * @param {HTMLElement} strip
 * @param {string[]} labels of the room
 * @param {number[]} counts clips of each label
 */
export function fillStrip(strip, labels, counts) {
  while (strip.childElementCount < counts.length) strip.append(h('i'));
  counts.forEach((count, index) => {
    const part = /** @type {HTMLElement} */ (strip.children[index]);
    colourAs(part, labels, index);
    part.style.flexGrow = String(count);
    part.hidden = count === 0;
  });
}

/**
 * The same with each label's shape in its part, where there is room for it (css/board.css decides).
 * @param {HTMLElement} strip
 * @param {string[]} labels
 * @param {number[]} counts
 */
export function fillShapedStrip(strip, labels, counts) {
  fillStrip(strip, labels, counts);
  counts.forEach((_, index) => {
    const part = strip.children[index];
    if (!part.firstChild) part.append(labelIcon(labels, index));
  });
}
