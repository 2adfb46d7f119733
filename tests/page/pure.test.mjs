// The pages' pure pieces, by example. Run with `node --test tests/page/` (Node 20.19 or newer).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, decimal, percent, seconds } from '../../www/js/common/format.js';
import { Latency } from '../../www/js/room/latency.js';
import { loudness } from '../../www/js/sound/loudness.js';
import { balance, nextLabel, promptFor } from '../../www/js/room/prompts.js';
import { codeOfPath, normaliseCode } from '../../www/js/common/room-code.js';
import { isMeasured, latestScore, scoreOf } from '../../www/js/live/score.js';
import { ownSlownessOf, quickerOf, slownessOf } from '../../www/js/live/too-slow.js';
import { words as de } from '../../www/words/de.js';
import { words } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const LANGUAGES = { de, en: words, es };

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

test('a score is a count of clips, that of the newest round which measured one', () => {
  const round = (accuracy, clips = 12) => ({ shared_accuracy: accuracy, shared_clips: accuracy === null ? null : clips, own_accuracy: null });
  assert.equal(latestScore([round(0.25), round(0.75), round(null)], words), '9 of 12');
  assert.equal(latestScore([round(1 / 3, 3)], words), '1 of 3', 'a third that was rounded on its way is one of three');
  assert.equal(latestScore([], words), '');
  assert.equal(latestScore([round(null)], words), '');
  assert.equal(scoreOf({ accuracy: 0.7083333, clips: 240 }, words), '170 of 240');
  assert.ok(!isMeasured([round(null)]) && isMeasured([{ ...round(null), own_accuracy: 0 }]));
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
  assert.ok(words.prompts.sentences.includes(angry.sentence) && angry.say.includes(angry.sentence) && angry.how.length > 0);
  assert.notEqual(promptFor('angry', 'angry', 1, words).say, angry.say);
  assert.equal(promptFor('angry', 'angry', words.prompts.sentences.length, words).say, angry.say);
  assert.deepEqual(promptFor('guitar', 'guitar', 0, words), { say: 'Play or say something that is “guitar”.', how: words.prompts.otherManner, sentence: null, others: false });
  assert.equal(promptFor('toString', 'toString', 0, words).sentence, null);
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

test('of a laptop that is too slow the host reads how long a round takes there, or how many steps it does', () => {
  const slow = { whole_ms: 290_000, deadline_ms: 60_000, whole: 60, fits: 9 };
  for (const [language, words] of Object.entries(LANGUAGES)) {
    assert.match(slownessOf('Ada', slow, false, words), /^Ada: .*\b5 min.*\b60 s/i, language);
    assert.match(slownessOf('Ada', slow, true, words), /^Ada: .*\b9\b.*\b60\b/, language);
  }
  for (const [language, words] of Object.entries(LANGUAGES)) {
    assert.match(ownSlownessOf({ ...slow, fewer: false }, words), /\b5 min.*\b60 s/i, language);
    assert.match(ownSlownessOf({ ...slow, fewer: true }, words), /\b9\b.*\b60\b/, language);
  }
  assert.match(slownessOf('Ada', { ...slow, whole_ms: 9_000_000, deadline_ms: 600_000 }, false, LANGUAGES.en), /3 hours.*10 minutes/);
});

test('of two processors that were measured it is said which is quicker', () => {
  for (const [language, words] of Object.entries(LANGUAGES)) {
    const { alike, processor, graphics } = words.laptop.quicker;
    const said = (on, off) => quickerOf({ processor_ms: on, graphics_ms: off }, words);
    assert.equal(said(10, 30), processor(decimal(3, 1)), language);
    assert.equal(said(500, 20), graphics('25'), language);
    assert.equal(said(11, 10), alike, language);
    assert.equal(said(10, null), '', language);
    assert.equal(said(null, 10), '', language);
  }
});
