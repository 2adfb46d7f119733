// A nickname is sent as the server takes it: what docs/protocol.md refuses is left out before.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LONGEST_NAME, usedName } from '../../www/js/common/nickname.js';

test('a name is trimmed, and what cannot be seen or turns the text is left out', () => {
  for (const [typed, used] of [
    ['  Mila ', 'Mila'],
    ['a\u202eb\u061cc', 'abc'],
    ['a\nb', 'ab'],
    ['Zo\u0308e', 'Zo\u0308e'],
    ['\u{1f98a}\u200d\u{1f525}', '\u{1f98a}\u200d\u{1f525}'],
    ['x'.repeat(50), 'x'.repeat(LONGEST_NAME)],
  ]) assert.equal(usedName(typed), used);
});

test('a name that looks like none is none', () => {
  for (const typed of ['', ' \u2003', '\u2800\u3164', '\u0301\u200d', '\u200b', '\u{e0041}']) assert.equal(usedName(typed), '', JSON.stringify(typed));
});
