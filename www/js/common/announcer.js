// Tells people who listen to the page rather than look at it what has changed: one polite live region, never in a rush.

import { h } from './element.js';

const PAUSE_MS = 1500;

/** @type {string[]} */
const waiting = [];
let speaking = false;

/**
 * Says a sentence as soon as the one before has had its time. A sentence that says the same is not repeated while it waits.
 * @param {string} sentence
 */
export function announce(sentence) {
  if (!sentence || waiting.includes(sentence)) return;
  waiting.push(sentence);
  if (waiting.length > 3) waiting.shift(); // old news only delays the new
  if (!speaking) next();
}

function next() {
  const sentence = waiting.shift();
  const region = document.getElementById('announcer');
  speaking = sentence !== undefined && region !== null;
  if (!speaking || region === null) return;
  region.replaceChildren(h('p', {}, sentence)); // a new element, so that the same words twice are heard twice
  setTimeout(next, PAUSE_MS);
}
