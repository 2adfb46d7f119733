// The form for a new room: a lesson to choose, and everything else set already.

import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { labelName, words } from '../common/language.js';
import { labelEditor } from './label-editor.js';
import { blankPicture, lessonPicture } from './lesson-picture.js';
import { LESSONS } from './lessons.js';
import { CLASS, roundsTake, spanInWords } from './round-estimate.js';

/**
 * Fields for experts: the setting's name in the interface, the words for it, and its choices where it has some, each with its
 * meaning where it is `explained` (which names the words for no choice).
 */
const EXPERT = [
  { name: 'strategy', words: 'strategy', choices: 'strategies', explained: 'strategyUsual' },
  { name: 'server_learning_rate', words: 'serverRate' },
  { name: 'proximal', words: 'proximal' },
  { name: 'aggregation', words: 'aggregation', choices: 'aggregations', explained: 'aggregationUsual' },
  { name: 'trim', words: 'trim', usual: '0.2' },
  { name: 'faulty', words: 'faulty', usual: '1' },
  { name: 'chosen', words: 'chosen' },
  { name: 'clip_norm', words: 'clipNorm' },
  { name: 'optimiser', words: 'optimiser', choices: 'optimisers' },
  { name: 'learning_rate', words: 'learningRate' },
  { name: 'epochs', words: 'epochs', usual: '2' },
  { name: 'batch_size', words: 'batch', usual: '20' },
  { name: 'augmentation', words: 'augmentation', choices: 'augmentations' },
  { name: 'goal', words: 'goal', usual: '0' },
  { name: 'grace', words: 'grace', usual: '15' },
  { name: 'encoding', words: 'encoding', choices: 'encodings' },
  { name: 'max_clients', words: 'maxClients', usual: '64' },
  { name: 'seed', words: 'seed', usual: '0' },
  { name: 'code', words: 'code', hint: 'codeHint', text: true },
];

