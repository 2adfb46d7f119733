// How to join: the code, the link and its QR code, and the way to the board.

import { announce } from '../common/announcer.js';
import { showLink } from '../common/breakable-link.js';
import { certificateLink, hasCertificatePage } from '../common/certificate.js';
import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';

export function invitePanel() {
  const copy = byId('copy');
  const copyText = h('span', { 'aria-live': 'polite' }, words.teach.invite.copy);
  copy.append(icon('copy'), copyText);
  byId('board').append(icon('board'), words.teach.invite.board);
  hasCertificatePage().then((has) => {
    const hint = byId('invite-certificate');
    if (has) hint.append(words.teach.invite.warned, ' ', certificateLink(words.teach.invite.certificate));
    show(hint, has);
  });
  let link = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  copy.addEventListener('click', async () => {
    if (!link) return;
    // Browsers have a clipboard on https alone; marking the link lets one copy it by hand.
    const done = await (navigator.clipboard?.writeText(link) ?? Promise.reject(new Error('no clipboard'))).then(() => true, () => false);
    if (!done) getSelection()?.selectAllChildren(byId('invite-link'));
    const said = done ? words.teach.invite.copied : words.teach.invite.copyFailed;
    setText(copyText, said);
    announce(said);
    clearTimeout(timer);
    timer = setTimeout(() => setText(copyText, words.teach.invite.copy), 4000);
  });

  /** @param {import('../live/api-shapes.js').HostRoom} room */
  function update({ room, links }) {
    link = links[0] ?? '';
    setText(byId('control-title'), room.name);
    setText(byId('invite-code'), room.code);
    showLink(byId('invite-link'), link || words.teach.invite.noLink);
    const path = `/room/${encodeURIComponent(room.code)}`;
    setAttribute(byId('board'), 'href', `${path}/board`);
    setAttribute(byId('invite-qr'), 'src', `/api/rooms/${encodeURIComponent(room.code)}/qr.svg`);
    setAttribute(byId('invite-qr'), 'alt', words.teach.invite.qr(room.code));
  }

  return { update };
}
