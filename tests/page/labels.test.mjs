// The signs of labels and the colours of pictures, by example. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { signsOf } from '../../www/js/common/labels.js';
import { colourOf, spread } from '../../www/js/room/colour-ramp.js';
import { LESSONS } from '../../www/js/teach/lessons.js';

test('a known label has the same sign in every room, whatever its place', () => {
  assert.deepEqual(signsOf(['angry', 'happy', 'neutral', 'sad']), [0, 1, 2, 3]);
  assert.deepEqual(signsOf(['happy', 'sad']), [1, 3]);
  assert.deepEqual(signsOf(['sad', 'surprised', 'happy']), [3, 5, 1]);
  assert.deepEqual(signsOf(['drums', 'flute']), [3, 2]);
});

test('other labels share out the signs that are left', () => {
  assert.deepEqual(signsOf(['a', 'e', 'i', 'o', 'u']), [0, 1, 2, 3, 4]);
  assert.deepEqual(signsOf(['calm', 'happy', 'bored', 'angry']), [2, 1, 3, 0]);
  assert.deepEqual(signsOf(['angry', 'piano', 'drums']), [0, 1, 3], 'of two with one sign the first keeps it');
  assert.deepEqual(signsOf([]), []);
});

test('no two labels of a room have one sign', () => {
  const many = [...LESSONS.flatMap(({ labels }) => labels), 'sixteenth'].slice(-16);
  for (const labels of [...LESSONS.map((lesson) => lesson.labels), many]) {
    assert.equal(new Set(signsOf(labels)).size, labels.length, labels.join());
  }
});

test('a ramp goes through its stops in equal steps', () => {
  assert.deepEqual(colourOf('#3a1c60'), [58, 28, 96]);
  const colours = spread([[0, 0, 0], [100, 200, 50], [100, 0, 250]]);
  const at = (index) => [...colours.subarray(index * 4, index * 4 + 4)];
  assert.deepEqual(at(0), [0, 0, 0, 255]);
  assert.deepEqual(at(51), [40, 80, 20, 255]);
  assert.deepEqual(at(204), [100, 80, 170, 255]);
  assert.deepEqual(at(255), [100, 0, 250, 255]);
});

test('both ramps are in the tokens, without a gap', () => {
  const tokens = readFileSync(new URL('../../www/css/tokens.css', import.meta.url), 'utf8');
  for (const [name, count] of [['loudness', 6], ['update', 5]]) {
    const stops = [...tokens.matchAll(new RegExp(`--${name}-(\\d+): #[0-9a-f]{6};`, 'g'))].map(([, number]) => Number(number));
    assert.deepEqual(stops, Array.from({ length: count }, (_, index) => index));
  }
});
