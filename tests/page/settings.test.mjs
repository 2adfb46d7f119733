// The form for a new room asks for what `POST /api/rooms` takes, in every language. What that is, docs/openapi.json says, which
// the tests of the aggregator hold to the program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ASKED, NOT_ASKED, inWordsOfTheForm, isWanted, numberOf, settingOf, withBeginning, withMasks } from '../../www/js/teach/room-settings.js';
import { problemOfGroups } from '../../www/js/teach/label-list.js';
import { unmaskedBy } from '../../www/js/teach/masks.js';
import { words as de } from '../../www/words/de.js';
import { words as en } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const description = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'));
const taken = description.components.schemas.NewRoom.properties;
const LANGUAGES = { de, en, es };

/** The values among which a setting is chosen, where it is. */
const choicesOf = ({ enum: values, anyOf }) => values ?? anyOf?.find((one) => one.enum)?.enum;

test('the form asks for every setting that a new room may have, and for no other', () => {
  for (const [code, words] of Object.entries(LANGUAGES)) {
    const asked = [...ASKED, ...NOT_ASKED, ...Object.keys(words.teach.create.settings)];
    assert.deepEqual(asked.toSorted(), Object.keys(taken).toSorted(), code);
    assert.deepEqual(Object.keys(words.teach.create.settings), Object.keys(en.teach.create.settings), `${code}: in one order`);
  }
});

test('what is chosen among is what the interface takes', () => {
  for (const [code, words] of Object.entries(LANGUAGES)) {
    for (const [name, { label, choices }] of Object.entries(words.teach.create.settings)) {
      assert.ok(label.length > 3, `${code}: ${name}`);
      assert.deepEqual(choices && Object.keys(choices), choicesOf(taken[name]), `${code}: ${name}`);
    }
    for (const model of Object.keys(words.teach.create.networks)) assert.ok(choicesOf(taken.model).includes(model), model);
  }
});

test('fields of rules that are not chosen are not asked for', () => {
  const wanted = (chosen) => Object.keys(en.teach.create.settings).filter((name) => isWanted(name, (other) => chosen[other] ?? ''));
  const usual = wanted({});
  for (const name of ['proximal', 'trim', 'faulty', 'chosen', 'clip_norm', 'over_selection', 'staleness_exponent', 'most_stale', 'masking', 'masking_clip']) assert.ok(!usual.includes(name), name);
  for (const name of ['strategy', 'aggregation', 'selection', 'asynchronous', 'server_learning_rate', 'epochs']) assert.ok(usual.includes(name), name);
  const more = (chosen) => wanted(chosen).filter((name) => !usual.includes(name));
  assert.deepEqual(more({ strategy: 'fedprox' }), ['proximal']);
  assert.ok(!wanted({ strategy: 'fednova' }).includes('server_learning_rate'));
  assert.deepEqual(more({ aggregation: 'multi_krum' }), ['faulty', 'chosen']);
  assert.deepEqual(more({ selection: '25%' }), ['over_selection']);
  assert.deepEqual(more({ masked: 'on' }), ['masking', 'masking_encoding', 'masking_clip']);
  assert.deepEqual(more({ model: 'compact-text' }), ['modalities']);
  assert.deepEqual(more({ asynchronous: '3' }), ['staleness_exponent', 'most_stale']);
});

test('a room is masked where nothing chosen stands against it, and each reason is said', () => {
  const by = (chosen) => unmaskedBy((name) => chosen[name] ?? '')?.conflict;
  for (const chosen of [{}, { least: '3' }, { max_clients: '200' }, { aggregation: 'mean' }, { influence_limit: '0' }, { goal: '0' }, { strategy: 'fednova' }, { encoding: 'f32' }, { epsilon: '8' }, { stragglers: 'whole' }]) {
    assert.equal(by(chosen), undefined, JSON.stringify(chosen));
  }
  const conflicts = {
    few: [{ least: '1' }, { least: '2' }, { max_clients: '2' }],
    many: [{ max_clients: '201' }, { max_clients: '65', masking_encoding: 'masked24' }],
    strategy: [{ strategy: 'scaffold' }],
    aggregation: ['median', 'trimmed_mean', 'krum', 'multi_krum', 'clipping'].map((aggregation) => ({ aggregation })),
    influence_limit: [{ influence_limit: '1,5' }],
    asynchronous: [{ asynchronous: '3' }],
    selection: [{ selection: '25%' }],
    goal: [{ goal: '3' }],
    stragglers: [{ stragglers: 'fewer_steps' }],
    encoding: ['f16', 'q8', 'q4'].map((encoding) => ({ encoding })),
  };
  for (const [conflict, all] of Object.entries(conflicts)) for (const chosen of all) assert.equal(by(chosen), conflict, JSON.stringify(chosen));
  for (const [code, words] of Object.entries(LANGUAGES)) {
    const { masked } = words.teach.create;
    assert.deepEqual(Object.keys(masked.conflicts).sort(), Object.keys(conflicts).sort(), code);
    for (const why of Object.values(masked.conflicts)) assert.ok(why.endsWith('.') && masked.because(why).includes(why), `${code}: ${why}`);
  }
  assert.deepEqual(withMasks({ rounds: 20 }, true), { rounds: 20, masking: 'active' });
  assert.deepEqual(withMasks({ masking: 'curious' }, true), { masking: 'curious' });
  assert.deepEqual(withMasks({ rounds: 20 }, false), { rounds: 20 }, 'the interface masks nothing by itself');
});

