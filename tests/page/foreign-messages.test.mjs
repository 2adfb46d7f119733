// What a browser or a program says in its own English reaches the console, and never a person.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { meaningOf } from '../../www/js/common/problem.js';
import { words as de } from '../../www/words/de.js';
import { words as en } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const WWW = new URL('../../www/', import.meta.url);
const FOREIGN = 'Connecting AudioNodes from AudioContexts with different sample-rate is currently not supported.';

/** Codes whose message is a name that belongs into the sentence: of a format; of a setting, as the form's fields have it. */
const NAMED = ['needs_browser_decoder', 'settings_invalid', 'command_invalid'];

test('no sentence takes a foreign message, in any language', (context) => {
  context.mock.method(console, 'warn', () => {});
  for (const [language, words] of Object.entries({ en, de, es })) {
    const places = { problems: words.problems, told: words.told, 'record.errors': words.record.errors, 'try.errors': words.try.errors, 'files.errors': words.files.errors, 'teach.refused': words.teach.refused };
    for (const [place, meanings] of Object.entries(places)) {
      for (const code of [...Object.keys(meanings), 'a code of a newer program', '']) {
        if (NAMED.includes(code)) continue;
        const said = meaningOf([meanings, words.problems], words.problems.unknown, { code, message: FOREIGN });
        assert.ok(said.length > 5 && !said.includes('AudioNodes'), `${language}: ${place}.${code}: ${said}`);
      }
    }
    assert.equal(meaningOf([], words.problems.unknown, new DOMException(FOREIGN, 'NotSupportedError')), words.problems.unknown);
    assert.equal(meaningOf([], words.problems.unknown, 'thrown as text'), words.problems.unknown);
  }
});

test('what was thrown is kept for whoever looks into the console', (context) => {
  const warned = context.mock.method(console, 'warn', () => {});
  const thrown = new DOMException(FOREIGN, 'NotSupportedError');
  meaningOf([{}], 'something', thrown);
  meaningOf([{ storage: 'said' }], 'something', { code: 'storage', message: 'QuotaExceededError' });
  assert.deepEqual(warned.mock.calls.map(({ arguments: said }) => said.at(-1)), [thrown, 'QuotaExceededError']);
});

test('no module of the pages shows a message itself', () => {
  // Where a message is taken: by what says what it means, by what carries it from a worker or a server to there, and by what reads
  // a message of our own (`HostError`, `MicrophoneError`).
  const carriers = ['common/problem.js', 'worker/client.js', 'worker/worker.js', 'worker/job-worker.js', 'worker/trainer-threads.js', 'sound/microphone.js', 'teach/teach.js', 'teach/host-api.js', 'offline/offline.js'];
  const files = readdirSync(new URL('js/', WWW), { recursive: true }).filter((name) => name.endsWith('.js'));
  assert.ok(files.length > 80);
  const takers = files.filter((name) => /\.message\b/.test(readFileSync(new URL(`js/${name}`, WWW), 'utf8')));
  assert.deepEqual(takers.filter((name) => !carriers.includes(name)), []);
});
