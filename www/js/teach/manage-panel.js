// The room itself: its name, and its end.

import { byId, setText } from '../common/element.js';
import { dayAndTime } from '../common/format.js';
import { icon } from '../common/icons.js';
import { labelName, words } from '../common/language.js';
import { LONGEST_NAME } from '../common/nickname.js';
import { ask, askText } from './dialog.js';

/** @typedef {import('../live/api-shapes.js').HostRoom} HostRoom */

/**
 * A strategy as the form for a new room names it.
 * @param {string} strategy
 */
function strategyName(strategy) {
  const names = /** @type {Record<string, string[]>} */ (words.teach.create.settings.strategy.choices);
  return Object.hasOwn(names, strategy) ? names[strategy][0] : strategy;
}

/** @param {import('./control-panel.js').Does} does */
export function managePanel({ act, remove }) {
  const { manage, steer, roster } = words.teach;
  const rename = byId('rename-room');
  const bin = byId('delete-room');
  rename.append(icon('pen'), manage.rename);
  bin.append(icon('bin'), manage.remove);
  /** @type {HostRoom | null} */
  let room = null;

  rename.addEventListener('click', () => {
    if (!room) return;
    const { code, name } = room.room;
    askText({
      title: manage.renameTitle, text: manage.renameText, field: manage.renameField, value: name, confirm: manage.renameButton, test: 'rename-room-dialog',
      async submit(called) {
        if (!called || [...called].length > LONGEST_NAME) return roster.nameWrong(LONGEST_NAME);
        return act(code, { command: 'rename', name: called }, steer.done.rename(called));
      },
    });
  });

  bin.addEventListener('click', () => {
    if (!room) return;
    const lost = room;
    ask({
      title: manage.removeTitle(lost.room.name), text: manage.removeText(lost.history.length), confirm: manage.removeButton, danger: true, test: 'delete-dialog',
      submit: () => remove(lost),
    });
  });

  /** @param {HostRoom} next */
  function update(next) {
    room = next;
    const { labels, architecture, strategy } = room.room;
    setText(byId('manage-about'), [manage.made(dayAndTime(room.created_at * 1000)), labels.map(labelName).join(', '), manage.settings(architecture, strategyName(strategy.name))].join(' · '));
  }

  return { update };
}
