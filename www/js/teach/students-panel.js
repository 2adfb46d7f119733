// Who is here: what each laptop does, its clips of each label, and a new name or the door for whoever needs it.

import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { KeyedList } from '../common/keyed-list.js';
import { labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { LONGEST_NAME } from '../common/nickname.js';
import { doingOf, isolated, nameOf, shownNames, shownState, stateIcon } from '../live/laptop-state.js';
import { maskedWords } from '../live/masked-words.js';
import { nobodySentence, rosterSummary } from '../live/said.js';
import { slownessOf } from '../live/too-slow.js';
import { ask, askText } from './dialog.js';

/** @typedef {import('../live/api-shapes.js').ClientSummary & {called: string, slow?: import('../live/too-slow.js').TooSlow}} Student */

/** @param {import('./control-panel.js').Does} does */
export function studentsPanel({ act }) {
  let code = '';
  /** @type {string[]} */
  let labels = [];
  let doFewer = false;
  const showMasked = maskedWords(words.masked.compareAll);

  /** @type {KeyedList<Student>} */
  const list = new KeyedList(byId('students'), ({ client }) => `${code}/${client}`, (first) => {
    let student = first;
    const name = h('bdi');
    const doing = h('span');
    const picture = h('span', { class: 'laptop-icon' });
    const counts = h('span', { class: 'student-counts' });
    const slow = h('p', { class: 'student-slow hint', 'data-test': 'student-slow', hidden: true });
    const rename = h('button', { type: 'button', class: 'icon-button quiet', 'data-test': 'rename-student', onclick: () => askRename(student) }, icon('pen'));
    const remove = h('button', { type: 'button', class: 'icon-button quiet', 'data-test': 'remove-student', onclick: () => askRemove(student) }, icon('bin'));
    const element = h('li', { class: 'student', 'data-test': 'student' },
      h('strong', { class: 'student-name' }, name), h('span', { class: 'student-doing' }, picture, doing), counts, h('span', { class: 'student-buttons' }, rename, remove), slow);
    let drawn = '';
    return {
      element,
      update(next) {
        student = next;
        setText(name, student.called);
        const called = isolated(student.called);
        const state = shownState(student);
        setAttribute(element, 'data-state', state);
        setText(doing, doingOf(student, words.board));
        if (drawn !== state) picture.replaceChildren(icon(stateIcon(state)));
        drawn = state;
        for (const [button, text] of /** @type {[HTMLElement, string][]} */ ([[rename, words.teach.roster.renameOf(called)], [remove, words.teach.roster.removeOf(called)]])) {
          setAttribute(button, 'aria-label', text);
          setAttribute(button, 'title', text);
        }
        fillCounts(counts, student);
        const said = student.slow ? slownessOf(called, student.slow, doFewer, words) : '';
        setText(slow, said);
        show(slow, said !== '');
      },
    };
  });

  /**
   * @param {HTMLElement} place
   * @param {Student} student
   */
  function fillCounts(place, { examples, labels: held, behind }) {
    const key = `${behind}/${examples}/${held.join(',')}`;
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    const laptops = behind === undefined ? [] : [h('span', { class: 'student-behind', 'data-test': 'behind' }, words.board.edges.behind(behind))];
    if (examples && !held.length) return place.replaceChildren(...laptops, words.board.clips(examples)); // as a masked room has it
    place.replaceChildren(...laptops, ...(examples
      ? held.map((count, index) => h('span', { class: 'student-count', 'data-count': count, title: words.board.holds(labelName(labels[index] ?? ''), count) },
        labelIcon(labels, index), count, h('span', { class: 'visually-hidden' }, ` ${labelName(labels[index] ?? '')},`)))
      : [words.teach.roster.noClips]));
  }

  /** @param {Student} student */
  function askRename({ client, name, called: shown }) {
    const { roster, steer } = words.teach;
    const room = code;
    askText({
      title: roster.renameTitle(isolated(shown)), text: roster.renameText, field: roster.renameField, value: nameOf(name, words), confirm: roster.renameButton, test: 'rename-dialog',
      async submit(called) {
        if (!called || [...called].length > LONGEST_NAME) return roster.nameWrong(LONGEST_NAME);
        return act(room, { command: 'rename_client', client, name: called }, steer.done.rename_client(called));
      },
    });
  }

  /** @param {Student} student */
  function askRemove({ client, called }) {
    const { roster, steer } = words.teach;
    const name = isolated(called);
    const room = code;
    ask({
      title: roster.removeTitle(name), text: roster.removeText, confirm: roster.removeButton, danger: true, test: 'remove-dialog',
      submit: () => act(room, { command: 'remove', client }, steer.done.remove(name)),
    });
  }

  /** @param {import('../live/api-shapes.js').HostRoom} room */
  function update({ room, status, clients: insights, masked_together: together }) {
    const { clients } = status;
    showMasked(Boolean(room.masking), together);
    code = room.code;
    labels = room.labels;
    doFewer = room.stragglers === 'fewer_steps';
    const { title, none, allLeft } = room.edges ? words.teach.roster.edges : words.teach.roster;
    setText(byId('students-title'), title);
    tellIn(byId('no-students'), nobodySentence(status, { nobody: none, allLeft }));
    setText(byId('students-summary'), rosterSummary({ ...status, room }, words));
    const names = shownNames(clients, words);
    const slowness = new Map(insights.map(({ client, too_slow: slow }) => [client, slow]));
    list.render(clients.map((client, index) => ({ ...client, called: names[index], slow: status.phase === 'finished' ? undefined : slowness.get(client.client) })));
  }

  return { update };
}
