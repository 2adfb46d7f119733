// The pure pieces of the teacher's page and of the board, by example.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { angleOf, wayOf } from '../../www/js/board/agreement.js';
import { clock } from '../../www/js/common/format.js';
import { tokenOf } from '../../www/js/teach/host-token.js';
import { checkLabels } from '../../www/js/teach/label-list.js';
import { LESSONS } from '../../www/js/teach/lessons.js';
import { columnsFor } from '../../www/js/board/roster-grid.js';
import { roundsTake, spanInWords } from '../../www/js/teach/round-estimate.js';
import { sharedResults } from '../../www/js/live/shared-results.js';
import { secureCommand } from '../../www/js/teach/secure-command.js';
import { steering } from '../../www/js/teach/steering.js';
import { words } from '../../www/words/en.js';

test('the secret is found in a link or alone, and nowhere else', () => {
  assert.equal(tokenOf(' https://192.0.2.7:8443/teach#0123456789abcdef\n'), '0123456789abcdef');
  assert.equal(tokenOf('0123456789abcdef'), '0123456789abcdef');
  assert.equal(tokenOf('#0123456789abcdef'), '0123456789abcdef');
  assert.equal(tokenOf('https://192.0.2.7:8443/teach'), '', 'a link without its secret');
  assert.equal(tokenOf('short'), '');
  assert.equal(tokenOf('0123456789 abcdef ü'), '', 'what no header may carry');
});

test('the advice for https keeps the rooms', () => {
  assert.equal(secureCommand(null), 'chorus serve --tls self-signed');
  assert.equal(secureCommand('rooms/7b'), 'chorus serve --tls self-signed --state rooms/7b');
  assert.equal(secureCommand('my rooms'), "chorus serve --tls self-signed --state 'my rooms'");
  assert.equal(secureCommand("it's"), "chorus serve --tls self-signed --state 'it'\\''s'");
  assert.equal(secureCommand('none'), 'chorus serve --tls self-signed --state none');
});

const problem = (...labels) => checkLabels(labels).problem?.key ?? null;

test('labels are trimmed, and those that nobody could tell apart are found', () => {
  assert.deepEqual(checkLabels(['  a  b ', 'c']).labels, ['a b', 'c']);
  assert.equal(problem('angry', 'happy'), null);
  assert.equal(problem('a', 'e', 'i', 'o', 'u'), null, 'short labels may differ by one letter');
  assert.equal(problem('loud', 'load'), null);
  assert.equal(problem('angry'), 'few');
  assert.equal(problem('angry', ' '), 'empty');
  assert.equal(problem('angry', 'angry '), 'twice');
  assert.equal(problem('Angry', 'angry'), 'alike');
  assert.equal(problem('fröhlich', 'frohlich'), 'alike');
  assert.equal(problem('high-hat', 'high hat'), 'alike');
  assert.equal(problem('neutral', 'nuetral'), null, 'two letters changed places: not taken for one');
  assert.equal(problem('neutral', 'neutal'), 'alike');
  assert.equal(problem('neutral', 'neutrol'), 'alike');
  assert.equal(problem('x'.repeat(41), 'b'), 'long');
  assert.equal(problem('a\u0007', 'b'), 'control');
  assert.equal(checkLabels(['angry', 'happy', 'happy']).problem.at, 2);
  for (const [key, say] of Object.entries(words.teach.create.problems)) assert.ok(say('a', 'b').length > 10, key);
});

test('every lesson is named and has labels that a room may have', () => {
  for (const { key, labels } of LESSONS) {
    assert.equal(words.teach.create.templates[key]?.length, 2, key);
    if (key !== 'own') assert.equal(checkLabels(labels).problem, null, key);
  }
});

test('an estimate grows with rounds and networks, and never beyond the deadlines', () => {
  const [quick, slow] = roundsTake({ rounds: 20 });
  assert.ok(quick < slow);
  assert.ok(roundsTake({ rounds: 40 })[0] === quick * 2);
  assert.ok(roundsTake({ rounds: 20, model: 'conv' })[1] > slow * 5);
  // 25 laptops fetch and send 26,008,068 f32 values each: 5.2 GB a round, 208 s even at 25 MB/s, cut off at 180 s.
  assert.deepEqual(roundsTake({ rounds: 10, model: 'dense' }), [1800, 1800]);
  assert.ok(roundsTake({ rounds: 20, model: 'conv', encoding: 'f16' })[1] < roundsTake({ rounds: 20, model: 'conv' })[1]);
  const say = (low, high) => spanInWords([low, high], words.teach.create.duration);
  assert.equal(say(4, 12), '20 seconds');
  assert.equal(say(40, 170), '1 to 3 minutes');
  assert.equal(say(61, 62), '1 minute');
  assert.equal(say(1800, 1800), '30 minutes');
  assert.equal(say(3600, 10_800), '1 to 3 hours');
});

