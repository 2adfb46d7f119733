// Whether the page and its room hear each other, and when the next try is.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show } from '../common/element.js';
import { words } from '../common/language.js';
import { closedSentence } from '../live/said.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

export function connectionPanel() {
  const pill = byId('connection');
  const banner = byId('lost');
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  const pillText = h('span', {}, words.connection.connecting);
  pill.append(dot, pillText);
  const retry = h('span', { 'data-test': 'retry' });
  const title = h('strong');
  const text = h('span');
  banner.append(h('p', {}, title, ' ', text, ' ', retry));

  /** @type {string | null} */
  let before = null;
  let retryAt = 0;

  function tick() {
    if (banner.dataset.connection !== 'lost') return setText(retry, '');
    const left = Math.ceil((retryAt - performance.now()) / 1000);
    setText(retry, left > 0 ? words.connection.retryIn(left) : words.connection.retrying);
  }
  setInterval(tick, 500);

  /** @param {State} state */
  function update({ connection, retry_in_s: retryIn, closed, full }) {
    pill.dataset.connection = connection;
    banner.dataset.connection = connection;
    setText(pillText, words.connection[connection]);
    retryAt = performance.now() + (retryIn ?? 0) * 1000;
    const broken = connection === 'lost' || connection === 'closed' || (connection === 'connecting' && before === 'lost');
    show(banner, broken);
    if (broken) {
      setText(title, connection === 'closed' || full ? words.connection.closed : words.connection.lostTitle);
      setText(text, connection === 'closed' ? closedSentence(closed, words) : full ? words.told.room_full : words.connection.lostText);
    }
    tick();
    if (connection === before) return;
    if (connection === 'lost') announce(`${words.connection.lostTitle} ${words.connection.lostText}`);
    if (connection === 'closed') announce(`${title.textContent} ${text.textContent}`);
    if (connection === 'open' && before === 'lost') announce(words.connection.back);
    // While it tries again it is still the same loss.
    if (!(connection === 'connecting' && before === 'lost')) before = connection;
  }

  return { update };
}
