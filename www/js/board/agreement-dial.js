// A small compass: its arrow points up where an update goes with the others, down where it goes against them.

import { setAttribute, svg } from '../common/element.js';
import { words } from '../common/language.js';
import { angleOf, wayOf } from '../live/agreement.js';

/**
 * @returns {{element: SVGElement, update: (cosine: number | null | undefined) => void}}
 */
export function agreementDial() {
  const arrow = svg('path', { class: 'dial-arrow', d: 'M12 19V5M7.5 9.5L12 5l4.5 4.5' });
  const element = svg('svg', { class: 'dial', viewBox: '0 0 24 24', role: 'img' },
    svg('circle', { class: 'dial-face', cx: 12, cy: 12, r: 11 }),
    svg('path', { class: 'dial-north', d: 'M12 1v3' }),
    arrow);
  return {
    element,
    update(cosine) {
      const way = wayOf(cosine);
      setAttribute(element, 'data-way', way);
      setAttribute(element, 'aria-label', words.board.agreement.says(words.board.agreement[way]));
      setAttribute(arrow, 'transform', way === 'unknown' ? null : `rotate(${angleOf(/** @type {number} */ (cosine)).toFixed(0)} 12 12)`);
      setAttribute(arrow, 'visibility', way === 'unknown' ? 'hidden' : null);
    },
  };
}
