// The pages' pure pieces, by example. Run with `node --test tests/page/` (Node 20.19 or newer).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, percent, seconds } from '../../www/js/format.js';
import { loudness, peak } from '../../www/js/loudness.js';
import { codeOfPath, normaliseCode } from '../../www/js/room-code.js';
import { latestAccuracy, statusSentence, takingPart } from '../../www/js/status-sentence.js';
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
  assert.ok(Math.abs(peak(sine) - 1) < 1e-6);
});

const person = (state, me = false) => ({ name: '', state, examples: 5, labels: [5], me });
const lobby = {
  connection: 'open', phase: 'lobby', round: 0, rounds: 8, finished: false, taking_part: true, trainer: 'ready', work: null,
  room: { least_clients: 3 }, clips: [{}, {}], clients: [person('ready', true), person('watching'), person('offline'), person('ready')], history: [],
};
const say = (change) => statusSentence({ ...lobby, ...change }, words);

test('the status line says what one waits for', () => {
  assert.equal(takingPart(lobby.clients), 2);
  assert.equal(say({}), 'Waiting for the group: 2 of at least 3 ready.');
  assert.equal(say({ taking_part: false, clips: [] }), 'Add a few clips first. You can then train with the group.');
  assert.equal(say({ taking_part: false, clips: [{}] }), 'You have 1 clip. Train with the group as soon as you like.');
  assert.equal(say({ connection: 'lost' }), 'Waiting for the connection. Nothing is lost.');
  assert.equal(say({ phase: 'collecting', round: 2, work: { what: 'training' } }), 'Training on your clips.');
  assert.equal(say({ phase: 'collecting', round: 2 }), 'You join in with the next round.');
  assert.equal(say({ phase: 'collecting', round: 2, clients: [person('accepted', true)] }), 'Your part of this round is done. Waiting for the others.');
  assert.equal(say({ trainer: 'failed' }), words.train.status.trainerFailed);
  assert.equal(say({ finished: true, connection: 'lost' }), 'All rounds are done. The shared model is ready.');
});

test('the newest accuracy is that of the newest round which measured one', () => {
  assert.equal(latestAccuracy([{ shared_accuracy: 0.25 }, { shared_accuracy: 0.5 }, { shared_accuracy: null }]), '50 %');
  assert.equal(latestAccuracy([]), '');
});
