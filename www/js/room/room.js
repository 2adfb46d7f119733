// The student's page: starts the worker, hands its events to the panels and the panels' wishes to it.

import { announce } from '../common/announcer.js';
import { showCapabilities } from '../common/capability-list.js';
import { byId, h, setText, show } from '../common/element.js';
import { showSigns } from '../common/labels.js';
import { languagePickers } from '../common/language-picker.js';
import { fillWords, words } from '../common/language.js';
import { LONGEST_NAME, recallName, rememberName } from '../common/nickname.js';
import { noticePanel } from '../common/notice-panel.js';
import { codeOfPath } from '../common/room-code.js';
import { nameOf } from '../live/laptop-state.js';
import { Client } from '../worker/client.js';
import { certificatePanel } from './certificate-panel.js';
import { chartPanel } from './chart-panel.js';
import { clipPanel } from './clip-panel.js';
import { connectionPanel } from './connection-panel.js';
import { showCrash, showUnopened } from './dead-end.js';
import { elsewherePanel } from './elsewhere-panel.js';
import { exposurePanel } from './exposure-panel.js';
import { filePanel } from './file-panel.js';
import { forgetButton } from './forget-button.js';
import { groupPanel } from './group-panel.js';
import { laptopPanel } from './laptop-panel.js';
import { madeUpButton } from './made-up-button.js';
import { minePanel } from './mine-panel.js';
import { peoplePanel } from './people-panel.js';
import { receiptPanel } from './receipt-panel.js';
import { recordPanel } from './record-panel.js';
import { recallSeat, rememberSeat } from './seat.js';
import { stepsPanel } from './steps-panel.js';
import { takeHomePanel } from './take-home-panel.js';
import { trainPanel } from './train-panel.js';
import { tryPanel } from './try-panel.js';

/** @typedef {import('../worker/messages.js').State} State */

fillWords();
languagePickers();
const code = codeOfPath(location.pathname);
document.title = words.room.loadingTitle;
setText(byId('room-code'), code);
byId('meanings').append(...words.train.meanings.map(([word, meaning]) => h('div', {}, h('dt', {}, word), h('dd', {}, meaning))));
showCapabilities(byId('capabilities'));

/** After this the page shows what is in this browser, whether the room has answered or not. */
const LONGEST_OPENING_MS = 1500;
let openedAt = Infinity;

const client = new Client('/js/worker/worker.js');
const notices = noticePanel(byId('notices'));
const charts = chartPanel();
const tryIt = tryPanel(client);
const recorder = recordPanel(client);
const receipts = receiptPanel(client, notices.tell);
const exposure = exposurePanel(client);
const panels = [
  stepsPanel(),
  connectionPanel(),
  recorder,
  filePanel(client),
  clipPanel(client, notices.tell, recorder.again),
  groupPanel(client, notices.tell),
  trainPanel(client, notices.tell),
  charts,
  tryIt,
  minePanel(client),
  peoplePanel(),
  laptopPanel(client, notices.tell),
  takeHomePanel(client, notices.tell),
  certificatePanel(),
  exposure,
  receipts,
];
madeUpButton(client, notices.tell);
forgetButton(client, code, notices.tell);

/** @type {import('../worker/messages.js').RoomState | null} */
let latest = null;

client.on('state', (view) => {
  if (!view.room) return; // nothing to show before the room has been opened
  latest = { ...view, room: view.room };
  showState(latest);
});

/** @param {import('../worker/messages.js').RoomState} state */
function showState(state) {
  if (byId('room').hidden && !isThere(state)) return;
  document.title = words.room.title(state.room.name || state.room.code);
  setText(byId('room-name'), state.room.name);
  setText(byId('room-code'), state.room.code);
  // Whoever runs the room may have given another name, which stays.
  const called = nameOf(state.name ?? '', words) === state.name ? state.name : null; // one that the server made up is none
  if (called && called !== name && document.activeElement !== nameField) {
    name = called;
    nameField.value = name;
  }
  if (byId('dead-end').hidden) show(byId('room'), true); // first: some panels measure their places
  byId('room').removeAttribute('aria-busy');
  show(byId('opening'), false);
  showSigns(state.room.labels, state.room.signs);
  for (const panel of panels) panel.update(state);
}

/**
 * Whether there is enough to show: the page is drawn whole rather than piece by piece, but waits for the room only a moment.
 * @param {State} state
 */
function isThere({ phase, connection }) {
  return phase !== null || connection === 'lost' || connection === 'closed' || performance.now() - openedAt > LONGEST_OPENING_MS;
}

// A browser may keep a page that was left, its worker with an open connection that answers nothing: the class would wait for it.
addEventListener('pagehide', () => client.end());
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});

client.on('charts', charts.draw);
client.on('live', tryIt.heard);
client.on('searching', receipts.searching);
client.on('exposing', exposure.working);
client.on('notice', notices.show);
client.on('crashed', ({ message }) => showCrash(message));

const nameField = /** @type {HTMLInputElement} */ (byId('name'));
nameField.placeholder = words.room.namePlaceholder;
nameField.maxLength = LONGEST_NAME;
let name = '';
nameField.addEventListener('change', () => {
  // Everyone has a name; an emptied field means: as it was.
  name = rememberName(nameField.value) || name;
  nameField.value = name;
  if (name) client.request('name', { name }).catch(notices.tell);
});
nameField.addEventListener('keydown', ({ key }) => {
  if (key === 'Enter') nameField.blur();
});

const seat = recallSeat(code);
// In a room where this tab has been before, the worker knows the name; another tab may have changed the remembered one.
const known = seat ? '' : recallName();
client.request('open', { code, name: known || null, seat, words: { ...words.charts.onCharts, labels: words.labels } })
  .then((opened) => {
    rememberSeat(code, opened.seat);
    openedAt = performance.now();
    elsewherePanel(client, notices.tell);
    setTimeout(() => latest && showState(latest), LONGEST_OPENING_MS);
    name = opened.name ?? '';
    if (document.activeElement !== nameField) nameField.value = name;
    announce(words.connection.open);
  })
  .catch((error) => showUnopened(code, error));
