// Asks for the host's secret where the link brought none or a wrong one.

import { byId, setText, show, tellIn } from '../common/element.js';
import { words } from '../common/language.js';
import { tokenOf } from './host-token.js';

/** @param {(token: string) => Promise<string>} start tries a secret; gives what is wrong with it, or nothing */
export function unlockPanel(start) {
  const form = byId('unlock');
  const field = /** @type {HTMLInputElement} */ (byId('secret'));
  const button = /** @type {HTMLButtonElement} */ (byId('unlock-button'));
  const problem = byId('unlock-problem');

  /** @param {string} text */
  function tell(text) {
    tellIn(problem, text);
    if (text) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const token = tokenOf(field.value);
    if (!token) {
      tell(words.teach.unlock.unreadable);
      field.focus();
      return;
    }
    tell('');
    button.disabled = true;
    setText(button, words.teach.unlock.checking);
    const wrong = await start(token);
    button.disabled = false;
    setText(button, words.teach.unlock.button);
    if (wrong) tell(wrong);
    else field.value = '';
  });

  return {
    /** @param {string} wrong what was wrong with the secret that was tried */
    open(wrong) {
      show(form, true);
      tell(wrong);
      field.focus();
    },
    close: () => show(form, false),
  };
}
