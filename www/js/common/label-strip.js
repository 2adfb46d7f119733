// One strip, divided as someone's clips are divided among the labels.

import { h } from './element.js';
import { colourAs, labelIcon } from './labels.js';

/**
 * @param {HTMLElement} strip
 * @param {number[]} labels clips of each label
 */
export function fillStrip(strip, labels) {
  while (strip.childElementCount < labels.length) strip.append(h('i'));
  labels.forEach((count, index) => {
    const part = /** @type {HTMLElement} */ (strip.children[index]);
    colourAs(part, index);
    part.style.flexGrow = String(count);
    part.hidden = count === 0;
  });
}

/**
 * The same with each label's shape in its part, where there is room for it (css/board.css decides).
 * @param {HTMLElement} strip
 * @param {number[]} labels
 */
export function fillShapedStrip(strip, labels) {
  fillStrip(strip, labels);
  labels.forEach((_, index) => {
    const part = strip.children[index];
    if (!part.firstChild) part.append(labelIcon(index));
  });
}
