// How well the shared model does, and everything to take along.

import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { day, percent } from '../common/format.js';
import { icon } from '../common/icons.js';
import { labelName, words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { modelCard } from '../live/model-card.js';
import { groupRows } from '../live/by-group.js';
import { roomCharts } from '../live/room-charts.js';
import { noCurve } from '../live/said.js';
import { scoreOf } from '../live/score.js';
import { sharedResults } from '../live/shared-results.js';

/** @type {[keyof typeof words.teach.results, string][]} */
const FILES = [['model', 'model.safetensors'], ['onnx', 'model.onnx'], ['about', 'model.json'], ['csv', 'results.csv'], ['json', 'results.json']];

/** @param {import('./control-panel.js').Does} does */
export function resultsPanel(does) {
  const charts = roomCharts({
    accuracy: byId('chart-accuracy'), recall: byId('chart-recall'), confusion: byId('chart-confusion'), broken: byId('no-charts'),
  });
  const links = FILES.map(([name, file]) => {
    const link = h('a', { class: 'button', 'data-test': `download-${name}`, 'aria-describedby': 'downloads-hint' }, icon('download'), words.teach.results[name]);
    return { link, file };
  });
  /** @type {import('../live/api-shapes.js').HostRoom | null} */
  let present = null;
  const card = h('button', {
    type: 'button', 'data-test': 'download-card', 'aria-describedby': 'card-hint',
    onclick: () => {
      if (!present || card.getAttribute('aria-disabled') === 'true') return;
      const shown = { labels: present.room.labels.map(labelName), date: day(Date.now()) };
      saveFile(`chorus-${present.room.code}-card.md`, modelCard(present, null, shown, words), 'text/markdown');
    },
  }, icon('download'), words.card.button);
  const session = h('button', {
    type: 'button', 'data-test': 'download-session', 'aria-describedby': 'session-hint',
    onclick: async () => {
      if (session.getAttribute('aria-disabled') !== 'true') tellIn(byId('session-problem'), await does.session(present?.room.code ?? ''));
    },
  }, icon('download'), words.teach.results.session);
  byId('downloads').append(...links.map(({ link }) => link), card, session);

  let shown = '';

  /** @param {import('../live/api-shapes.js').HostRoom} room */
  function showGroups({ room, status }) {
    const rows = groupRows(room.groups ?? [], status.final_groups ?? []);
    show(byId('by-group'), rows.length > 0);
    if (JSON.stringify(rows) === shown) return; // drawn once: whoever reads it is not thrown out
    shown = JSON.stringify(rows);
    const { group, found, mean, few } = words.card.byGroup;
    byId('by-group').replaceChildren(h('table', {}, h('caption', {}, words.teach.results.byGroup),
      h('thead', {}, h('tr', {}, ...[group, found, mean].map((title) => h('th', { scope: 'col' }, title)))),
      h('tbody', {}, ...rows.map(({ group: name, told }) => h('tr', {}, h('th', { scope: 'row' }, name),
        ...(told ? [words.common.score(told.right, told.clips), percent(told.recall)].map((cell) => h('td', {}, cell)) : [h('td', { colspan: 2 }, few)]))))));
  }

  /** @param {import('../live/api-shapes.js').HostRoom} room */
  function update(room) {
    const latest = sharedResults(room).at(-1);
    tellIn(byId('no-results'), noCurve(room.status, Boolean(latest), words));
    setText(byId('results-now'), latest ? words.board.accuracyNow(scoreOf(latest, words)) : '');
    charts.update(room);
    showGroups(room);
    const trained = room.history.length > 0;
    present = room;
    for (const button of [card, session]) setAttribute(button, 'aria-disabled', trained ? null : 'true');
    for (const { link, file } of links) {
      setAttribute(link, 'href', trained ? `/api/rooms/${encodeURIComponent(room.room.code)}/${file}` : null);
      setAttribute(link, 'download', trained);
      setAttribute(link, 'role', trained ? null : 'link');
      setAttribute(link, 'aria-disabled', trained ? null : 'true');
    }
    setText(byId('downloads-hint'), trained ? words.teach.results.hint : words.teach.results.untrained);
  }

  return { update };
}
