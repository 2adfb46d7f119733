// The pages' pure pieces, by example. Run with `node --test tests/page/` (Node 20.19 or newer).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, percent, seconds } from '../../www/js/common/format.js';
import { Latency } from '../../www/js/room/latency.js';
import { loudness } from '../../www/js/sound/loudness.js';
import { balance, nextLabel, promptFor } from '../../www/js/room/prompts.js';
import { codeOfPath, normaliseCode } from '../../www/js/common/room-code.js';
import { latestAccuracy, statusSentence, takingPart } from '../../www/js/room/status-sentence.js';
import { words } from '../../www/words/en.js';

test('a code is found however it is typed', () => {
  assert.equal(normaliseCode(' km pxz '), 'KMPXZ');
  assert.equal(normaliseCode('km-pxz'), 'KMPXZ');
  assert.equal(normaliseCode('https://192.0.2.7:8443/room/kmpxz?x=1'), 'KMPXZ');
  assert.equal(normaliseCode('%%%'), '');
  assert.equal(codeOfPath('/room/kmpxz'), 'KMPXZ');
  assert.equal(codeOfPath('/room/'), '');
  assert.equal(codeOfPath('/elsewhere'), '');
});

test('bytes are written in the unit that people would choose', () => {
  const written = [0, 999, 1000, 12_345, 999_499, 999_500, 104_032_272].map(bytes);
  assert.deepEqual(written, ['0 B', '999 B', '1.0 kB', '12.3 kB', '999 kB', '1.0 MB', '104 MB']);
  assert.equal(percent(0.7349), '73 %');
  assert.equal(seconds(2.04), '2.0');
});

test('a full-scale sine is 3 dB below the top of the meter, silence is at its foot', () => {
  const sine = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin((2 * Math.PI * 100 * i) / 16_000));
  assert.ok(Math.abs(loudness(sine) - (1 - 3.0103 / 60)) < 1e-4);
  assert.equal(loudness(new Float32Array(1000)), 0);
  assert.equal(loudness(new Float32Array(0)), 0);
});

const person = (state, me = false) => ({ name: '', state, examples: 5, labels: [5], me });
const lobby = {
  connection: 'open', phase: 'lobby', round: 0, rounds: 8, finished: false, taking_part: true, trainer: 'ready', work: null,
  room: { least_clients: 3 }, clips: [{}, {}], clients: [person('ready', true), person('watching'), person('offline'), person('ready')], history: [],
};
const say = (change) => statusSentence({ ...lobby, ...change }, words);

test('the status line says what one waits for', () => {
  assert.equal(takingPart(lobby.clients), 2);
  assert.equal(takingPart([person('recording'), { ...person('recording'), examples: 0 }]), 1);
  assert.equal(say({}), 'Waiting for the group: 2 of at least 3 ready.');
  assert.equal(say({ taking_part: false, clips: [] }), 'Add a few clips first. You can then train with the group.');
  assert.equal(say({ held: true, work: { what: 'uploading' } }), words.train.status.held);
  assert.equal(say({ held: true, connection: 'lost' }), words.train.status.lost);
  assert.equal(say({ taking_part: false, clips: [{}] }), 'You have 1 clip. Train with the group as soon as you like.');
  assert.equal(say({ connection: 'lost' }), 'Waiting for the connection. Nothing is lost.');
  assert.equal(say({ phase: 'collecting', round: 2, work: { what: 'training' } }), 'Training on your clips.');
  assert.equal(say({ phase: 'collecting', round: 2 }), 'You join in with the next round.');
  assert.equal(say({ phase: 'collecting', round: 2, clients: [person('accepted', true)] }), 'Your part of this round is done. Waiting for the others.');
  const passedOver = [{ ...person('ready', true), passed_over: true }];
  assert.equal(say({ phase: 'collecting', round: 2, clients: passedOver }), words.train.status.waiting);
  assert.equal(say({ trainer: 'failed' }), words.train.status.trainerFailed);
  assert.equal(say({ finished: true, connection: 'lost' }), 'All rounds are done. The shared model is ready.');
});

test('the newest accuracy is that of the newest round which measured one', () => {
  assert.equal(latestAccuracy([{ shared_accuracy: 0.25 }, { shared_accuracy: 0.5 }, { shared_accuracy: null }]), '50 %');
  assert.equal(latestAccuracy([]), '');
});

test('the prompt goes to the label that has the fewest clips, and a skipped one waits', () => {
  assert.equal(nextLabel([2, 1, 1, 3]), 1);
  assert.equal(nextLabel([2, 1, 1, 3], [1]), 2);
  assert.equal(nextLabel([2, 1, 1, 3], [1, 2]), 0);
  assert.equal(nextLabel([0, 0], [0, 1]), 0, 'with all skipped none is');
  assert.equal(nextLabel([]), -1);
});

test('uneven clips are told of, the worst first', () => {
  assert.deepEqual(balance([0, 0, 0]), { what: 'nothing' });
  assert.deepEqual(balance([9, 0, 0]), { what: 'missing', labels: [1, 2] });
  assert.deepEqual(balance([2, 7, 6]), { what: 'uneven', many: 1, few: 0, times: 3 });
  assert.deepEqual(balance([4, 5, 3]), { what: 'few', label: 2, missing: 2 });
  assert.deepEqual(balance([5, 9]), { what: 'balanced' });
});

test('a prompt says what to say and how; a label of one’s own has no sentence', () => {
  const angry = promptFor('angry', 'angry', 0, words);
  assert.equal(angry.say, 'Say “The door is open” as if you were angry.');
  assert.ok(angry.spoken && angry.how.length > 0);
  assert.notEqual(promptFor('angry', 'angry', 1, words).say, angry.say);
  assert.equal(promptFor('angry', 'angry', words.prompts.sentences.length, words).say, angry.say);
  assert.deepEqual(promptFor('guitar', 'guitar', 0, words), { say: 'Play or say something that is “guitar”.', how: words.prompts.otherManner, spoken: false });
  assert.equal(promptFor('toString', 'toString', 0, words).spoken, false);
});

test('the median latency is of the last answers', () => {
  const latency = new Latency();
  assert.ok(Number.isNaN(latency.median()));
  for (const time of [900, 30, 10, 20]) latency.add(time);
  assert.equal(latency.median(), 30);
  for (let nth = 0; nth < 50; nth += 1) latency.add(40);
  assert.equal(latency.median(), 40);
});

test('every label without clips is named', () => {
  assert.equal(words.clips.missing(['sad']), 'You have no sad clips yet.');
  assert.equal(words.clips.missing(['happy', 'sad']), 'You have no happy or sad clips yet.');
});
