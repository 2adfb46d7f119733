// The form for a new room: a lesson to choose, and everything else set already.

import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { labelName, words } from '../common/language.js';
import { labelEditor } from './label-editor.js';
import { problemOfGroups, told } from './label-list.js';
import { blankPicture, lessonPicture } from './lesson-picture.js';
import { LESSONS } from './lessons.js';
import { noiseMeter } from '../live/said.js';
import { unmaskedBy } from './masks.js';
import { CLASS, roundsTake, spanInWords } from './round-estimate.js';
import { inWordsOfTheForm, isWanted, numberOf, settingOf, withBeginning, withMasks } from './room-settings.js';

/**
 * A setting for experts as the words have it: what it is called, what an empty field stands for, what there is to know, and its
 * choices, each with its meaning where it has one.
 * @typedef {{label: string, usual?: string, hint?: string, choices?: Record<string, string | string[]>}} Setting
 */

/** @returns {[string, Setting][]} all of them by their names in the interface, in the order of the form */
const expertSettings = () => Object.entries(/** @type {Record<string, Setting>} */ (words.teach.create.settings));

/** How long nobody types before the meter is asked, milliseconds. */
const TYPED_MS = 400;

/**
 * @param {(settings: Record<string, unknown>) => Promise<string>} create makes the room; gives what went wrong, or nothing
 * @param {(settings: Record<string, unknown>) => Promise<import('../worker/messages.js').Budget | string>} budgetOf what a room with
 *   these settings would promise; or in words why there is none
 */
export function newRoomPanel(create, budgetOf) {
  const text = words.teach.create;
  const form = /** @type {HTMLFormElement} */ (byId('create'));
  const button = byId('create-button');
  const problem = byId('create-problem');
  const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
  const editor = labelEditor();

  byId('lessons').append(...LESSONS.map(lessonCard));
  field('room-name-field').placeholder = text.namePlaceholder;
  field('least').placeholder = text.leastUsual;
  byId('deadline').append(.../** @type {[number, string][]} */ (text.deadlines).map(([seconds, name]) => h('option', { value: seconds, selected: seconds === 180 }, name)));
  byId('networks').append(...Object.entries(text.networks).map(([name, [title, meaning]], index) => h('label', { class: 'choice network', 'data-test': `network-${name}` },
    h('input', { type: 'radio', name: 'model', value: name, checked: index === 0 }),
    h('span', {}, h('strong', {}, title), ' ', h('span', { class: 'hint' }, meaning)))));
  byId('expert-fields').append(...expertSettings().map(expertField));

  const standing = (/** @type {string} */ name) => String(new FormData(form).get(name) ?? '');
  /** Whether the room is to be masked, as far as its other choices allow it. */
  const masked = () => standing('masked') !== '' && !unmaskedBy(standing);
  const chosen = (/** @type {string} */ name) => (name === 'masked' && !masked() ? '' : standing(name));
  const labelsOfSettings = Object.fromEntries(expertSettings().map(([name, { label }]) => [name, label]));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;

  /** Says what the settings would promise, once nobody types any more. */
  function askMeter() {
    clearTimeout(typing);
    const { labels } = lessonNow();
    let amiss = '';
    const asked = () => (chosen('epsilon').trim() !== '' ? read((_, found) => { amiss = found; }) : null);
    const wanted = asked();
    show(byId('form-meter'), wanted !== null || amiss !== '');
    if (amiss) setText(byId('form-meter'), amiss);
    if (!wanted) return;
    typing = setTimeout(async () => {
      const budget = await budgetOf(labels.length ? { ...wanted, labels } : wanted);
      // Whoever went on typing is told of what stands there now.
      if (JSON.stringify(asked()) === JSON.stringify(wanted)) {
        setText(byId('form-meter'), typeof budget === 'string' ? inWordsOfTheForm(budget, labelsOfSettings) : noiseMeter(budget, words));
      }
    }, TYPED_MS);
  }

  function sayMasks() {
    const conflict = unmaskedBy(standing);
    show(byId('masked-choice'), !conflict);
    if (conflict) setText(byId('masked-hint'), text.masked.because(text.masked.conflicts[conflict.conflict].replace('{most}', String(conflict.most))));
    else setText(byId('masked-hint'), masked() ? text.masked.on : text.masked.off);
  }

  const lessonNow = () => LESSONS.find(({ key }) => key === chosen('lesson')) ?? LESSONS[0];
  const task = /** @type {HTMLDetailsElement} */ (byId('task'));
  let opened = '';

  /** Shows the labels of the task that is chosen; those that are to be typed at once. */
  function showTask() {
    const lesson = lessonNow();
    if (lesson.key === opened) return;
    opened = lesson.key;
    editor.open(lesson);
    task.open = lesson.labels.length === 0;
  }

  function refresh() {
    showTask();
    const rounds = numberOf(field('rounds').value) ?? Number.NaN;
    const seconds = roundsTake({
      model: chosen('model'), rounds, deadline: Number(chosen('deadline') || field('deadline').value),
      epochs: numberOf(chosen('epochs')) || undefined, batchSize: numberOf(chosen('batch_size')) || undefined, encoding: chosen('encoding') || undefined,
    });
    setText(byId('estimate'), rounds >= 1 && Number.isFinite(seconds[1]) ? text.estimate(spanInWords(seconds, text.duration), CLASS) : '');
    for (const [name, { choices, hint }] of expertSettings()) {
      show(byId(`field-${name}`), isWanted(name, chosen));
      const meaning = choices?.[chosen(name)];
      if (hint) setText(byId(`expert-${name}-hint`), Array.isArray(meaning) ? meaning[1] : hint);
    }
    sayMasks();
    askMeter();
  }
  form.addEventListener('input', refresh);
  refresh();

  /** @param {string} wrong */
  function tell(wrong) {
    tellIn(problem, wrong);
  }

  /**
   * What was chosen, as the interface wants it; null where something has to be corrected first.
   * @param {(input: HTMLInputElement, amiss: string) => void} wrong is told of a field to correct, and what is wrong with it
   * @returns {Record<string, unknown> | null}
   */
  function read(wrong) {
    /** @type {Record<string, unknown>} */
    const settings = { model: chosen('model'), deadline: Number(field('deadline').value) };
    const name = field('room-name-field').value.trim();
    if (name) settings.room_name = name;
    for (const [name, { choices }] of expertSettings()) if (choices && chosen(name) && isWanted(name, chosen)) settings[name] = chosen(name);
    const typed = [['rounds', text.rounds, field('rounds')], ['least', text.least, field('least')],
      ...expertSettings().filter(([name, { choices }]) => !choices && isWanted(name, chosen)).map(([name, { label }]) => [name, label, field(`expert-${name}`)])];
    for (const [name, title, input] of /** @type {[string, string, HTMLInputElement][]} */ (typed)) {
      if (!input.value.trim()) continue;
      const value = settingOf(name, input.value);
      const amiss = value === null ? text.noNumber(title) : Array.isArray(value) ? told(text.groupProblems, problemOfGroups(value, chosen('epsilon').trim() !== '')) : '';
      if (value === null || amiss) {
        wrong(input, amiss);
        return null;
      }
      settings[name] = value;
    }
    return withBeginning(withMasks(settings, masked()));
  }

  /**
   * The settings with their labels; null where something has to be corrected first, which the page then says.
   * @returns {Record<string, unknown> | null}
   */
  function settings() {
    const task = taskOf();
    if (!task) return null;
    for (const input of form.querySelectorAll('.create-fields input')) setAttribute(input, 'aria-invalid', null);
    const settings = read((input, amiss) => {
      tell(amiss);
      setAttribute(input, 'aria-invalid', 'true');
      if (input.closest('details')) /** @type {HTMLDetailsElement} */ (byId('expert')).open = true;
      input.focus();
    });
    return settings && { ...task, ...settings };
  }

  /** What the class tells apart, as the interface wants it: signs and prompts only where somebody chose some. */
  function taskOf() {
    const task = editor.value(() => {
      /** @type {HTMLDetailsElement} */ (byId('task')).open = true;
    });
    if (!task) return null;
    const { labels, signs, prompts } = task;
    return { labels, ...(signs.some(Boolean) && { signs }), ...(prompts.some(({ length }) => length) && { prompts }) };
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.getAttribute('aria-disabled') === 'true') return;
    tell('');
    const wanted = settings();
    if (!wanted) return;
    setAttribute(button, 'aria-disabled', 'true');
    setText(button, text.making);
    const wrong = inWordsOfTheForm(await create(wanted), labelsOfSettings);
    setAttribute(button, 'aria-disabled', null);
    setText(button, text.button);
    tell(wrong);
    // A room of the same name is seldom wanted twice; all else may well be.
    if (!wrong) for (const id of ['room-name-field', 'expert-code']) field(id).value = '';
  });
}

