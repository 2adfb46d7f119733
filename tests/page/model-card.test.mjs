// The model card of a made-up room, in every language. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { modelCard } from '../../www/js/live/model-card.js';
import { words as de } from '../../www/words/de.js';
import { words as en } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const confusion = [[3, 1], [0, 0]];
const evaluation = { examples: 4, loss: 1, accuracy: 0.75, confusion };
const room = { name: 'Class | 7b', labels: ['angry', 'sad'], architecture: 'compact' };
const status = { model_version: 2, final_evaluation: evaluation };
const history = [{ round: 1, model_version: 1, clients: 3, examples: 60 }, { round: 2, model_version: 2, clients: 2, examples: 48 }];
const shown = { labels: ['angry', 'sad'], date: '29 November 2026' };
const card = (change = {}, own = null, words = en) => modelCard({ room: { ...room, ...change }, status, history }, own, shown, words);

test('a card says what went in, how it was tested label by label, and what it is not for', () => {
  const text = card();
  assert.match(text, /^# Model card: “Class \\\| 7b”\n/, 'what people typed means nothing in Markdown');
  assert.ok(text.includes('It learnt for 2 rounds, from 3 laptops at most in one of them. The last round had 48 clips.'));
  assert.ok(text.includes('Version 2 was right on 3 of 4 clips'));
  assert.ok(text.includes('| angry | 3 of 4 |\n| sad | no test clips |'), text);
  assert.ok(text.includes('2024/1689') && text.includes('not measured'));
  assert.ok(!text.includes('masked') && !text.includes('Noise'));
  const sentences = text.split('\n');
  assert.equal(sentences.filter((line) => line.startsWith('- ')).length, 5);
});

test('it says of a room what the room is', () => {
  assert.ok(card({ masking: {} }).includes(en.card.masked) && card({ noise: {} }).includes(en.card.noised));
  assert.ok(card({ normalisation: 'own' }).includes(en.card.ownScales) && !card().includes(en.card.ownScales));
  assert.ok(!card({ normalisation: 'own' }, { epochs: 5, clips: 24, right: 3, tested: 6 }).includes(en.card.ownScales), 'its scale is inside');
  assert.ok(!card({ labels: ['flute', 'drums'] }).includes('2024/1689'), 'instruments are no moods');
  assert.ok(card({ architecture: 'compact-text' }).includes(en.card.sides.both));
  assert.ok(card({ architecture: 'compact-text', modalities: 'text' }).includes(en.card.sides.text));
  const untrained = modelCard({ room, status: { model_version: 0 }, history: [] }, null, shown, en);
  assert.ok(untrained.includes(en.card.untrained) && untrained.includes(en.card.untested));
});

test('of a model of one’s own it tells that person’s tests, not everyone’s', () => {
  const own = card({}, { epochs: 5, clips: 24, right: 3, tested: 6 });
  assert.ok(own.includes('5 epochs on 24 clips') && own.includes('3 of 6') && !own.includes('3 of 4'));
  assert.ok(card({}, { epochs: 5, clips: 24, right: 0, tested: 0 }).includes(en.card.untested));
});

const groups = ['headset', 'laptop | microphone'];
const groupResult = { clients: 3, examples: 8, confusion: [[3, 1], [2, 2]] };
const byGroup = (final_groups, own = null, words = en) => modelCard({ room: { ...room, groups }, status: { ...status, final_groups }, history }, own, shown, words);

test('where groups were told, it says how the model does with each, as far as may be shown', () => {
  const told = byGroup([groupResult, null]);
  // Right on 5 of 8, and on 3 of 4 of one label and 2 of 4 of the other.
  assert.ok(told.includes('| Group | Right on | Mean over the labels |\n| --- | --- | --- |\n| headset | 5 of 8 | 63 % |\n| laptop \\| microphone | too few to show |  |'), told);
  assert.ok(told.includes('nobody had to: headset · laptop \\| microphone.') && !told.includes(en.card.groups));
  const oneLabel = { clients: 4, examples: 4, confusion: [[3, 1], [0, 0]] };
  assert.ok(byGroup([groupResult, oneLabel]).includes('| laptop \\| microphone | 3 of 4 | 75 % |'), 'the mean of the labels that were tested');
  for (const [results, why] of [[[null, null], en.card.byGroup.small], [undefined, en.card.byGroup.later]]) {
    const none = byGroup(results);
    assert.ok(none.includes(why) && none.includes(en.card.groups) && !none.includes('| Group |'), none);
  }
  assert.ok(!byGroup([groupResult, null], { epochs: 5, clips: 24, right: 3, tested: 6 }).includes('| Group |'), 'a copy of one’s own was tried on nobody else');
  assert.ok(card().includes(en.card.groups) && !card().includes('nobody had to'));
});

test('it says that the last model is a mean, where it is one', () => {
  assert.ok(card({ final_model: 'mean', rounds: 2 }).includes(en.card.mean));
  assert.ok(!card({ final_model: 'mean', rounds: 3 }).includes(en.card.mean), 'its rounds are not over');
  assert.ok(!card({ rounds: 2 }).includes(en.card.mean));
});

test('every language has a whole card', () => {
  for (const words of [de, en, es]) {
    const text = card({}, null, words);
    assert.equal(text.split('\n').filter((line) => line.startsWith('## ')).length, 4);
    assert.ok(!/undefined|null|NaN|\[object/.test(text), text);
    const told = byGroup([groupResult, null], null, words);
    assert.ok(!/undefined|null|NaN|\[object/.test(told) && told.includes(words.card.byGroup.few), told);
    for (const said of [words.card.same, words.card.groups, words.card.privacy, ...words.card.moods]) assert.ok(text.includes(said));
  }
});
