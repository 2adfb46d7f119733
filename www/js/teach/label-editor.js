// The labels of a room: two to sixteen words, in the order of the students' buttons, each with its sign and with what people are asked to
// say or play. A ready task comes with its own, and every task keeps what was typed for it while another is looked at.

import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { PICTURES } from '../common/pictures.js';
import { checkLabels, LEAST_LABELS, MOST_LABELS, told } from './label-list.js';
import { MOST_LETTERS, problemOfPrompts, problemOfSigns, promptsOf } from './sign-list.js';

/** The choice of a sign that is letters; the others are nothing, or a picture's name. */
const LETTERS = 'letters';

/**
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {HTMLInputElement} name
 * @property {HTMLSelectElement} sign
 * @property {HTMLInputElement} letters
 * @property {HTMLTextAreaElement} prompts
 * @property {string} known the label of a ready task, whose name in the page's language stands in its field at first
 */

/** @typedef {{labels: string[], signs: string[], prompts: string[][]}} Task */

export function labelEditor() {
  const list = byId('label-rows');
  const add = byId('label-add');
  const problem = byId('label-problem');
  const { create } = words.teach;
  add.append(icon('plus'), create.labelAdd);

  /** The rows of each task that was looked at. @type {Map<string, Row[]>} */
  const kept = new Map();
  /** @type {Row[]} */
  let rows = [];

  /** What a button is called, for the label in its row.
   * @type {WeakMap<Element, (name: string) => string>} */
  const namesOf = new WeakMap();

  /**
   * @param {string} label
   * @param {string} chosen its sign
   * @returns {Row}
   */
  function newRow(label, chosen) {
    const name = h('input', { value: labelName(label), maxlength: 60, autocomplete: 'off', spellcheck: 'true', 'data-test': 'label-field', 'aria-describedby': 'label-problem' });
    const sign = h('select', { autocomplete: 'off', 'data-test': 'label-sign', 'aria-describedby': 'label-problem' },
      h('option', { value: '' }, create.sign.shape), h('option', { value: LETTERS }, create.sign.letters),
      ...Object.keys(PICTURES).map((picture) => h('option', { value: picture }, /** @type {Record<string, string>} */ (words.pictures)[picture])));
    const letters = h('input', { maxlength: 2 * MOST_LETTERS, autocomplete: 'off', spellcheck: 'false', class: 'label-letters', 'data-test': 'label-letters', 'aria-describedby': 'label-problem' });
    const prompts = h('textarea', { rows: 2, autocomplete: 'off', spellcheck: 'true', 'data-test': 'label-prompts', 'aria-describedby': 'label-problem' });
    sign.value = chosen && !Object.hasOwn(PICTURES, chosen) ? LETTERS : chosen;
    letters.value = sign.value === LETTERS ? chosen : '';
    const element = h('li', { class: 'label-row' }, h('span', { class: 'label-shape' }), name,
      h('span', { class: 'label-buttons' },
        button('up', create.labelUp, () => move(row, -1)),
        button('down', create.labelDown, () => move(row, 1)),
        button('bin', create.labelRemove, () => {
          const at = rows.indexOf(row);
          rows.splice(at, 1);
          draw();
          (rows[Math.min(at, rows.length - 1)]?.name ?? add).focus();
        })),
      h('label', { class: 'label-sign' }, h('span', {}, create.sign.title), h('span', { class: 'label-sign-fields' }, sign, letters)),
      h('label', { class: 'label-prompts' }, h('span', {}, create.prompts.title), prompts));
    /** @type {Row} */
    const row = { element, name, sign, letters, prompts, known: label };
    element.addEventListener('input', () => {
      tell(null);
      renew();
    });
    sign.addEventListener('change', () => sign.value === LETTERS && letters.focus());
    for (const field of [name, letters]) {
      field.addEventListener('blur', () => {
        // While one is still filling in the list, its empty fields are no mistake.
        const found = problemNow();
        if (found && ['twice', 'alike', 'signTwice', 'signAlike'].includes(found.key)) tell(found);
      });
    }
    return row;
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
   * @param {Row} row
   * @param {number} by
   */
  function move(row, by) {
    const at = rows.indexOf(row);
    if (!rows[at + by]) return;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    rows.splice(at, 1);
    rows.splice(at + by, 0, row);
    draw();
    focused?.focus();
  }

  /** Puts the rows on the page, in their order. */
  function draw() {
    list.replaceChildren(...rows.map(({ element }) => element));
    renew();
  }

  /** What stands in the rows. @returns {Task} */
  function typed() {
    return {
      // The name of a ready task's label, in whatever language, is that label.
      labels: rows.map(({ name, known }) => (name.value.trim() === labelName(known) ? known : name.value)),
      signs: rows.map(({ sign, letters }) => (sign.value === LETTERS ? letters.value.trim().normalize('NFC') : sign.value)),
      prompts: rows.map(({ prompts }) => promptsOf(prompts.value)),
    };
  }

  /** Brings numbers, signs and names of all rows up to date. */
  function renew() {
    const { labels, signs } = typed();
    const values = labels.map((label) => label.trim());
    rows.forEach(({ element, name, sign, letters, prompts }, index) => {
      const called = name.value.trim() || create.label(index + 1);
      setAttribute(name, 'aria-label', create.label(index + 1));
      setAttribute(sign, 'aria-label', create.sign.of(called));
      setAttribute(letters, 'aria-label', create.sign.lettersOf(called));
      setAttribute(prompts, 'aria-label', create.prompts.of(called));
      show(letters, sign.value === LETTERS);
      element.querySelector('.label-shape')?.replaceChildren(labelIcon(values, index, signs[index]));
      for (const button of element.querySelectorAll('button')) {
        const said = namesOf.get(button)?.(called);
        setAttribute(button, 'aria-label', said);
        setAttribute(button, 'title', said);
        const does = button.dataset.does;
        const idle = (does === 'up' && index === 0) || (does === 'down' && index === rows.length - 1) || (does === 'bin' && rows.length <= LEAST_LABELS);
        setAttribute(button, 'aria-disabled', idle ? 'true' : null);
        if (does === 'bin' && idle) setAttribute(button, 'title', create.leastLabels(LEAST_LABELS));
      }
    });
    const full = rows.length >= MOST_LABELS;
    setAttribute(add, 'aria-disabled', full ? 'true' : null);
    setAttribute(add, 'title', full ? create.most(MOST_LABELS) : null);
  }

  /** What is wrong, but for fields that are still empty. */
  function problemNow() {
    const { labels, signs } = typed();
    return checkLabels(labels.filter((label) => label.trim())).problem ?? problemOfSigns(signs, labels.map(labelName));
  }

  /** @param {import('./sign-list.js').Problem | null} found */
  function tell(found) {
    setText(problem, told(create.problems, found));
    show(problem, Boolean(found));
    rows.forEach((row, index) => {
      for (const field of [row.name, row.sign, row.letters, row.prompts]) setAttribute(field, 'aria-invalid', found?.at === index && fieldOf(found, row) === field ? 'true' : null);
    });
  }

  /**
   * Where one has to look at.
   * @param {import('./sign-list.js').Problem} found
   * @param {Row} row
   */
  function fieldOf({ key }, { name, sign, letters, prompts }) {
    if (key.startsWith('prompt')) return prompts;
    if (!key.startsWith('sign')) return name;
    return sign.value === LETTERS ? letters : sign;
  }

  add.addEventListener('click', () => {
    if (rows.length >= MOST_LABELS) return;
    const row = newRow('', '');
    rows.push(row);
    draw();
    row.name.focus();
  });

  return {
    /**
     * Shows a task: as it was left, or as it is ready.
     * @param {import('./lessons.js').Lesson} lesson
     */
    open({ key, labels, signs }) {
      const fresh = () => (labels.length ? labels : ['', '']).map((label, index) => newRow(label, signs?.[index] ?? ''));
      rows = kept.get(key) ?? fresh();
      kept.set(key, rows);
      tell(null);
      draw();
    },
    /**
     * What stands there now, checked; null where something is wrong with it. The page then says what, and the cursor is there.
     * @param {() => void} reveal shows the fields
     * @returns {Task | null}
     */
    value(reveal) {
      const task = typed();
      const { labels, problem: found } = checkLabels(task.labels);
      const called = labels.map(labelName);
      const wrong = found ?? problemOfSigns(task.signs, called) ?? emptySign(called) ?? problemOfPrompts(task.prompts, called);
      tell(wrong);
      if (!wrong) return { ...task, labels };
      reveal();
      const row = rows[wrong.at];
      if (row) fieldOf(wrong, row).focus();
      return null;
    },
  };

  /**
   * Whoever chose letters has to type some.
   * @param {string[]} called
   */
  function emptySign(called) {
    const at = rows.findIndex(({ sign, letters }) => sign.value === LETTERS && !letters.value.trim());
    return at < 0 ? null : { key: 'signForm', args: [called[at]], at };
  }
}
