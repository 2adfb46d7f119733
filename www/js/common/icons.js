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
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  board: 'M3 5h18v12H3zM8 21h8M12 17v4',
  full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  unlock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2',
  pause: 'M8.5 5v14M15.5 5v14',
  next: 'M6 5l9 7-9 7zM18 5v14',
  flag: 'M6 21V4h12l-3 4 3 4H6',
  back: 'M4 4v6h6M4.6 10a8 8 0 1 1-.9 5',
  plus: 'M12 5v14M5 12h14',
  pen: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  person: 'M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c0-4 3.5-6 7-6s7 2 7 6',
  eye: 'M2.5 12c2.5-4.5 6-6.5 9.5-6.5s7 2 9.5 6.5c-2.5 4.5-6 6.5-9.5 6.5s-7-2-9.5-6.5zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  measure: 'M3 8h18v8H3zM7 8v3.5M11 8v3.5M15 8v3.5M19 8v3.5',
  lost: 'M3 3l18 18M5 12.5a10 10 0 0 1 5-2.6M14 10a10 10 0 0 1 5 2.5M8.5 16a5 5 0 0 1 5.5-1M12 19.5v.2',
  train: 'M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2',
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
