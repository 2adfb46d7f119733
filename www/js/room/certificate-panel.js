// One page on paper: what this person and the group have done, with the curves.

import { byId, h, show } from '../common/element.js';
import { bytes, day } from '../common/format.js';
import { icon } from '../common/icons.js';
import { labelName, words } from '../common/language.js';
import { nameOf } from '../live/laptop-state.js';
import { latestScore } from '../live/score.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

const text = words.certificate;

export function certificatePanel() {
  const button = byId('print-certificate');
  const page = byId('certificate');
  /** @type {State | null} */
  let last = null;

  button.append(icon('file'), text.button);
  button.addEventListener('click', () => {
    fill();
    window.print();
  });
  // Also when the browser's own menu prints the page.
  window.addEventListener('beforeprint', fill);

  function fill() {
    if (last?.finished) page.replaceChildren(...contents(last));
  }

  return {
    /** @param {State} state */
    update(state) {
      last = state;
      show(button, state.finished);
      document.body.classList.toggle('prints-certificate', state.finished);
    },
  };
}

/** @param {State} state */
function contents(state) {
  const { room, name, history, clips, bytes: traffic } = state;
  const laptops = Math.max(0, ...history.map(({ clients }) => clients));
  const facts = text.facts({
    clips: clips.length,
    labels: room.labels.map(labelName).join(', '),
    laptops,
    rounds: history.length,
    score: latestScore(history, words),
    sent: bytes(traffic.sent),
  });
  return [
    h('p', { class: 'certificate-brand' }, 'Chorus'),
    h('h1', {}, text.title(nameOf(name ?? '', words) === name ? name || text.somebody : text.somebody)),
    h('p', {}, text.lead(room.name || room.code, day(Date.now()))),
    h('dl', { class: 'facts' }, ...facts.map(([what, value]) => h('div', {}, h('dt', {}, what), h('dd', {}, value)))),
    h('div', { class: 'certificate-charts' }, ...['chart-accuracy', 'chart-confusion'].map(copyOf)),
    h('p', { class: 'hint' }, text.promise),
  ];
}

/**
 * The chart as it stands on the page.
 * @param {string} id
 */
function copyOf(id) {
  return h('div', { class: 'chart' }, ...[...byId(id).children].map((child) => child.cloneNode(true)));
}