/**
 * @param {import('./lessons.js').Lesson} lesson
 * @param {number} index
 */
function lessonCard({ key, labels, signs }, index) {
  const [name, meaning] = /** @type {Record<string, string[]>} */ (words.teach.create.templates)[key];
  const pictures = labels.length ? labels.map((_, index) => lessonPicture(labels, index, signs?.[index] ?? '')) : [blankPicture(), blankPicture(), blankPicture()];
  return h('label', { class: 'lesson', 'data-test': `lesson-${key}` },
    h('input', { type: 'radio', name: 'lesson', value: key, checked: index === 0, class: 'visually-hidden' }),
    h('span', { class: 'lesson-pictures', 'aria-hidden': 'true' }, ...pictures),
    h('strong', {}, name),
    h('span', { class: 'hint' }, meaning),
    labels.length > 0 && h('span', { class: 'lesson-labels' }, labels.map(labelName).join(', ')));
}

/** @param {[string, Setting]} setting */
function expertField([name, { label, usual, hint, choices }]) {
  const text = words.teach.create;
  const id = `expert-${name}`;
  const hintId = hint && `${id}-hint`;
  const input = choices
    ? h('select', { id, name, 'aria-describedby': hintId }, h('option', { value: '' }, text.usual), ...Object.entries(choices).map(([value, said]) => h('option', { value }, Array.isArray(said) ? said[0] : said)))
    : h('input', { id, name, autocomplete: 'off', placeholder: usual ?? text.usual, 'data-test': id, 'aria-describedby': hintId });
  return h('div', { class: 'field', id: `field-${name}` }, h('label', { for: id }, label), input,
    hintId && h('p', { id: hintId, class: 'hint' }, hint));
}
