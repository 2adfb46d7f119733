// The board for the projector: what everyone may see of a room, live and large. It holds no secret and changes nothing.

import { announce } from '../common/announcer.js';
import { showLink } from '../common/breakable-link.js';
import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { showSigns } from '../common/labels.js';
import { languagePickers } from '../common/language-picker.js';
import { fillWords, words } from '../common/language.js';
import { codeOfPath } from '../common/room-code.js';
import { watchRoom } from '../live/room-watch.js';
import { boardHead } from './board-head.js';
import { boardLearning } from './board-learning.js';
import { boardRoster } from './board-roster.js';
import { celebration } from './celebration.js';
import { fullscreenButton } from './fullscreen-button.js';
import { heldPanel } from './held-panel.js';

/** @typedef {import('../live/api-shapes.js').PublicRoom} Room */

fillWords();
languagePickers();
document.title = words.board.loading;
fullscreenButton(/** @type {HTMLButtonElement} */ (byId('fullscreen')));
setText(byId('away'), words.board.away);

const code = codeOfPath(location.pathname);
const panels = [boardHead(), joinCard(), celebration(), boardRoster(), boardLearning(), heldPanel(code)];

watchRoom(code, {
  room(room) {
    document.title = words.board.title(room.room.name);
    const begun = room.status.model_version > 0 || room.status.phase === 'normalising' || room.status.phase === 'collecting';
    byId('content').dataset.phase = room.status.phase === 'finished' ? 'finished' : begun ? 'running' : 'lobby';
    for (const id of ['head', 'join', 'people', 'learning']) show(byId(id), true);
    showSigns(room.room.labels, room.room.signs);
    for (const panel of panels) panel.update(room);
  },
  away(away) {
    if (away === !byId('away').hidden) return;
    show(byId('away'), away);
    if (!away) announce(words.board.back);
  },
  gone: () => endWith(words.board.goneTitle, words.board.gone),
  unknown: () => endWith(words.board.unknownTitle, words.board.unknown(code)),
});

/** The code, the link and the QR code of the room. */
function joinCard() {
  const picture = /** @type {HTMLImageElement} */ (byId('join-qr'));

  /** @param {Room} room */
  function update({ room, links }) {
    setText(byId('join-code'), room.code);
    showLink(byId('join-link'), links[0] ?? '');
    setAttribute(picture, 'src', `/api/rooms/${encodeURIComponent(room.code)}/qr.svg`);
    setAttribute(picture, 'alt', words.board.qr(room.code));
  }

  return { update };
}

/**
 * @param {string} title
 * @param {string} text
 */
function endWith(title, text) {
  const end = byId('dead-end');
  end.replaceChildren(h('h2', {}, title), h('p', {}, text), h('a', { class: 'button primary', href: '/' }, words.board.start));
  for (const id of ['head', 'join', 'people', 'learning', 'finished', 'away']) show(byId(id), false);
  /** @type {HTMLDialogElement} */ (byId('held')).close();
  show(end, true);
  document.title = title;
}
