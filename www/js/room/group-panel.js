// In a room whose host named groups: which of them the person says to be in, if they want to.

import { byId, h, show } from '../common/element.js';
import { words } from '../common/language.js';

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function groupPanel(client, tell) {
  const field = /** @type {HTMLSelectElement} */ (byId('group'));
  field.addEventListener('change', () => {
    client.request('group', { group: field.value === '' ? null : Number(field.value) }).catch(tell);
  });

  return {
    /** @param {import('../worker/messages.js').RoomState} state */
    update({ room, group, finished }) {
      show(byId('group-choice'), room.groups.length > 0 && !finished);
      if (field.options.length !== room.groups.length + 1) {
        field.replaceChildren(h('option', { value: '' }, words.groups.none), ...room.groups.map((name, index) => h('option', { value: index }, name)));
      }
      if (document.activeElement !== field) field.value = group === null ? '' : String(group);
    },
  };
}
