// The few line icons of the pages, on a 24 x 24 grid, drawn in the colour of the text beside them.

import { svg } from './element.js';

const PATHS = {
  microphone: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  play: 'M8 5l11 7-11 7z',
  stop: 'M7 7h10v10H7z',
  bin: 'M4 7h16M9.5 7V4h5v3M6 7l1 13h10l1-13M10 11v5.5M14 11v5.5',
  undo: 'M8 5L4 9l4 4M4.5 9H14a5.5 5.5 0 0 1 0 11h-4',
  file: 'M6 3h8l5 5v13H6zM13.5 3.5V9H19',
  folder: 'M3 6h6l2 2.5h10V19H3z',
  good: 'M5 12.5l4.5 4.5L19 7',
  fair: 'M12 4l9.5 16h-19zM12 10v4.5M12 17.3v.2',
  missing: 'M6 6l12 12M18 6L6 18',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.3M18 14.5c2.2.8 3.5 2.7 3.5 5.5',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  up: 'M12 20V5M6.5 10.5L12 5l5.5 5.5',
  down: 'M12 4v15M6.5 13.5L12 19l5.5-5.5',
  wave: 'M3 12h2M8 8v8M12 4v16M16 8v8M19 12h2',
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return svg('svg', { class: `icon icon-${name}`, viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: PATHS[name] }));
}
