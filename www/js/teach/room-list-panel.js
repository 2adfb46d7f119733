// All rooms, each with what goes on in it, and the way to a new one.

import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { KeyedList } from '../common/keyed-list.js';
import { words } from '../common/language.js';
import { hereLine, roundLine } from '../live/said.js';

/** @typedef {import('../live/api-shapes.js').HostRoom} HostRoom */

/** @param {{choose: (code: string) => void}} on `choose` opens a room, or with no code the form for a new one */
export function roomListPanel({ choose }) {
  const create = byId('create-open');
  create.append(icon('plus'), words.teach.rooms.create);
  create.addEventListener('click', () => choose(''));
  let selected = '';

  /** @type {KeyedList<HostRoom>} */
  const list = new KeyedList(byId('room-list'), ({ room }) => room.code, ({ room: { code } }) => {
    const name = h('strong');
    const about = h('span', { class: 'room-about' });
    const phase = h('span', { class: 'tag' });
    const button = h('button', { type: 'button', class: 'room-choice', 'data-test': `room-${code}`, onclick: () => choose(code) },
      h('span', { class: 'room-choice-head' }, name, phase), about);
    return {
      element: h('li', {}, button),
      update({ room, status }) {
        const { phases, here } = words.teach.rooms;
        const who = room.edges && status.clients.length ? hereLine({ room, clients: status.clients }, words) : here(status.connected);
        setText(name, room.name);
        const shown = phaseShown(status);
        setText(phase, phases[shown] ?? shown);
        setAttribute(phase, 'data-phase', shown);
        const parts = [who, roundLine(status, words)];
        if (room.name !== room.code) parts.unshift(room.code);
        setText(about, parts.join(' · '));
        setAttribute(button, 'aria-current', code === selected ? 'true' : null);
      },
    };
  });

  return {
    /** @param {{rooms: HostRoom[], selected: string}} state */
    update(state) {
      selected = state.selected;
      setAttribute(create, 'aria-current', selected === '' ? 'true' : null);
      show(byId('no-rooms'), state.rooms.length === 0);
      list.render(state.rooms);
    },
  };
}

/**
 * A room's phase, or what keeps it from going on.
 * @param {import('../live/api-shapes.js').Status} status
 */
function phaseShown({ phase, paused, held }) {
  if (held) return 'held';
  return paused && phase !== 'finished' ? 'paused' : phase;
}
