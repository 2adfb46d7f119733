// The colour and the shape of each label, its sign: no label is known by its colour alone. A label that the pages know has
// the same sign in every room; the others share out what is left. The colours (css/tokens.css) are Okabe and Ito's, which
// differ for the colour-blind too.

import { svg } from './element.js';

const COLOURS = 8;

/** The signs of the labels that the pages know: of moods, and of instruments, which are rarely in one room with them. */
const OWN = new Map(Object.entries({
  angry: 0, happy: 1, neutral: 2, sad: 3, afraid: 4, surprised: 5,
  piano: 0, guitar: 1, flute: 2, drums: 3,
}));

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

/**
 * The sign of each label of a room. Where two known labels have the same one, the first keeps it.
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
 * The label's shape in the label's colour. A ninth sign and those after it have a hole.
 * @param {string[]} labels of the room
 * @param {number} index the label's place among them
 * @returns {SVGElement}
 */
export function labelIcon(labels, index) {
  const sign = signsOf(labels)[index] ?? index;
  const icon = svg('svg', { class: 'label-icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: SHAPES[sign % SHAPES.length] }),
    sign >= SHAPES.length && svg('circle', { cx: 12, cy: 13, r: 3.5, class: 'hole' }));
  colourAs(icon, labels, index);
  return icon;
}
