// The labels of a room that has its own: two to sixteen words, in the order of the students' buttons.

import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { words } from '../common/language.js';
import { checkLabels, LEAST_LABELS, MOST_LABELS } from './label-list.js';

export function labelEditor() {
  const rows = byId('label-rows');
  const add = byId('label-add');
  const problem = byId('label-problem');
  const { create } = words.teach;
  add.append(icon('plus'), create.labelAdd);

  /** What a button is called, for the label in its row.
   * @type {WeakMap<Element, (name: string) => string>} */
  const namesOf = new WeakMap();

  const fields = () => /** @type {HTMLInputElement[]} */ ([...rows.querySelectorAll('input')]);

  /**
   * @param {string} value
   * @returns {HTMLInputElement}
   */
  function addRow(value) {
    const field = h('input', { value, maxlength: 60, autocomplete: 'off', spellcheck: 'true', 'data-test': 'label-field', 'aria-describedby': 'label-problem' });
    const row = h('li', { class: 'label-row' }, h('span', { class: 'label-shape' }), field,
      button('up', create.labelUp, () => move(row, -1)),
      button('down', create.labelDown, () => move(row, 1)),
      button('bin', create.labelRemove, () => {
        const at = [...rows.children].indexOf(row);
        row.remove();
        renew();
        (fields()[Math.min(at, rows.childElementCount - 1)] ?? add).focus();
      }));
    field.addEventListener('input', () => {
      tell(null);
      renew();
    });
    field.addEventListener('blur', () => {
      // While one is still filling in the list, its empty fields are no mistake.
      const { problem: found } = checkLabels(fields().map((one) => one.value).filter((one) => one.trim()));
      if (found && (found.key === 'twice' || found.key === 'alike')) check();
    });
    rows.append(row);
    renew();
    return field;
  }

  /**
   * @param {import('../common/icons.js').IconName} name
   * @param {(name: string) => string} label
   * @param {() => void} onclick
   */
  function button(name, label, onclick) {
    const element = h('button', { type: 'button', class: 'icon-button quiet', 'data-does': name, onclick: () => {
      if (element.getAttribute('aria-disabled') !== 'true') onclick();
    } }, icon(name));
    namesOf.set(element, label);
    return element;
  }

  /**
   * @param {HTMLElement} row
   * @param {number} by
   */
  function move(row, by) {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    if (by < 0) rows.insertBefore(row, other);
    else rows.insertBefore(other, row);
    renew();
    focused?.focus();
  }

  /** Brings numbers, shapes and names of all rows up to date. */
  function renew() {
    const values = fields().map(({ value }) => value.trim());
    [...rows.children].forEach((row, index) => {
      const field = /** @type {HTMLInputElement} */ (row.querySelector('input'));
      const name = field.value.trim() || create.label(index + 1);
      setAttribute(field, 'aria-label', create.label(index + 1));
      row.querySelector('.label-shape')?.replaceChildren(labelIcon(values, index));
      for (const element of row.querySelectorAll('button')) {
        const called = namesOf.get(element)?.(name);
        setAttribute(element, 'aria-label', called);
        setAttribute(element, 'title', called);
        const does = element.dataset.does;
        const idle = (does === 'up' && index === 0) || (does === 'down' && index === rows.childElementCount - 1)
          || (does === 'bin' && rows.childElementCount <= LEAST_LABELS);
        setAttribute(element, 'aria-disabled', idle ? 'true' : null);
        if (does === 'bin' && idle) setAttribute(element, 'title', create.leastLabels(LEAST_LABELS));
      }
    });
    const full = rows.childElementCount >= MOST_LABELS;
    setAttribute(add, 'aria-disabled', full ? 'true' : null);
    setAttribute(add, 'title', full ? create.most(MOST_LABELS) : null);
  }

  /** @param {{key: string, args: (string | number)[], at: number} | null} found */
  function tell(found) {
    const say = found && /** @type {Record<string, (...args: (string | number)[]) => string>} */ (/** @type {unknown} */ (create.problems))[found.key];
    setText(problem, say ? say(...found.args) : '');
    show(problem, Boolean(found));
    fields().forEach((field, index) => setAttribute(field, 'aria-invalid', found?.at === index ? 'true' : null));
  }

  function check() {
    const checked = checkLabels(fields().map(({ value }) => value));
    tell(checked.problem);
    return checked;
  }

  add.addEventListener('click', () => {
    if (rows.childElementCount < MOST_LABELS) addRow('').focus();
  });

  return {
    /** Fills the list where it is still empty. @param {string[]} labels */
    fill(labels) {
      if (rows.childElementCount === 0) for (const label of labels) addRow(label);
    },
    /** The labels, or null where something is wrong with them; the page then says what, and the cursor is there. */
    value() {
      const { labels, problem: found } = check();
      if (found) fields()[found.at]?.focus();
      return found ? null : labels;
    },
  };
}
