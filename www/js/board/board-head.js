// The head of the board: the room's name, what goes on in one sentence, and how long it may still take.

import { byId, setText, show, tellIn } from '../common/element.js';
import { clock } from '../common/format.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';
import { divergedSentence, noiseMeter, roomSentence, roundLine, waitSentence } from '../live/said.js';
import { sharedResults } from '../live/shared-results.js';

export function boardHead() {
  const bar = /** @type {HTMLProgressElement} */ (byId('received'));
  const left = byId('left');
  left.title = words.board.leftLabel;
  byId('paused').append(icon('pause'), words.board.paused);
  byId('locked').append(icon('lock'), words.board.locked);
  byId('locked').title = words.board.lockedHint;
  /** @type {number | null} */
  let endsAt = null;
  /** @type {import('../live/api-shapes.js').Status | null} */
  let last = null;
  let toldAt = 0;

  function tick() {
    show(left, endsAt !== null);
    if (endsAt !== null) setText(left, words.board.left(clock((endsAt - performance.now()) / 1000)));
    tellIn(byId('waited-for'), last ? waitSentence(last, performance.now() - toldAt, words) : '');
  }
  setInterval(tick, 1000);

  /** @param {import('../live/api-shapes.js').PublicRoom} room */
  function update({ room, status, history }) {
    const { phase, deadline_ms: deadline, received, goal } = status;
    setText(byId('room-name'), room.name);
    show(byId('paused'), Boolean(status.paused));
    show(byId('locked'), Boolean(status.locked));
    setText(byId('round'), roundLine(status, words));
    setText(byId('sentence'), roomSentence({ ...status, room }, words));
    tellIn(byId('noise-meter'), noiseMeter(status.budget, words));
    tellIn(byId('diverged'), divergedSentence(sharedResults({ history, status }).map(({ loss }) => loss), room.labels.length, status.clients, words));
    const working = phase === 'collecting' || phase === 'normalising';
    show(bar, working);
    bar.max = Math.max(goal, 1);
    bar.value = received;
    endsAt = working && deadline !== undefined ? performance.now() + deadline : null;
    last = status;
    toldAt = performance.now();
    tick();
  }

  return { update };
}
