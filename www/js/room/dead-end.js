// What the page shows instead of the room when it cannot go on: no such room, or a crash.

import { byId, h, show } from '../common/element.js';
import { explain, words } from '../common/language.js';
import { log, problemOf } from '../common/problem.js';

/**
 * @param {string} code
 * @param {unknown} error what `open` answered
 */
export function showUnopened(code, error) {
  const { code: why } = problemOf(error);
  if (why === 'crashed') return; // the crash itself has been shown
  const unknown = why === 'unknown_room' || code === '';
  showInstead(
    unknown ? words.room.unknownTitle : words.room.failedTitle,
    unknown ? `${words.room.unknown(code)} ${words.room.kept}` : explain({}, error),
    h('a', { class: 'button primary', href: '/' }, words.room.back),
    !unknown && reloadButton(),
  );
}

/** @param {string} message what the program said, for whoever looks into the console */
export function showCrash(message) {
  log({ code: 'crashed', message });
  const neverStarted = byId('room').hasAttribute('aria-busy');
  showInstead(
    words.room.crashTitle,
    neverStarted ? words.room.noWorker : words.room.crash,
    reloadButton(),
  );
}

function reloadButton() {
  return h('button', { class: 'primary', type: 'button', 'data-test': 'reload', onclick: () => location.reload() }, words.common.reload);
}

/**
 * @param {string} title
 * @param {string} text
 * @param {...(Node | false)} more
 */
function showInstead(title, text, ...more) {
  const deadEnd = byId('dead-end');
  if (!deadEnd.hidden) return; // the first reason is the true one
  deadEnd.replaceChildren(h('h2', {}, title), h('p', {}, text), ...more.filter((node) => node !== false));
  show(deadEnd, true);
  for (const id of ['room', 'opening', 'steps']) show(byId(id), false);
  show(byId('lost'), false);
  show(byId('connection'), false);
  show(byId('me'), false);
  byId('content').focus();
}
