// A link in large letters, which may be broken before its path and nowhere else.

import { h } from './element.js';

/**
 * @param {HTMLElement} place
 * @param {string} link
 */
export function showLink(place, link) {
  if (place.textContent === link) return;
  const [, origin = link, path = ''] = /^(\w+:\/\/[^/]+)(.*)$/.exec(link) ?? [];
  place.replaceChildren(origin, h('wbr'), path);
}
