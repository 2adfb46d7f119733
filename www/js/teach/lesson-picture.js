// A small picture of a label: what it is to be shown by, or its shape in its colour with a face on it.

import { svg } from '../common/element.js';
import { labelIcon } from '../common/labels.js';
import { PICTURES, WHITE } from '../common/pictures.js';

/**
 * @param {string[]} labels of the room
 * @param {number} index of the one to draw
 * @param {string} sign its letters, its picture's name, or nothing
 * @returns {SVGElement}
 */
export function lessonPicture(labels, index, sign) {
  const label = labels[index];
  const picture = labelIcon(labels, index, sign);
  picture.classList.add('lesson-picture');
  if (sign) return picture;
  if (Object.hasOwn(WHITE, label)) picture.append(svg('path', { class: 'lesson-white', d: WHITE[label] }));
  if (Object.hasOwn(PICTURES, label)) picture.append(svg('path', { class: 'lesson-lines', d: PICTURES[label] }));
  return picture;
}

/** A label that has yet to be named. */
export function blankPicture() {
  return svg('svg', { class: 'lesson-picture lesson-blank', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('circle', { cx: 12, cy: 12, r: 10 }), svg('path', { d: 'M12 8v8M8 12h8' }));
}
