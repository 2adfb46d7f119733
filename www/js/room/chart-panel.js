// The curves that the worker draws, and the same figures as a table for those who cannot see them.

import { placeChart } from '../common/chart-svg.js';
import { byId, h, setText, show } from '../common/element.js';
import { decimal } from '../common/format.js';
import { words } from '../common/language.js';
import { isMeasured, scoreOf } from '../live/score.js';

/**
 * @typedef {import('../worker/messages.js').RoomState} State
 * @typedef {import('../worker/messages.js').RoundResult} RoundResult
 */

/** @type {[string, (result: RoundResult) => string][]} */
const COLUMNS = [
  [words.charts.round, ({ round }) => String(round)],
  [words.charts.sharedAccuracy, ({ shared_accuracy: accuracy, shared_clips: clips }) => known(accuracy, (accuracy) => scoreOf({ accuracy, clips: clips ?? 0 }, words))],
  [words.charts.ownAccuracy, ({ own_accuracy: accuracy, own_clips: clips }) => known(accuracy, (accuracy) => scoreOf({ accuracy, clips: clips ?? 0 }, words))],
  [words.charts.sharedLoss, ({ shared_loss: loss }) => known(loss, (value) => decimal(value, 3))],
  [words.charts.ownLoss, ({ own_loss: loss }) => known(loss, (value) => decimal(value, 3))],
  [words.charts.clients, ({ clients }) => String(clients)],
  [words.charts.examples, ({ examples }) => String(examples)],
];

export function chartPanel() {
  const body = h('tbody');
  byId('chart-table').append(h('table', {},
    h('caption', { class: 'visually-hidden' }, words.charts.caption),
    h('thead', {}, h('tr', {}, ...COLUMNS.map(([title]) => h('th', { scope: 'col' }, title)))),
    body));

  return {
    /** @param {import('../worker/messages.js').Charts} charts */
    draw({ accuracy, loss, confusion }) {
      placeChart(byId('chart-accuracy'), accuracy);
      placeChart(byId('chart-loss'), loss);
      placeChart(byId('chart-confusion'), confusion);
      show(byId('confusion-hint'), Boolean(confusion));
    },

    /** @param {State} state */
    update({ history }) {
      show(byId('chart-area'), isMeasured(history));
      history.forEach((result, index) => {
        const row = body.rows[index] ?? body.appendChild(h('tr', {}, ...COLUMNS.map((_, column) => h(column === 0 ? 'th' : 'td', column === 0 ? { scope: 'row' } : {}))));
        COLUMNS.forEach(([, text], column) => setText(row.cells[column], text(result)));
      });
      while (body.rows.length > history.length) body.deleteRow(-1);
    },
  };
}

/**
 * @param {number | null | undefined} value
 * @param {(value: number) => string} write
 */
function known(value, write) {
  return typeof value === 'number' ? write(value) : words.charts.unknown;
}
