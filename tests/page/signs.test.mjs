// Whether people can read the signs of labels and tell them apart: letters as the server has it, and colours by measure, by day and by night.
// Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { PICTURES } from '../../www/js/common/pictures.js';
import { modelCard } from '../../www/js/live/model-card.js';
import { promptFor } from '../../www/js/room/prompts.js';
import { LESSONS } from '../../www/js/teach/lessons.js';
import { LONGEST_PROMPT, MOST_PROMPTS, problemOfPrompts, problemOfSigns, promptsOf } from '../../www/js/teach/sign-list.js';
import { words as de } from '../../www/words/de.js';
import { words as en } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const LANGUAGES = { de, en, es };
const read = (/** @type {string} */ path) => readFileSync(new URL(path, import.meta.url), 'utf8');

test('signs are refused here where the server refuses them', () => {
  const kinds = { form: 'signForm', picture: 'signPicture', twice: 'signTwice', alike: 'signAlike' };
  for (const { signs, problem } of JSON.parse(read('signs.json'))) {
    const found = problemOfSigns(signs, signs.map((_, index) => `label ${index}`));
    assert.equal(found?.key ?? null, problem && kinds[problem], JSON.stringify(signs));
    if (found) for (const [code, words] of Object.entries(LANGUAGES)) assert.ok(words.teach.create.problems[found.key](...found.args).length > 20, code);
  }
});

test('the pictures are those that the server knows, and each has a name in every language', () => {
  const known = read('../../crates/protocol/src/signs.rs').match(/PICTURES: \[&str; \d+\] = \[([^\]]*)\]/)[1];
  const names = [...known.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name);
  assert.deepEqual(Object.keys(PICTURES).sort(), names.toSorted());
  assert.equal(new Set(Object.values(PICTURES)).size, names.length, 'no two are drawn the same');
  for (const [code, words] of Object.entries(LANGUAGES)) {
    assert.deepEqual(Object.keys(words.pictures).sort(), names.toSorted(), code);
    assert.equal(new Set(Object.values(words.pictures)).size, names.length, `${code}: no two have one name`);
  }
});

/** The contrast of two colours (WCAG 2.2, 1.4.3: relative luminance of sRGB). */
function contrast(one, other) {
  const luminance = (colour) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test('letters and lines stand out from every label’s colour, by day and by night', () => {
  assert.equal(contrast('#000000', '#ffffff'), 21);
  assert.ok(Math.abs(contrast('#777777', '#ffffff') - 4.48) < 0.005, 'the grey that just fails, as WebAIM has it');
  const tokens = read('../../www/css/tokens.css');
  const [day, night] = tokens.split('@media (prefers-color-scheme: dark)');
  const colours = (text) => Object.fromEntries([...text.matchAll(/--((?:on-)?label(?:-\d)?): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [name, colour]));
  const themes = { day: colours(day), night: { ...colours(day), ...colours(night) } };
  const inks = [...tokens.matchAll(/\[data-label-colour="(\d)"\] \{ --label: var\(--label-(\d)\); --label-ink: var\(--([a-z0-9-]+)\); \}/g)];
  assert.equal(inks.length, 8);
  for (const [theme, of] of Object.entries(themes)) {
    for (const [, number, label, ink] of inks) {
      assert.equal(number, label);
      assert.ok(contrast(of[`label-${label}`], of[ink]) >= 4.5, `${theme}: ${of[ink]} on label ${label}, ${of[`label-${label}`]}`);
    }
  }
});

test('the signs of ready tasks can be read and told apart', () => {
  for (const { key, labels, signs } of LESSONS) {
    if (!signs) continue;
    assert.equal(signs.length, labels.length, key);
    assert.equal(problemOfSigns(signs, labels), null, key);
  }
});

test('prompts are lines, and not too many or too long', () => {
  assert.deepEqual(promptsOf(' Say  “a” \n\n  Sing it\r\n'), ['Say “a”', 'Sing it']);
  assert.deepEqual(promptsOf('\n \n'), []);
  const problem = (lines) => problemOfPrompts([[], lines], ['a', 'b']);
  assert.equal(problem(Array(MOST_PROMPTS).fill('x'.repeat(LONGEST_PROMPT))), null);
  assert.deepEqual(problem(Array(MOST_PROMPTS + 1).fill('x')), { key: 'promptMany', args: ['b', MOST_PROMPTS], at: 1 });
  assert.deepEqual(problem(['x'.repeat(LONGEST_PROMPT + 1)]), { key: 'promptLong', args: ['b', LONGEST_PROMPT], at: 1 });
  assert.equal(problem(['\u202egnirts'])?.key, 'promptControl');
  const limits = read('../../crates/protocol/src/limits.rs');
  for (const [name, here] of [['MAX_PROMPTS', MOST_PROMPTS], ['MAX_PROMPT_CHARS', LONGEST_PROMPT], ['MAX_SIGN_LETTERS', 2]]) assert.ok(limits.includes(`${name}: usize = ${here};`), name);
});

test('a room’s own prompts come first, one after the other; then what the page has for the label', () => {
  const own = ['Aaah', 'As in father'];
  assert.deepEqual([0, 1, 2].map((turn) => promptFor('a', 'a', turn, en, own).say), ['Aaah', 'As in father', 'Aaah']);
  assert.deepEqual(promptFor('a', 'a', 0, en, own), { say: 'Aaah', how: en.prompts.otherManner, sentence: 'Aaah', others: true });
  assert.deepEqual(promptFor('sad', 'sad', 0, en, ['So long']), { say: 'So long', how: en.prompts.manner.sad, sentence: 'So long', others: false });
  assert.equal(promptFor('cuckoo', 'cuckoo', 0, en, []).say, en.prompts.ready.cuckoo);
  for (const [code, words] of Object.entries(LANGUAGES)) {
    for (const { labels } of LESSONS) for (const label of labels) {
      if (!['piano', 'guitar', 'flute', 'drums'].includes(label)) assert.ok(Object.hasOwn(words.prompts.manner, label) || Object.hasOwn(words.prompts.ready, label), `${code}: ${label}`);
    }
  }
});

test('a model card says what a label was shown by', () => {
  const room = { name: 'Vowels', labels: ['a', 'e'], signs: ['A', 'bird'], architecture: 'compact' };
  const card = (words) => modelCard({ room, status: { model_version: 0 }, history: [] }, null, { labels: room.labels, date: 'today' }, words);
  assert.ok(card(en).includes('It tells apart: a (Sign: A), e (Sign: bird).'), card(en));
  assert.ok(card(de).includes('e (Zeichen: Vogel)') && card(es).includes('e (Signo: pájaro)'));
});
