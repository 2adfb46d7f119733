// Puts a chart that the worker has drawn into the page.

import { show } from './element.js';

/**
 * Puts a chart in its place, or hides the place where there is none. The text is read as an XML image, which runs
 * nothing, and must be one.
 * @param {HTMLElement} parent
 * @param {string | null} text
 */
export function placeChart(parent, text) {
  show(parent, Boolean(text));
  if (!text) return;
  const chart = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  if (chart.localName !== 'svg' || chart.querySelector('script, foreignObject, parsererror')) return;
  parent.replaceChildren(document.importNode(chart, true));
}
