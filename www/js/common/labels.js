// The colour of each label and what it is shown by: a shape, or the letters or the picture that the host of the room chose. No label is
// known by its colour alone. A label that the pages know has the same colour and shape in every room; the others share out what is
// left. The colours (css/tokens.css) are Okabe and Ito's, which differ for the colour-blind too; letters and lines on them have a
// contrast of at least 4.5 to 1, by day and by night (tests/page/signs.test.mjs).

import { h, svg } from './element.js';
import { PICTURES } from './pictures.js';

const COLOURS = 8;

/** The colours and shapes of the labels that the pages know: of moods, and of instruments, which are rarely in one room with them. */
const OWN = new Map(Object.entries({
  angry: 0, happy: 1, neutral: 2, sad: 3, afraid: 4, surprised: 5,
  piano: 0, guitar: 1, flute: 2, drums: 3,
}));

/** What the host of this page's room chose for its labels. @type {Map<string, string>} */
const CHOSEN = new Map();

/**
 * Has the labels of this page's room shown as its host chose.
 * @param {string[]} labels
 * @param {string[]} [signs] of each: one or two letters, a picture's name, or nothing for the label's shape
 */
export function showSigns(labels, signs = []) {
  CHOSEN.clear();
  labels.forEach((label, index) => signs[index] && CHOSEN.set(label, signs[index]));
}

// On a 24 x 24 grid.
const SHAPES = [
  'M12.0 0.8L14.5 5.9L19.9 4.1L18.1 9.5L23.2 12.0L18.1 14.5L19.9 19.9L14.5 18.1L12.0 23.2L9.5 18.1L4.1 19.9L5.9 14.5L0.8 12.0L5.9 9.5L4.1 4.1L9.5 5.9z',
  'M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z',
  'M6 3h12a3 3 0 0 1 3 3v12a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3z',
  'M12 1.5c4.2 5.2 7.5 9 7.5 13a7.5 7.5 0 0 1-15 0c0-4 3.3-7.8 7.5-13z',
  'M12 1l11 11-11 11L1 12z',
  'M6.5 2.5h11L23 12l-5.5 9.5h-11L1 12z',
  'M8.5 2h7v6.5H22v7h-6.5V22h-7v-6.5H2v-7h6.5z',
  'M12 2l10.5 19h-21z',
];

/** What letters and pictures stand on. */
const TILE = 'M6 1.5h12A4.5 4.5 0 0 1 22.5 6v12a4.5 4.5 0 0 1-4.5 4.5H6A4.5 4.5 0 0 1 1.5 18V6A4.5 4.5 0 0 1 6 1.5z';

/**
 * The colour and shape of each label of a room, by number. Where two known labels have the same one, the first keeps it.
 * @param {string[]} labels in the room's order
 * @returns {number[]} all different
 */
export function signsOf(labels) {
  /** @type {Map<number, number>} */
  const holders = new Map();
  labels.forEach((label, index) => {
    const own = OWN.get(label);
    if (own !== undefined && !holders.has(own)) holders.set(own, index);
  });
  let next = 0;
  return labels.map((label, index) => {
    const own = OWN.get(label);
    if (own !== undefined && holders.get(own) === index) return own;
    while (holders.has(next)) next += 1;
    holders.set(next, index);
    return next;
  });
}

/**
 * Marks an element with the colour of a label: its CSS then has `--label`.
 * @param {Element} element
 * @param {string[]} labels of the room
 * @param {number} index the label's place among them
 */
export function colourAs(element, labels, index) {
  const colour = String((signsOf(labels)[index] ?? index) % COLOURS);
  if (element.getAttribute('data-label-colour') !== colour) element.setAttribute('data-label-colour', colour);
}

/**
 * What the label is shown by, in the label's colour.
 * @param {string[]} labels of the room
 * @param {number} index the label's place among them
 * @param {string} [sign] letters, a picture's name or nothing, where it is not what the host of this page's room chose
 * @returns {SVGElement}
 */
export function labelIcon(labels, index, sign = CHOSEN.get(labels[index]) ?? '') {
  const drawing = drawingOf(sign);
  const icon = svg('svg', { class: drawing ? 'label-icon signed' : 'label-icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    ...(drawing ? [svg('path', { class: 'sign-tile', d: TILE }), drawing] : shapeOf(signsOf(labels)[index] ?? index)));
  colourAs(icon, labels, index);
  return icon;
}

/**
 * A shape; the ninth and those after it have a hole.
 * @param {number} number
 */
function shapeOf(number) {
  return [svg('path', { d: SHAPES[number % SHAPES.length] }), number >= SHAPES.length && svg('circle', { cx: 12, cy: 13, r: 3.5, class: 'hole' })];
}

/**
 * Letters or a picture; nothing for a sign that this page does not know.
 * @param {string} sign
 */
function drawingOf(sign) {
  const letters = [...sign].length;
  if (letters === 1 || letters === 2) return svg('text', { class: letters === 1 ? 'sign-letters' : 'sign-letters two', x: 12, y: 12 }, sign);
  return Object.hasOwn(PICTURES, sign) ? svg('path', { class: 'sign-lines', d: PICTURES[sign], transform: 'translate(-7.2 -7.2) scale(1.6)' }) : null;
}

/**
 * The words on a button that has a label's icon: what is read out, and what is seen. An accessible name beside them would have to have
 * the letters of the icon in it.
 * @param {string} said what the button does, with the label's name
 * @param {string} name the label's
 */
export function wordsOn(said, name) {
  return [h('span', { class: 'visually-hidden' }, said), h('span', { 'aria-hidden': 'true' }, name)];
}
