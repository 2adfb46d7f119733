// A socket that never opens is told apart from a server that is away. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { socketCheck } from '../../www/js/room/socket-check.js';

/** What is told while the connection goes through these states. */
async function told(answers, states) {
  const said = [];
  const check = socketCheck(async () => answers, (blocked) => said.push(blocked));
  for (const state of states) await check.update(state);
  return said;
}

const tries = (count) => Array.from({ length: count }, () => ['connecting', 'lost', 'lost']).flat();

test('after three tries with the pages answering, the socket is what does not get through', async () => {
  assert.deepEqual(await told(true, tries(2)), []);
  assert.deepEqual(await told(true, tries(3)), [true]);
  assert.deepEqual(await told(true, tries(9)), [true], 'said once');
});

test('a server that is away is only away', async () => {
  assert.deepEqual(await told(false, tries(9)), []);
});

test('it is over when the socket opens, and a later loss begins anew', async () => {
  assert.deepEqual(await told(true, [...tries(3), 'connecting', 'open']), [true, false]);
  assert.deepEqual(await told(true, [...tries(2), 'open', ...tries(2)]), []);
});
