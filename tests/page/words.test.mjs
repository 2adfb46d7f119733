// The words of all languages have one shape, and none of them is missing. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { bytes, dayAndTime, decimal, figures, grouped, percent, seconds, timeOfDay } from '../../www/js/common/format.js';
import { stateIcon } from '../../www/js/live/laptop-state.js';
import { LESSONS } from '../../www/js/teach/lessons.js';

const WWW = new URL('../../www/', import.meta.url);

/** What the worker says by name. A test in crates/client holds this list to its enums. */
const NAMES = JSON.parse(readFileSync(new URL('names.json', import.meta.url), 'utf8'));

/** What js/common/language.js offers. It cannot be imported where there is no browser. */
const offered = readFileSync(new URL('js/common/language.js', WWW), 'utf8').match(/LANGUAGES = \{(.*)\};/)[1];
const CODES = [...offered.matchAll(/(\w+): '/g)].map(([, code]) => code);
const languages = new Map(await Promise.all(CODES.map(async (code) => [code, (await import(new URL(`words/${code}.js`, WWW))).words])));
const english = languages.get('en');
const translations = [...languages].filter(([code]) => code !== 'en');

/** An English sentence that is longer than this has no business in a translation; shorter ones may be names. */
const NAME = 40;

/**
 * Every word with its path: strings, numbers and functions.
 * @returns {Map<string, unknown>}
 */
function leaves(value, path = '') {
  if (value === null || typeof value !== 'object') return new Map([[path, value]]);
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, path ? `${path}.${key}` : key)]));
}

/** The shape at each path: which kind, and how many arguments a function takes. */
function shape(words) {
  const sentences = /^prompts\.sentences\.\d+$/; // a language may have more of them
  return new Map([...leaves(words)].filter(([path]) => !sentences.test(path))
    .map(([path, value]) => [path, typeof value === 'function' ? `function of ${value.length}` : typeof value]));
}

test('each language that the pages offer has its words, and the other way round', () => {
  const files = readdirSync(new URL('words/', WWW)).map((name) => name.replace('.js', '')).sort();
  assert.deepEqual([...CODES].sort(), files);
  for (const [code, words] of languages) assert.equal(words.language, code);
});

test('all languages have the shape of English', () => {
  const expected = shape(english);
  for (const [code, words] of translations) {
    const found = shape(words);
    for (const [path, kind] of expected) assert.equal(found.get(path), kind, `${code}: ${path}`);
    for (const path of found.keys()) assert.ok(expected.has(path), `${code}: ${path} is not in English`);
    assert.ok(words.prompts.sentences.length >= english.prompts.sentences.length, `${code}: sentences to say`);
    assert.equal(new Set(words.prompts.sentences).size, words.prompts.sentences.length, `${code}: no sentence twice`);
    assert.deepEqual(numbersOf(words), numbersOf(english), `${code}: numbers stay as they are`);
  }
});

/** Plain numbers among the words, such as the seconds of `deadlines`. */
function numbersOf(words) {
  return [...leaves(words)].filter(([, value]) => typeof value === 'number');
}

test('whatever the worker says by name has words', () => {
  for (const [code, words] of languages) {
    const has = (known, names, where) => {
      for (const name of names) assert.ok(Object.hasOwn(known, name), `${code}: ${where} has no “${name}”`);
    };
    has(words.problems, NAMES.failures, 'problems');
    has(words.told, NAMES.notices, 'told');
    has(words.laptop.backendReasons, NAMES.backend_reasons, 'laptop.backendReasons');
    // Where there is nothing else to say, none is left over either.
    for (const [where, known, names] of [
      ['train.work', words.train.work, NAMES.work],
      ['people.states', words.people.states, NAMES.members],
      ['board.states', words.board.states, NAMES.members],
      ['quality.advice', words.quality.advice, NAMES.complaints],
      ['files.notices', words.files.notices, NAMES.sound_notices],
      ['mine.verdict', words.mine.verdict, NAMES.verdicts],
      ['mine.expected', words.mine.expected, NAMES.expectations],
    ]) {
      has(known, names, where);
      assert.deepEqual(Object.keys(known).sort(), [...names].sort(), `${code}: ${where}`);
    }
  }
});