const status = {
  phase: 'lobby', round: 1, rounds: 20, model_version: 0, connected: 2, ready: 2, goal: 2, least: 4, received: 0, clients: [{}, {}],
};
const press = (change, history = []) => Object.fromEntries(steering({ status: { ...status, ...change }, history }, words).map((button) => [button.command, button]));

test('a button that makes no sense now says why', () => {
  const { why } = words.teach.steer;
  const lobby = press({});
  assert.deepEqual(Object.keys(lobby), ['next_round', 'pause', 'lock', 'end', 'restart']);
  assert.equal(lobby.next_round.why, '');
  assert.equal(lobby.next_round.name, 'Begin now');
  assert.match(lobby.next_round.meaning, /the 2 laptops that are ready, and goes on with them/);
  assert.match(press({ ready: 1 }).next_round.meaning, /A class of one.*one voice only/);
  assert.equal(lobby.end.why, why.untrained);
  assert.equal(lobby.restart.why, why.untrained);
  assert.equal(press({ ready: 0 }).next_round.why, why.nobodyReady);
  assert.equal(press({ paused: true }).next_round.why, why.paused);
  assert.ok('resume' in press({ paused: true }) && 'unlock' in press({ locked: true }));

  const training = press({ phase: 'collecting', round: 3, model_version: 2, received: 1, goal: 4 }, [{}, {}]);
  assert.equal(training.next_round.why, '');
  assert.match(training.next_round.meaning, /the 1 of 4 results/);
  assert.equal(training.end.why + training.restart.why, '');
  assert.equal(press({ phase: 'collecting', paused: true, received: 1 }).next_round.why, '', 'the open round may be closed in a pause');
  for (const phase of ['collecting', 'normalising']) assert.equal(press({ phase }).next_round.why, why.nothingIn);

  const finished = press({ phase: 'finished' }, [{}]);
  for (const command of ['next_round', 'pause', 'end']) assert.equal(finished[command].why, why.finished);
  assert.equal(finished.restart.why, '');
  assert.equal(finished.restart.name, 'More rounds…');
});

test('a round measures the model that it began with, the finished model is measured at the end', () => {
  const evaluation = (accuracy) => ({ examples: 4, loss: 1, accuracy, confusion: [[4]] });
  const history = [{ round: 1, model_version: 1, evaluation: evaluation(0.25) }, { round: 2, model_version: 2 }, { round: 3, model_version: 3, evaluation: evaluation(0.5) }];
  const results = (status) => sharedResults({ history, status }).map(({ version, accuracy, clips }) => [version, accuracy * clips]);
  assert.deepEqual(results({ model_version: 3 }), [[0, 1], [2, 2]]);
  assert.deepEqual(results({ model_version: 3, final_evaluation: evaluation(0.75) }), [[0, 1], [2, 2], [3, 3]]);
});

test('an arrow says of equal data that they agree, and of single labels that they do not', () => {
  assert.deepEqual([1, 0.4, 0.075, -0.25, -0.5, -1].map((cosine) => Math.round(angleOf(cosine))), [0, 0, 30, 60, 100, 180]);
  assert.equal(angleOf(1.0000001), 0, 'rounding may take a cosine beyond 1');
  assert.equal(angleOf(-1.0000001), 180);
  // Three laptops with nearly equal bars; four with sixteen clips each in simulated rooms (docs/experiments.md).
  assert.deepEqual([0.24, 0.26, -0.04].map(wayOf), ['with', 'with', 'with']);
  assert.deepEqual([0.288, 0.51, 0.378, 0.426].map(wayOf), ['with', 'with', 'with', 'with']);
  // One label each.
  assert.deepEqual([-0.825, -0.477, -0.443, -0.247].map(wayOf), ['against', 'own', 'own', 'with']);
  assert.deepEqual([undefined, null, Number.NaN].map(wayOf), ['unknown', 'unknown', 'unknown']);
});

test('cards fill their space', () => {
  const wide = { width: 1900, height: 430 };
  assert.equal(columnsFor(1, wide), 1);
  assert.equal(columnsFor(4, wide), 4);
  assert.equal(columnsFor(30, wide), 10);
  assert.equal(columnsFor(9, { width: 1000, height: 1000 }), 3);
  assert.equal(columnsFor(6, { width: 300, height: 2000 }), 1);
});

test('time is written as on a clock', () => {
  assert.deepEqual([-3, 0, 7.4, 60, 150, 3723].map(clock), ['0:00', '0:00', '0:07', '1:00', '2:30', '1:02:03']);
});
