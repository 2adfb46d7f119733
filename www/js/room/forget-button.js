// Deletes all that this browser keeps of a person in this room, for a laptop that others use as well. It asks once more first.

import { announce } from '../common/announcer.js';
import { byId, h, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';
import { forgetName } from '../common/nickname.js';
import { forgetSeat } from './seat.js';

/**
 * @param {import('../worker/client.js').Client} client
 * @param {string} code the room's
 * @param {(error: unknown) => void} tell
 */
export function forgetButton(client, code, tell) {
  const button = byId('forget');
  const sure = byId('forget-sure');
  button.append(icon('bin'), words.forget.button);
  button.addEventListener('click', () => {
    show(sure, true);
    announce(words.forget.sure);
    sure.querySelector('button')?.focus();
  });
  sure.append(h('p', {}, words.forget.sure), h('div', { class: 'buttons' },
    h('button', { type: 'button', class: 'danger-quiet', 'data-test': 'forget-sure', onclick: async () => {
      try {
        await client.request('forget');
        forgetSeat(code);
        forgetName();
        location.assign('/');
      } catch (error) {
        tell(error);
      }
    } }, words.forget.yes),
    h('button', { type: 'button', onclick: () => {
      show(sure, false);
      button.focus();
    } }, words.common.cancel)));
}
