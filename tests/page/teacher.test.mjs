// The pure pieces of the teacher's page and of the board, by example.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { angleOf, wayOf } from '../../www/js/live/agreement.js';
import { clock } from '../../www/js/common/format.js';
import { tokenOf } from '../../www/js/teach/host-token.js';
import { checkLabels } from '../../www/js/teach/label-list.js';
import { shownNames } from '../../www/js/live/laptop-state.js';
import { LESSONS } from '../../www/js/teach/lessons.js';
import { columnsFor } from '../../www/js/board/roster-grid.js';
import { roundsTake, spanInWords } from '../../www/js/teach/round-estimate.js';
import { sharedResults } from '../../www/js/live/shared-results.js';
import { secureCommand } from '../../www/js/teach/secure-command.js';
import { contributors, versionWithout } from '../../www/js/teach/standing-out.js';
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
  assert.equal(problem('a\u200b', 'b'), 'control');
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
const press = (change, history = [], room = {}) => Object.fromEntries(steering({ room, status: { ...status, ...change }, history }, words).map((button) => [button.command, button]));

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
  const masked = { masking: { server: 'active' } };
  assert.equal(press({ ready: 2 }, [], masked).next_round.why, words.teach.refused.too_few_to_mask);
  assert.equal(press({ ready: 3 }, [], masked).next_round.why, '');
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

const gave = (client, norm, more = {}) => ({ client, name: `Laptop ${client}`, examples: 20, norm, agreement: 0.3, ...more });
const tests = (right, examples, loss = 1) => ({ evaluation: { examples, accuracy: right / examples, loss, confusion: [] } });
const class7b = (rounds, clients = [], here = [1, 2, 3, 4]) => ({
  status: { clients: here.map((client) => ({ client, name: `Laptop ${client}` })) },
  clients: [1, 2, 3, 4].map((client) => ({ client, left_out: false, statistics_distance: 0.4, ...clients.find((one) => one.client === client) })),
  contributions: rounds,
});
const reasonsOf = (room) => Object.fromEntries(contributors(room).filter(({ reasons }) => reasons.length).map(({ client, reasons }) => [client, reasons]));

test('nobody stands out in a class whose laptops differ as honest ones do', () => {
  // Norms and agreements of a round of four simulated laptops with one label each, and test clips of very different luck.
  const round = [gave(1, 0.31, { agreement: -0.5, ...tests(1, 5) }), gave(2, 0.44, tests(4, 5, 2)), gave(3, 0.29, { agreement: -0.6, ...tests(2, 4) }), gave(4, 0.5, { clipped: 0.44, ...tests(3, 5) })];
  assert.deepEqual(reasonsOf(class7b([round, round])), {});
  assert.deepEqual(reasonsOf(class7b([], [])), {}, 'nothing is known before the first round');
});

test('whoever pulls far, the other way or from far sounds is found, and by what', () => {
  const round = [gave(1, 0.3), gave(2, 0.4), gave(3, 0.35), gave(4, 9999, { clipped: 0.6, agreement: -0.9 })];
  const found = reasonsOf(class7b([round, round, round], [{ client: 2, statistics_distance: 12.4 }]));
  assert.deepEqual(found, {
    4: [{ kind: 'larger', times: 9999 / 0.35, rounds: 3, of: 3, held: true }, { kind: 'against', rounds: 3, of: 3 }],
    2: [{ kind: 'sounds', times: 12.4 }],
  });
  const [first] = contributors(class7b([round, round, round]));
  assert.deepEqual([first.client, first.given, first.here], [4, 3, true], 'who stands out comes first');
  assert.deepEqual(reasonsOf(class7b([[gave(1, 0.3), gave(4, 9999)]])), {}, 'two have no middle');
});

test('who has left is still in what the room learnt', () => {
  const round = [gave(1, 0.3), gave(2, 0.4), gave(3, 0.35), gave(4, 40)];
  const { here, given, name } = contributors(class7b([round], [], [1, 2, 3])).find(({ client }) => client === 4);
  assert.deepEqual([here, given, name], [false, 1, 'Laptop 4']);
});

test('evaluations that are far off are found, of the finished model where there are any, and those left out are not', () => {
  const round = [gave(1, 0.3, tests(8, 10)), gave(2, 0.4, tests(7, 10)), gave(3, 0.35, tests(9, 10)), gave(4, 0.3, tests(0, 20, 900))];
  assert.deepEqual(reasonsOf(class7b([round])), {
    4: [{ kind: 'tested', right: 0, clips: 20, othersRight: 24, othersClips: 30 }, { kind: 'loss', loss: 900, others: 1 }],
  });
  assert.deepEqual(reasonsOf(class7b([round], [{ client: 4, left_out: true }])), {});
  const final = [1, 2, 3, 4].map((client) => ({ client, ...tests(client === 2 ? 1 : 18, 20) }));
  assert.deepEqual(Object.keys(reasonsOf(class7b([round], final))), ['2'], 'the finished model is what counts');
});

test('taking back leads to the last stored version from before', () => {
  const rounds = [[gave(1, 1)], [gave(1, 1), gave(2, 1)], [gave(1, 1)], [gave(2, 1)], [gave(1, 1)]];
  const room = { contributions: rounds, versions: [0, 1, 3, 4, 5].map((version) => ({ version })) };
  assert.equal(versionWithout(room, 2, 5), 1, 'its first update is in round 2');
  assert.equal(versionWithout(room, 2, 2), 3);
  assert.equal(versionWithout(room, 2, 1), null, 'it gave nothing to the last round');
  assert.equal(versionWithout({ ...room, versions: [{ version: 0 }, { version: 5 }] }, 2, 2), 0);
});

test('equal names are told apart, and none is blank or turns the line around', () => {
  const shown = (...names) => shownNames(names.map((name) => ({ name })), words);
  assert.deepEqual(shown('Ada', 'Zoë', 'ada', 'Ada '), ['Ada', 'Zoë', 'ada (2)', 'Ada (3)']);
  assert.deepEqual(shown('', '\u3164', '\u2800\u200b', ' '), Array(4).fill(words.board.unnamed));
  assert.deepEqual(shown('\u202eadA', 'A\u200bda', 'Ada'), ['adA', 'A\u200bda (2)', 'Ada (3)']);
  assert.deepEqual(shown('Client 3', '\u05d3\u05e0\u05d4'), ['Laptop 3', '\u05d3\u05e0\u05d4']);
});
