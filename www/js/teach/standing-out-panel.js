// Who stands out, in plain words, and what the host may do about it: leave somebody's evaluations out, take back what somebody
// gave, have the scale of features measured anew. Folded until somebody looks.

import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { decimal, figures } from '../common/format.js';
import { KeyedList } from '../common/keyed-list.js';
import { words } from '../common/language.js';
import { isolated, shownNames } from '../live/laptop-state.js';
import { ask } from './dialog.js';
import { numberOf } from './room-settings.js';
import { contributors, LATEST, versionWithout } from './standing-out.js';

/**
 * @typedef {import('../live/api-shapes.js').HostRoom} HostRoom
 * @typedef {import('./standing-out.js').Contributor & {called: string}} Row
 */

/** @param {import('./control-panel.js').Does} does */
export function standingOutPanel({ act }) {
  const text = words.teach.standing;
  const renormalise = byId('renormalise');
  /** @type {HostRoom | null} */
  let room = null;

  /** @type {KeyedList<Row>} */
  const list = new KeyedList(byId('contributors'), ({ client }) => `${room?.room.code}/${client}`, (first) => {
    let person = first;
    const name = h('bdi');
    const gone = h('span', { class: 'tag' }, text.gone);
    const out = h('span', { class: 'tag' }, text.leftOut);
    const says = h('ul', { class: 'contributor-says' });
    const leaveOut = h('button', { type: 'button', 'data-test': 'leave-out', onclick: () => askLeaveOut(person) }, text.leaveOut);
    const undo = h('button', { type: 'button', 'data-test': 'take-back', onclick: () => askUndo(person) }, text.undo);
    return {
      element: h('li', { class: 'contributor', 'data-test': 'contributor' },
        h('div', {}, h('strong', { class: 'contributor-name' }, name), ' ', gone, ' ', out, says), h('span', { class: 'contributor-buttons' }, leaveOut, undo)),
      update(next) {
        person = next;
        const { here, leftOut, given, reasons } = person;
        const called = isolated(person.called);
        setText(name, person.called);
        show(gone, !here);
        show(out, leftOut);
        const sentences = reasons.length ? reasons.map(reasonSentence) : [text.nothing];
        if (says.dataset.said !== sentences.join('\n')) says.replaceChildren(...sentences.map((sentence) => h('li', { class: reasons.length ? '' : 'hint' }, sentence)));
        says.dataset.said = sentences.join('\n');
        const row = /** @type {HTMLElement} */ (says.closest('.contributor'));
        row.dataset.standing = String(reasons.length > 0);
        show(leaveOut, !leftOut);
        show(undo, given > 0);
        setAttribute(leaveOut, 'aria-label', `${text.leaveOut}: ${called}`);
        setAttribute(undo, 'aria-label', `${text.undo}: ${called}`);
      },
    };
  });

  /** @param {Row} person */
  function askLeaveOut({ client, called: shown }) {
    const called = isolated(shown);
    const { code } = /** @type {HostRoom} */ (room).room;
    ask({
      title: text.leaveOutTitle(called), text: text.leaveOutText, confirm: text.leaveOutButton, danger: true, test: 'leave-out-dialog',
      submit: () => act(code, { command: 'leave_out', client }, text.done.leave_out(called)),
    });
  }

  /** @param {Row} person */
  function askUndo({ client, called: shown }) {
    const called = isolated(shown);
    const asked = /** @type {HostRoom} */ (room);
    const most = asked.contributions.length;
    const field = h('input', { id: 'undo-rounds', inputmode: 'numeric', autocomplete: 'off', value: most, 'data-test': 'undo-rounds', 'aria-describedby': 'undo-leads' });
    const leads = h('p', { id: 'undo-leads', class: 'hint', 'data-test': 'undo-leads', 'aria-live': 'polite' });
    /** How many rounds were typed, and where they lead; or what is wrong with them. */
    function wanted() {
      const rounds = numberOf(field.value);
      if (rounds === null || !Number.isInteger(rounds) || rounds < 1 || rounds > most) return { wrong: text.undoWrong(most) };
      const version = versionWithout(asked, client, rounds);
      return version === null ? { wrong: text.undoNone } : { rounds, version };
    }
    const tell = () => {
      const { version, wrong } = wanted();
      setText(leads, version === undefined ? wrong ?? '' : text.undoLeads(version));
    };
    field.addEventListener('input', tell);
    tell();
    ask({
      title: text.undoTitle(called), text: text.undoText, confirm: text.undoButton, danger: true, test: 'undo-dialog',
      fields: [h('div', { class: 'field more' }, h('label', { for: 'undo-rounds' }, text.undoField), field, leads)],
      async submit() {
        const { rounds, version, wrong } = wanted();
        if (version === undefined) return wrong ?? '';
        return act(asked.room.code, { command: 'undo', client, rounds }, text.done.undo(called, version));
      },
    });
  }

  renormalise.addEventListener('click', () => {
    if (!room || renormalise.getAttribute('aria-disabled') === 'true') return;
    const { code } = room.room;
    ask({
      title: text.renormaliseTitle, text: text.renormaliseText, confirm: text.renormaliseButton, test: 'renormalise-dialog',
      submit: () => act(code, { command: 'renormalise' }, text.done.renormalise),
    });
  });

  /** @param {HostRoom} next */
  function update(next) {
    const other = room?.room.code !== next.room.code;
    room = next;
    const { status, contributions } = next;
    const people = contributors(next);
    const names = shownNames(people, words);
    const standing = people.filter(({ reasons }) => reasons.length > 0).length;
    const details = /** @type {HTMLDetailsElement} */ (byId('standing-out'));
    show(details, people.length > 0);
    if (other) details.open = false;
    setText(byId('standing-out-summary'), text.summary(standing));
    setText(byId('standing-out-about'), contributions.length ? text.about(Math.min(contributions.length, LATEST)) : text.aboutNothing);
    list.render(people.map((person, index) => ({ ...person, called: names[index] })));
    const finished = status.phase === 'finished';
    setAttribute(renormalise, 'aria-disabled', finished ? 'true' : null);
    setText(byId('renormalise-hint'), finished ? `${words.teach.steer.why.finished} ${text.renormaliseHint}` : text.renormaliseHint);
  }

  return { update };
}

/** @param {import('./standing-out.js').Reason} reason */
function reasonSentence(reason) {
  const { reasons } = words.teach.standing;
  switch (reason.kind) {
    case 'larger': return reasons.larger(figures(reason.times), reason.rounds, reason.of, reason.held);
    case 'against': return reasons.against(reason.rounds, reason.of);
    case 'sounds': return reasons.sounds(figures(reason.times));
    case 'tested': {
      const { score } = words.common;
      return reasons.tested(score(Math.round(reason.right), reason.clips), score(Math.round(reason.othersRight), reason.othersClips));
    }
    default: return reasons.loss(decimal(reason.loss, 1), decimal(reason.others, 1));
  }
}