test('whatever the server says by code has words, and nothing else has', () => {
  // A test of the aggregator holds this list to what it sends; the other is a participant's, as all of NAMES.
  const description = JSON.parse(readFileSync(new URL('../docs/openapi.json', WWW), 'utf8'));
  const codes = description.components.schemas.Error.properties.code.enum;
  assert.ok(codes.includes('room_unknown'));
  for (const [code, words] of languages) {
    assert.deepEqual(Object.keys(words.teach.refused).sort(), [...codes].sort(), `${code}: teach.refused`);
    assert.deepEqual(Object.keys(words.told).sort(), [...NAMES.notices].sort(), `${code}: told`);
  }
});

test('nothing is empty, and no sentence has stayed English', () => {
  for (const [code, words] of languages) {
    for (const [path, value] of leaves(words)) {
      if (typeof value !== 'string') continue;
      assert.equal(value.trim(), value, `${code}: ${path} has blanks around it`);
      assert.notEqual(value, '', `${code}: ${path} is empty`);
      assert.ok(!/["']/.test(value), `${code}: ${path} has a typewriter's quote: ${value}`);
      if (code !== 'en' && value.length > NAME) assert.notEqual(value, leaves(english).get(path), `${code}: ${path} is English`);
    }
  }
});

// What the pages give to words: counts, names and texts that format.js made; and what a few get that take something else.
const NUMBERS = [0, 1, 2, 5];
const ARGUMENTS = [...NUMBERS.map((number) => [number, number, number]), [1, 5, 3], [5, 1, 0], [3, 2, 1], ['Ada', 'Zoë', 'Mila'], ['73 %', '1,2 MB', '5'], [3, 'Ada', '73 %']];
const DONE = { clips: 20, labels: 'angry, sad', laptops: 4, rounds: 20, score: '9 / 12', sent: '3 MB' };
const OTHER_ARGUMENTS = {
  'certificate.facts': [[DONE], [{ ...DONE, clips: 1, laptops: 1, rounds: 1, score: '' }]],
  'board.waitsFor': [[['Ada'], 1], [['Ada', 'Zoë'], 12]],
  'clips.missing': [[['angry']], [['angry', 'sad']], [['angry', 'sad', 'happy']]],
  'offline.facts': [[{ rounds: 1, score: '', date: '3' }, ['angry', 'sad']], [{ rounds: 20, score: '9 / 12', date: '3' }, ['angry']]],
};

test('every function gives a whole sentence', () => {
  for (const [code, words] of languages) {
    for (const [path, value] of leaves(words)) {
      if (typeof value !== 'function') continue;
      const given = OTHER_ARGUMENTS[path] ?? ARGUMENTS;
      for (const args of given.map((all) => all.slice(0, value.length))) {
        const sentence = String(value(...args)); // a title that is given as a number stays one
        const where = `${code}: ${path}(${args.join(', ')}) = ${sentence}`;
        assert.notEqual(sentence.trim(), '', where);
        assert.ok(!/undefined|NaN|\[object|null|Infinity|=>|\$\{| {2}/.test(sentence), where);
        for (const label of args.filter(Array.isArray).flat()) assert.ok(sentence.includes(label), where);
      }
    }
  }
});

test('what a sentence is about is in it', () => {
  for (const [code, words] of languages) {
    for (const [path, value] of leaves(words)) {
      if (typeof value !== 'function' || OTHER_ARGUMENTS[path]) continue;
      // Numbers that no language needs to write as words, and that nobody calculates with.
      const args = [7001, 8002, 9003].slice(0, value.length);
      const sentence = String(value(...args));
      const named = args.filter((arg) => sentence.includes(String(arg))).length;
      const inEnglish = String(leaves(english).get(path)(...args));
      const wanted = args.filter((arg) => inEnglish.includes(String(arg))).length;
      assert.equal(named, wanted, `${code}: ${path} = ${sentence}`);
    }
  }
});

test('one is one, and many are many', () => {
  const [de, es] = [languages.get('de'), languages.get('es')];
  assert.equal(de.clips.removed(1), '1 Aufnahme gelöscht.');
  assert.equal(de.clips.removed(0), '0 Aufnahmen gelöscht.');
  assert.equal(es.clips.removed(1), '1 grabación borrada.');
  assert.equal(es.clips.removed(2), '2 grabaciones borradas.');
  for (const [code, words] of languages) {
    for (const path of ['board.clips', 'board.here', 'receipts.shown', 'files.added', 'files.skipped', 'people.clips', 'board.rounds']) {
      const say = leaves(words).get(path);
      assert.notEqual(say(1).replace('1', '2'), say(2), `${code}: ${path}`);
      assert.equal(say(5).replace('5', '2'), say(2), `${code}: ${path}`);
    }
  }
});

test('the labels of every lesson have a name, and no two of a lesson the same', () => {
  for (const [code, words] of languages) {
    for (const { key, labels } of LESSONS) {
      const names = labels.map((label) => words.labels[label] ?? label);
      assert.equal(new Set(names).size, labels.length, `${code}: ${key}`);
      for (const label of labels) assert.ok(label.length === 1 || Object.hasOwn(words.labels, label), `${code}: ${label}`);
    }
  }
});

test('every state that a client can be in has its picture', () => {
  for (const state of NAMES.members) assert.notEqual(stateIcon(state), stateIcon('something else'), state);
});

test('quotes are those of the language', () => {
  const [de, es] = [languages.get('de'), languages.get('es')];
  for (const [path, value] of texts(de)) assert.ok(!/[”«»]/.test(value) && count(value, '„') === count(value, '“'), `de: ${path}: ${value}`);
  for (const [path, value] of texts(es)) assert.ok(!/[„“”]/.test(value) && count(value, '«') === count(value, '»'), `es: ${path}: ${value}`);
});

/** All strings, and what all functions say. */
function texts(words) {
  return [...leaves(words)].filter(([, value]) => typeof value === 'string' || typeof value === 'function')
    .map(([path, value]) => [path, String(typeof value === 'string' ? value : value(...(OTHER_ARGUMENTS[path]?.[1] ?? [2, 3, 4])))]);
}

function count(text, sign) {
  return text.split(sign).length - 1;
}

test('numbers are written as the page’s language writes them', (context) => {
  context.after(() => delete globalThis.document);
  const written = (lang) => {
    globalThis.document = { documentElement: { lang } };
    return [bytes(12_345), seconds(2.04), decimal(0.25, 3), figures(-0.012_345), grouped(1_832_004), percent(0.7349)];
  };
  assert.deepEqual(written('en'), ['12.3 kB', '2.0', '0.250', '-0.0123', '1,832,004', '73 %']);
  assert.deepEqual(written('de'), ['12,3 kB', '2,0', '0,250', '-0,0123', '1.832.004', '73 %']);
  assert.deepEqual(written('es'), ['12,3 kB', '2,0', '0,250', '-0,0123', '1.832.004', '73 %']);
  const afternoon = new Date(2025, 10, 3, 14, 5, 9).getTime();
  for (const code of CODES) {
    globalThis.document = { documentElement: { lang: code } };
    assert.equal(timeOfDay(afternoon), '14:05:09', code);
    assert.ok(dayAndTime(afternoon).includes('14:05'), code);
  }
});

test('what stands in the HTML is there in all languages', () => {
  for (const page of readdirSync(WWW).filter((name) => name.endsWith('.html'))) {
    const html = readFileSync(new URL(page, WWW), 'utf8');
    const paths = [...html.matchAll(/data-words(?:-label)?="([^"]+)"/g)].map(([, path]) => path);
    assert.ok(paths.length > 0, page);
    for (const [code, words] of languages) for (const path of paths) assert.equal(typeof leaves(words).get(path), 'string', `${code}: ${page} wants ${path}`);
    // What was taken home speaks the language of the page that made it.
    assert.equal(html.includes('<select data-language'), page !== 'offline.html', `${page} lets one choose the language`);
  }
});

test('every message that leaves the laptop has a name and a reason on its receipt', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/v1/client.json', import.meta.url), 'utf8'));
  const types = new Set(vectors.map(({ text }) => JSON.parse(text).type));
  assert.ok(types.size > 10, [...types].join());
  for (const [code, words] of languages) {
    for (const type of types) {
      assert.equal(typeof words.receipts.kinds[type], 'string', `${code}: receipts.kinds.${type}`);
      assert.equal(typeof words.receipts.why[type], 'string', `${code}: receipts.why.${type}`);
    }
  }
});
