// Whether the page and its room hear each other, and when the next try is.

import { announce } from '../common/announcer.js';
import { certificateLink, hasCertificatePage } from '../common/certificate.js';
import { byId, h, setText, show } from '../common/element.js';
import { words } from '../common/language.js';
import { closedSentence } from '../live/said.js';
import { pagesAnswer, socketCheck } from './socket-check.js';

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
  const trust = h('p', { hidden: true }, certificateLink(words.connection.certificate));
  banner.append(h('p', {}, title, ' ', text, ' ', retry), trust);

  /** @type {string | null} */
  let before = null;
  let retryAt = 0;
  let blocked = false;
  const check = socketCheck(pagesAnswer, (is) => {
    blocked = is;
    show(trust, false);
    if (is) hasCertificatePage().then((has) => show(trust, has && blocked));
    if (!is || banner.dataset.connection === 'open') return;
    setText(title, words.connection.blockedTitle);
    setText(text, words.connection.blockedText);
    announce(`${words.connection.blockedTitle} ${words.connection.blockedText}`);
  });

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
      const { closed: closedTitle, lostTitle, lostText, blockedTitle, blockedText } = words.connection;
      setText(title, connection === 'closed' || full ? closedTitle : blocked ? blockedTitle : lostTitle);
      setText(text, connection === 'closed' ? closedSentence(closed, words) : full ? words.told.room_full : blocked ? blockedText : lostText);
    }
    if (!full) check.update(connection);
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
