// Asks a question in the middle of the page. What is typed stays while the server says no or is away.

import { h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { words } from '../common/language.js';

/**
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text what the answer leads to
 * @param {Node[]} [question.fields]
 * @param {string} question.confirm
 * @param {boolean} [question.danger] whether something is lost
 * @param {string} [question.test] its name for tests
 * @param {() => Promise<string>} question.submit does it; gives what went wrong, or nothing where all is well
 */
export function ask({ title, text, fields = [], confirm, danger = false, test = 'dialog', submit }) {
  const asker = document.activeElement;
  const problem = h('p', { class: 'problem', role: 'alert', 'data-test': 'dialog-problem', hidden: true });
  const yes = h('button', { class: danger ? 'danger' : 'primary', 'data-test': 'dialog-confirm' }, confirm);
  const no = h('button', { type: 'button', 'data-test': 'dialog-cancel', onclick: () => { dialog.close(); } }, words.common.cancel);
  const form = h('form', { method: 'dialog', novalidate: true },
    h('h2', { id: 'dialog-title' }, title),
    h('p', { id: 'dialog-text' }, text),
    ...fields,
    problem,
    h('div', { class: 'dialog-buttons' }, no, yes));
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text', 'data-test': test }, form);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (yes.getAttribute('aria-disabled') === 'true') return;
    show(problem, false);
    setAttribute(yes, 'aria-disabled', 'true');
    setText(yes, words.teach.steer.working);
    const wrong = await submit();
    setAttribute(yes, 'aria-disabled', null);
    setText(yes, confirm);
    tellIn(problem, wrong);
    if (!wrong) dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    // The button that asked may be gone with its row.
    if (asker instanceof HTMLElement && asker.isConnected) asker.focus();
    else document.getElementById('content')?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  // A destructive answer is never one careless Enter away.
  const first = /** @type {HTMLElement | null} */ (form.querySelector('input:not([type="radio"]), input:checked'));
  (first ?? (danger ? no : yes)).focus();
  if (first instanceof HTMLInputElement && first.type !== 'radio') first.select();
}

/**
 * A question that is answered with a line of text.
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text
 * @param {string} question.field
 * @param {string} question.value
 * @param {string} question.confirm
 * @param {string} question.test
 * @param {(value: string) => Promise<string>} question.submit
 */
export function askText({ field, value, submit, ...rest }) {
  const input = h('input', { id: 'dialog-field', type: 'text', maxlength: 60, autocomplete: 'off', 'data-test': 'dialog-field', value });
  ask({
    ...rest,
    fields: [h('div', { class: 'field' }, h('label', { for: 'dialog-field' }, field), input)],
    submit: () => submit(input.value.trim()),
  });
}