/** @param {(settings: Record<string, unknown>) => Promise<string>} create makes the room; gives what went wrong, or nothing */
export function newRoomPanel(create) {
  const text = words.teach.create;
  const form = /** @type {HTMLFormElement} */ (byId('create'));
  const button = byId('create-button');
  const problem = byId('create-problem');
  const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
  const editor = labelEditor();

  byId('lessons').append(...LESSONS.map(lessonCard));
  field('room-name-field').placeholder = text.namePlaceholder;
  byId('deadline').append(.../** @type {[number, string][]} */ (text.deadlines).map(([seconds, name]) => h('option', { value: seconds, selected: seconds === 180 }, name)));
  byId('networks').append(...Object.entries(text.networks).map(([name, [title, meaning]], index) => h('label', { class: 'choice network' },
    h('input', { type: 'radio', name: 'model', value: name, checked: index === 0 }),
    h('span', {}, h('strong', {}, title), ' ', h('span', { class: 'hint' }, meaning)))));
  byId('expert-fields').append(...EXPERT.map(expertField));

  const chosen = (/** @type {string} */ name) => String(new FormData(form).get(name) ?? '');

  function refresh() {
    const own = chosen('lesson') === 'own';
    if (own) editor.fill(['', '']);
    show(byId('own-labels'), own);
    const rounds = numberOf(field('rounds').value) ?? Number.NaN;
    const seconds = roundsTake({
      model: chosen('model'), rounds, deadline: Number(chosen('deadline') || field('deadline').value),
      epochs: numberOf(chosen('epochs')) || undefined, batchSize: numberOf(chosen('batch_size')) || undefined, encoding: chosen('encoding') || undefined,
    });
    setText(byId('estimate'), rounds >= 1 && Number.isFinite(seconds[1]) ? text.estimate(spanInWords(seconds, text.duration), CLASS) : '');
    for (const { name, choices, explained } of EXPERT) {
      if (!choices || !explained) continue;
      const choice = chosen(name);
      setText(byId(`expert-${name}-hint`), choice ? /** @type {any} */ (text)[choices][choice][1] : /** @type {any} */ (text)[explained]);
    }
  }
  form.addEventListener('input', refresh);
  refresh();

  /** @param {string} wrong */
  function tell(wrong) {
    setText(problem, wrong);
    show(problem, wrong !== '');
  }

  /**
   * What was chosen, as the interface wants it; null where something has to be corrected first.
   * @returns {Record<string, unknown> | null}
   */
  function settings() {
    const lesson = LESSONS.find(({ key }) => key === chosen('lesson'));
    const labels = lesson?.key === 'own' ? editor.value() : lesson?.labels;
    if (!labels) return null;
    /** @type {Record<string, unknown>} */
    const settings = { labels, model: chosen('model'), deadline: Number(field('deadline').value) };
    const name = field('room-name-field').value.trim();
    if (name) settings.room_name = name;
    const numbers = [['rounds', text.rounds, field('rounds')], ['least', text.least, field('least')],
      ...EXPERT.filter(({ choices, text: plain }) => !choices && !plain).map((expert) => [expert.name, /** @type {any} */ (text)[expert.words], field(`expert-${expert.name}`)])];
    for (const [name, title, input] of /** @type {[string, string, HTMLInputElement][]} */ (numbers)) {
      setAttribute(input, 'aria-invalid', null);
      if (!input.value.trim()) continue;
      const value = numberOf(input.value);
      if (value === null) {
        tell(text.noNumber(title));
        setAttribute(input, 'aria-invalid', 'true');
        if (input.closest('details')) /** @type {HTMLDetailsElement} */ (byId('expert')).open = true;
        input.focus();
        return null;
      }
      settings[name] = value;
    }
    for (const { name, choices } of EXPERT) if (choices && chosen(name)) settings[name] = chosen(name);
    const code = chosen('code').trim().toUpperCase();
    if (code) settings.code = code;
    return settings;
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.getAttribute('aria-disabled') === 'true') return;
    tell('');
    const wanted = settings();
    if (!wanted) return;
    setAttribute(button, 'aria-disabled', 'true');
    setText(button, text.making);
    const wrong = await create(wanted);
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
function lessonCard({ key, labels }, index) {
  const [name, meaning] = /** @type {Record<string, string[]>} */ (words.teach.create.templates)[key];
  const pictures = labels.length ? labels.map(lessonPicture) : [blankPicture(), blankPicture(), blankPicture()];
  return h('label', { class: 'lesson', 'data-test': `lesson-${key}` },
    h('input', { type: 'radio', name: 'lesson', value: key, checked: index === 0, class: 'visually-hidden' }),
    h('span', { class: 'lesson-pictures', 'aria-hidden': 'true' }, ...pictures),
    h('strong', {}, name),
    h('span', { class: 'hint' }, meaning),
    labels.length > 0 && h('span', { class: 'lesson-labels' }, labels.map(labelName).join(', ')));
}

/** @param {{name: string, words: string, choices?: string, explained?: string, usual?: string, hint?: string}} expert */
function expertField({ name, words: key, choices, explained, usual, hint }) {
  const text = /** @type {any} */ (words.teach.create);
  const id = `expert-${name}`;
  const hintId = (explained || hint) && `${id}-hint`;
  const options = choices && Object.entries(/** @type {Record<string, string | string[]>} */ (text[choices]));
  const input = options
    ? h('select', { id, name, 'aria-describedby': hintId }, h('option', { value: '' }, text.usual), ...options.map(([value, said]) => h('option', { value }, Array.isArray(said) ? said[0] : said)))
    : h('input', { id, name, autocomplete: 'off', placeholder: usual ?? text.usual, 'data-test': id, 'aria-describedby': hintId });
  return h('div', { class: 'field' }, h('label', { for: id }, text[key]), input,
    hintId && h('p', { id: hintId, class: 'hint' }, hint ? text[hint] : ''));
}

/**
 * A number as people type it, with a point or a comma.
 * @param {string} typed
 * @returns {number | null} nothing where it is none
 */
function numberOf(typed) {
  const text = typed.trim().replace(',', '.');
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}