test('a refusal speaks of a setting as the form does', () => {
  const labels = { clip_norm: '“Clipping: longest result”', goal: '“Results”' };
  assert.equal(inWordsOfTheForm('clip_norm must be above 0; the goal is not', labels), '“Clipping: longest result” must be above 0; the goal is not');
});

test('what is typed is a number, but for a code, a selection and groups', () => {
  assert.equal(numberOf(' 0,2 '), 0.2);
  assert.equal(numberOf('2e-3'), 0.002);
  for (const wrong of ['', ' ', 'two', '1,2,3', 'Infinity']) assert.equal(numberOf(wrong), null, wrong);
  assert.equal(settingOf('trim', '0,3'), 0.3);
  assert.equal(settingOf('trim', '30 %'), null);
  assert.equal(settingOf('selection', ' 12,5 % '), '12.5 %');
  assert.equal(settingOf('selection', '10'), '10');
  assert.equal(settingOf('code', ' kmpxz'), 'KMPXZ');
  assert.deepEqual(settingOf('groups', ' headset, laptop microphone ,'), ['headset', 'laptop microphone']);
  for (const name of Object.keys(taken)) {
    const text = ['code', 'selection'].includes(name);
    if (!ASKED.includes(name) && name !== 'groups' && !choicesOf(taken[name])) assert.equal(typeof settingOf(name, '5'), text ? 'string' : 'number', name);
  }
});

test('groups that no room may have are told before a server has to, in every language', () => {
  const problem = (typed, noised = false) => problemOfGroups(settingOf('groups', typed), noised);
  for (const fine of ['headset, laptop microphone', 'group 1, group 2', '耳机、麦克风', 'a,b,c,d,e,f,g,h', `${'x'.repeat(40)}, y`, ',']) assert.equal(problem(fine), null, fine);
  const wrong = { few: 'headset,', many: 'a,b,c,d,e,f,g,h,i', long: `a, ${'x'.repeat(41)}`, control: 'a, b\u0007', twice: 'a, b, a ' };
  for (const [key, typed] of Object.entries(wrong)) assert.equal(problem(typed)?.key, key);
  assert.equal(problem('a, b\u200b')?.key, 'control', 'what nobody sees, as the server has it');
  assert.equal(problem('a, b', true)?.key, 'noise');
  assert.equal(problem(',', true), null);
  for (const [code, words] of Object.entries(LANGUAGES)) {
    const { groupProblems } = words.teach.create;
    assert.deepEqual(Object.keys(groupProblems).toSorted(), [...Object.keys(wrong), 'noise'].toSorted(), code);
    for (const [key, typed] of Object.entries(wrong)) assert.ok(!groupProblems[key](...problem(typed).args).includes('undefined'), `${code}: ${key}`);
  }
});

test('where nobody typed with how many the rounds begin, they begin when the host says so', () => {
  for (const words of Object.values(LANGUAGES)) {
    const most = Number(words.teach.create.settings.max_clients.usual);
    assert.deepEqual(withBeginning({ rounds: 20 }), { rounds: 20, least: most }, 'as many as a room takes');
  }
  assert.deepEqual(withBeginning({ max_clients: 8 }), { max_clients: 8, least: 8 });
  assert.deepEqual(withBeginning({ least: 3 }), { least: 3 });
  // A room that wants so many results a round cannot wait for all the laptops that it takes.
  for (const settings of [{ goal: 5 }, { selection: '25%' }, { asynchronous: 3 }]) assert.deepEqual(withBeginning(settings), settings);
});
