// Who is in the room: nickname, what the laptop does now, and how many clips of which label it holds.

import { byId, h, setAttribute, setText } from '../common/element.js';
import { KeyedList } from '../common/keyed-list.js';
import { fillStrip } from '../common/label-strip.js';
import { labelName, words } from '../common/language.js';
import { shownNames, shownState, stateName } from '../live/laptop-state.js';
import { maskedWords } from '../live/masked-words.js';

/** @typedef {import('../worker/messages.js').RoomState} State */
/** @typedef {import('../worker/messages.js').Person & {key: string, called: string}} Row */

export function peoplePanel() {
  /** @type {string[]} */
  let labels = [];
  const showMasked = maskedWords(words.masked.compare);

  /** @type {KeyedList<Row>} */
  const list = new KeyedList(byId('roster'), ({ key }) => key, () => {
    const name = h('bdi');
    const me = h('span', { class: 'tag' }, words.common.you);
    const doing = h('span', { class: 'person-state' });
    const clips = h('span', { class: 'person-clips' });
    const share = h('span', { class: 'share', 'aria-hidden': 'true' });
    const element = h('li', { class: 'person' }, h('span', { class: 'person-who' }, h('strong', { class: 'person-name' }, name), me), doing, clips, share);
    return {
      element,
      update(person) {
        setText(name, person.called);
        me.hidden = !person.me;
        const state = shownState(person);
        element.dataset.state = state;
        setText(doing, stateName(state, words.people.states));
        setText(clips, words.people.clips(person.examples));
        // In a masked room nobody says how many of each label it has.
        setAttribute(clips, 'title', person.labels.length ? labels.map((label, i) => words.clips.count(labelName(label), person.labels[i] ?? 0)).join(', ') : null);
        fillStrip(share, labels, person.labels);
      },
    };
  });

  /** @param {State} state */
  function update({ clients, room, ready, masked_together: together }) {
    labels = room.labels;
    showMasked(room.masked, together);
    setText(byId('people-summary'), clients.length ? words.people.summary(clients.length, ready) : words.people.none);
    const names = shownNames(clients, words);
    list.render(clients.map((person, index) => ({ ...person, key: String(index), called: names[index] })));
  }

  return { update };
}
