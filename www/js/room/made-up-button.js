// For those without a microphone: clips of a synthetic voice, made by the worker.

import { announce } from '../common/announcer.js';
import { byId, setText } from '../common/element.js';
import { words } from '../common/language.js';

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function madeUpButton(client, tell) {
  const button = /** @type {HTMLButtonElement} */ (byId('made-up'));
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    // Not `disabled`: the keyboard's focus must stay where it is.
    button.setAttribute('aria-disabled', 'true');
    setText(button, words.madeUp.adding);
    try {
      const { clips } = await client.request('add_made_up');
      announce(words.madeUp.added(clips.length));
    } catch (error) {
      tell(error);
    }
    button.removeAttribute('aria-disabled');
    setText(button, words.madeUp.button);
  });
}
