// How many laptops begin a round: said and changed while the room runs. "Begin now" changes it, too: to those who are there.

import { byId, setAttribute, setText, show, tellIn } from '../common/element.js';
import { words } from '../common/language.js';
import { hostBegins } from '../live/said.js';
import { numberOf } from './room-settings.js';

/** @param {import('./control-panel.js').Does} does */
export function leastForm({ act }) {
  const text = words.teach.steer;
  const form = byId('least-form');
  const field = /** @type {HTMLInputElement} */ (byId('least-now'));
  const button = byId('least-set');
  const problem = byId('least-problem');
  let code = '';
  let most = 1;
  let inForce = '';

  field.addEventListener('input', () => show(button, field.value !== inForce));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const least = numberOf(field.value);
    const right = least !== null && Number.isInteger(least) && least >= 1 && least <= most;
    const wrong = right ? await act(code, { command: 'least', least }, text.done.least(least)) : words.teach.steer.leastWrong(most);
    setAttribute(field, 'aria-invalid', wrong ? 'true' : null);
    tellIn(problem, wrong);
    if (!wrong) show(button, false);
  });

  return {
    /** @param {import('../live/api-shapes.js').HostRoom} room */
    update({ room, status: { least, ready, phase } }) {
      const other = code !== room.code;
      code = room.code;
      most = room.max_clients;
      show(form, phase !== 'finished');
      const free = hostBegins({ least, room });
      setText(byId('least-ready'), free ? text.leastFree(ready) : text.leastReady(ready));
      // What is being typed stays; what the room has changed meanwhile is shown.
      const shown = free ? '' : String(least);
      if (other || field.value === inForce) field.value = shown;
      inForce = shown;
      show(button, field.value !== inForce);
    },
  };
}
