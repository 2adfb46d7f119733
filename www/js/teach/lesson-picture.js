// A small picture of a label: its shape in its colour, with a face, an instrument or a letter on it.

import { svg } from '../common/element.js';
import { labelIcon } from '../common/labels.js';

// Lines on the label's 24 x 24 grid.
/** @type {Record<string, string>} */
const DRAWINGS = {
  angry: 'M8 9.5l2 1M16 9.5l-2 1M9.5 15.2c1.5-1.3 3.5-1.3 5 0',
  happy: 'M9 9.7v.4M15 9.7v.4M8.2 13.3c1.8 3 5.8 3 7.6 0',
  neutral: 'M9 9.7v.4M15 9.7v.4M9 14.6h6',
  sad: 'M9.5 12.2v.4M14.5 12.2v.4M9.6 17c1.4-1.4 3.4-1.4 4.8 0',
  afraid: 'M9.5 9.7v.4M14.5 9.7v.4M8.8 14.5c.8-1 1.2-1 2 0s1.2 1 2 0 1.2-1 2.2 0',
  surprised: 'M9 9.5v.4M15 9.5v.4M12 13.2a1.6 1.8 0 1 0 .01 0z',
  piano: 'M7.5 8h9v8h-9zM10.5 8v5M13.5 8v5',
  guitar: 'M10.2 13.8a2 2 0 1 0 .01 0zM11.8 12.5l4-4.3M15 7.4l1.7 1.6',
  flute: 'M7.5 14.8l8.5-5.6M10.4 11.7v.1M12.2 10.5v.1M14 9.3v.1',
  drums: 'M8.3 12v3.2c0 1.5 7.4 1.5 7.4 0V12M8.3 12c0 1.4 7.4 1.4 7.4 0s-7.4-1.4-7.4 0zM13 10.5l2.8-2.7',
};

/** What is white in a drawing, under its lines. @type {Record<string, string>} */
const WHITE = { piano: 'M7.5 8h9v8h-9z', drums: 'M8.3 12c0 1.4 7.4 1.4 7.4 0s-7.4-1.4-7.4 0z' };

/**
 * @param {string[]} labels of the room
 * @param {number} index of the one to draw
 * @returns {SVGElement}
 */
export function lessonPicture(labels, index) {
  const label = labels[index];
  const picture = labelIcon(labels, index);
  picture.classList.add('lesson-picture');
  if (Object.hasOwn(WHITE, label)) picture.append(svg('path', { class: 'lesson-white', d: WHITE[label] }));
  if (Object.hasOwn(DRAWINGS, label)) picture.append(svg('path', { class: 'lesson-lines', d: DRAWINGS[label] }));
  else if (label.length === 1) picture.append(svg('text', { class: 'lesson-letter', x: 12, y: 16 }, label));
  return picture;
}

/** A label that has yet to be named. */
export function blankPicture() {
  return svg('svg', { class: 'lesson-picture lesson-blank', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('circle', { cx: 12, cy: 12, r: 10 }), svg('path', { d: 'M12 8v8M8 12h8' }));
}
