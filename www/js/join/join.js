// The start page: from a room code to the room.

import { showCapabilities } from '../common/capability-list.js';
import { byId, h, setAttribute, setText, tellIn } from '../common/element.js';
import { languagePickers } from '../common/language-picker.js';
import { fillWords, words } from '../common/language.js';
import { recallName, rememberName } from '../common/nickname.js';
import { normaliseCode } from '../common/room-code.js';
import { keptPanel } from './kept-panel.js';

fillWords();
languagePickers();
document.title = words.join.title;
listOf('how', words.join.how.map(([title, text]) => h('li', {}, h('strong', {}, title), h('p', {}, text))));
listOf('stays', words.join.stays.map((text) => h('li', {}, text)));
listOf('leaves', words.join.leaves.map((text) => h('li', {}, text)));
showCapabilities(byId('capabilities'));
keptPanel();

const form = /** @type {HTMLFormElement} */ (byId('join'));
const codeField = /** @type {HTMLInputElement} */ (byId('code'));
const nameField = /** @type {HTMLInputElement} */ (byId('name'));
const button = /** @type {HTMLButtonElement} */ (byId('join-button'));
const problem = byId('join-problem');

nameField.value = recallName();
codeField.value = normaliseCode(new URLSearchParams(location.search).get('code') ?? '');

codeField.addEventListener('input', () => tellProblem(''));
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const code = normaliseCode(codeField.value);
  codeField.value = code;
  if (!code) return tellProblem(words.join.noCode);
  rememberName(nameField.value);
  button.disabled = true;
  setText(button, words.join.checking);
  const problemFound = await problemWith(code);
  button.disabled = false;
  setText(button, words.join.button);
  if (problemFound) tellProblem(problemFound);
  else location.assign(`/room/${code}`);
});

/**
 * Asks the server whether the room is there.
 * @param {string} code
 * @returns {Promise<string>} what to tell the person, or nothing where all is well
 */
async function problemWith(code) {
  try {
    const answer = await fetch(`/api/rooms/${code}`, { headers: { accept: 'application/json' } });
    if (answer.ok) return '';
    return answer.status === 404 || answer.status === 400 ? words.join.unknown(code) : words.join.unreachable;
  } catch {
    return words.join.unreachable;
  }
}

/** @param {string} text */
function tellProblem(text) {
  tellIn(problem, text);
  setAttribute(codeField, 'aria-invalid', text ? 'true' : null);
  if (text) codeField.focus();
}

/**
 * @param {string} id
 * @param {HTMLElement[]} items
 */
function listOf(id, items) {
  byId(id).replaceChildren(...items);
}
