// The teacher's page: holds the host's secret, keeps what the server tells, and hands it to the panels.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show } from '../common/element.js';
import { languagePickers } from '../common/language-picker.js';
import { fillWords, words } from '../common/language.js';
import { noticePanel } from '../common/notice-panel.js';
import { normaliseCode } from '../common/room-code.js';
import { saveFile } from '../common/save-file.js';
import { watchRoom } from '../live/room-watch.js';
import { controlPanel } from './control-panel.js';
import { HostApi, HostError } from './host-api.js';
import { rememberToken, takeToken } from './host-token.js';
import { newRoomPanel } from './new-room-panel.js';
import { roomListPanel } from './room-list-panel.js';
import { secureCommand } from './secure-command.js';
import { unlockPanel } from './unlock-panel.js';

/**
 * @typedef {import('../live/api-shapes.js').Host} Host
 * @typedef {import('../live/api-shapes.js').HostRoom} HostRoom
 */

const REFRESH_MS = 4000;

fillWords();
languagePickers();
document.title = words.teach.title;
const connection = byId('connection');
const connectionText = h('span', {}, words.teach.connecting);
connection.append(h('span', { class: 'dot', 'aria-hidden': 'true' }), connectionText);

const notices = noticePanel(byId('notices'));
const unlock = unlockPanel(start);
const list = roomListPanel({ choose: (code) => choose(code, true) });
newRoomPanel(create, budgetOf);
const control = controlPanel({ act, remove, session });

/** @type {HostApi | null} */
let api = null;
/** @type {Host | null} */
let host = null;
let selected = normaliseCode(new URLSearchParams(location.search).get('room') ?? '');
/** Ends the watching of the selected room. */
let unwatch = () => {};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

const token = takeToken();
if (token) start(token);
else unlock.open('');

/**
 * Tries a secret; with the right one the page opens.
 * @param {string} token
 * @returns {Promise<string>} what is wrong with it, or nothing
 */
async function start(token) {
  api = new HostApi(token);
  const problem = await refresh();
  if (!problem) rememberToken(token);
  return problem;
}

/** Asks the server for everything, now and again a few seconds later. */
async function refresh() {
  clearTimeout(timer);
  if (!api) return '';
  const asked = api;
  try {
    const told = await asked.host();
    if (asked !== api) return '';
    const first = host === null;
    host = told;
    setAway(false);
    unlock.close();
    show(byId('teach'), true);
    show(byId('insecure'), !host.secure);
    setText(byId('insecure-command'), secureCommand(host.state));
    show(byId('unkept'), !host.kept);
    if (first) choose(selected);
    else render();
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.kind === 'secret') {
      lockOut(error.message);
      return error.message;
    }
    setAway(true);
  }
  timer = setTimeout(refresh, REFRESH_MS);
  return '';
}

/**
 * The secret is not, or no longer, the right one.
 * @param {string} message
 */
function lockOut(message) {
  api = null;
  host = null;
  unwatch();
  setAway(false);
  delete connection.dataset.connection;
  setText(connectionText, words.teach.connecting);
  show(connection, false);
  show(byId('teach'), false);
  unlock.open(message);
}

/** @param {boolean} away */
function setAway(away) {
  const before = connection.dataset.connection;
  connection.dataset.connection = away ? 'lost' : 'open';
  show(connection, true);
  setText(connectionText, away ? words.teach.away : words.teach.open);
  show(byId('away'), away);
  if (!away && before === 'lost') announce(words.teach.back);
}

function render() {
  if (!host) return;
  const rooms = host.rooms;
  const room = rooms.find(({ room }) => room.code === selected);
  if (selected && !room) {
    notices.say('info', 'gone', words.teach.manage.gone(selected));
    choose('');
    return;
  }
  list.update({ rooms, selected });
  show(byId('create'), !room);
  show(byId('control'), Boolean(room));
  document.title = room ? words.teach.roomTitle(room.room.name) : words.teach.title;
  if (room) control.update(room);
}

/**
 * Opens a room's control, or the form for a new one.
 * @param {string} code empty for the form
 * @param {boolean} [focus] whether the person asked for it just now
 */
function choose(code, focus = false) {
  unwatch();
  unwatch = () => {};
  selected = code;
  const query = new URLSearchParams(code ? { room: code } : {});
  history.replaceState(null, '', code ? `${location.pathname}?${query}` : location.pathname);
  if (host?.rooms.some(({ room }) => room.code === code)) unwatch = watch(code);
  control.clear();
  render();
  if (focus) byId(code ? 'control-title' : 'create-title').focus();
}

/** @param {string} code */
function watch(code) {
  return watchRoom(code, {
    place: host?.watch,
    room({ room, status, history, links }) {
      const known = host?.rooms.find((one) => one.room.code === code);
      if (!known) return;
      const more = known.history.length !== history.length;
      Object.assign(known, { room, status, history, links });
      render();
      if (more) refresh(); // there is a new version of the model, too
    },
    gone: () => refresh(),
    unknown: () => refresh(),
    away: setAway,
  });
}

/**
 * Makes a room and opens it.
 * @param {Record<string, unknown>} settings
 * @returns {Promise<string>} what went wrong, or nothing
 */
async function create(settings) {
  return attempt(async (api) => {
    const { room } = await api.create(settings);
    await refresh();
    choose(room.code, true);
    tell(words.teach.create.made(room.code));
  });
}

/**
 * What a room with these settings would promise; or in words why there is none.
 * @param {Record<string, unknown>} settings
 * @returns {Promise<import('../worker/messages.js').Budget | string>}
 */
async function budgetOf(settings) {
  /** @type {import('../worker/messages.js').Budget | undefined} */
  let budget;
  const wrong = await attempt(async (api) => {
    ({ budget } = await api.preview(settings));
  });
  return budget ?? wrong;
}

/**
 * Sends a command to a room.
 * @param {string} code
 * @param {Record<string, unknown>} command
 * @param {string} outcome what to say when it is done
 * @returns {Promise<string>} what went wrong, or nothing
 */
async function act(code, command, outcome) {
  return attempt(async (api) => {
    const room = await api.command(code, command);
    if (host) host.rooms = host.rooms.map((one) => (one.room.code === code ? room : one));
    render();
    tell(outcome);
  });
}

/**
 * Deletes a room.
 * @param {HostRoom} room
 * @returns {Promise<string>} what went wrong, or nothing
 */
async function remove({ room }) {
  return attempt(async (api) => {
    await api.remove(room.code);
    if (host) host.rooms = host.rooms.filter((one) => one.room.code !== room.code);
    if (selected === room.code) choose('', true);
    tell(words.teach.manage.removed(room.name));
  });
}

/**
 * Saves the session file of a room.
 * @param {string} code
 * @returns {Promise<string>} what went wrong, or nothing
 */
async function session(code) {
  return attempt(async (api) => {
    saveFile(`chorus-${code}-session.json`, `${JSON.stringify(await api.session(code), null, 1)}\n`, 'application/json');
  });
}

/**
 * @param {(api: HostApi) => Promise<void>} doing
 * @returns {Promise<string>}
 */
async function attempt(doing) {
  if (!api) return words.teach.unlock.wrong;
  try {
    await doing(api);
    return '';
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.kind === 'away') setAway(true);
    if (error.kind === 'secret') lockOut(error.message);
    return error.message;
  }
}

/** @param {string} message */
function tell(message) {
  notices.say('info', 'done', message);
}
