// The steps of recording a clip, by example, and what is kept of one while the page is loaded again. Run with
// `node --test tests/page/`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { packed, takeRecording, unpacked } from '../../www/js/room/kept-recording.js';
import { START, step, undecided } from '../../www/js/room/record-steps.js';

const LABELS = ['angry', 'happy', 'sad'];
const sound = { samples: new Float32Array([0, 0.25, -1, 1e-30]), rate: 48_000 };

/** Plays events from a room with these counts on; gives the last state and all effects. */
function play(counts, ...events) {
  let state = START;
  const effects = [];
  for (const event of [{ what: 'room', labels: LABELS, counts }, ...events]) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

const said = 'The door is open';
const record = { what: 'record', label: 1, replaces: null, said };
const seconds = (count) => Array.from({ length: count }, () => ({ what: 'second' }));
const heard = [record, { what: 'opened' }, ...seconds(3), { what: 'heard', sound, problem: null }];
const judged = [...heard, { what: 'judged', complaints: ['quiet'] }];

test('the prompt is for the label with the fewest clips, and follows the counts', () => {
  assert.equal(play([2, 0, 1]).state.prompt.wanted, 1);
  assert.equal(play([2, 0, 1], { what: 'room', labels: LABELS, counts: [2, 2, 1] }).state.prompt.wanted, 2);
  const skipped = play([2, 0, 1], { what: 'skip' }, { what: 'skip' });
  assert.equal(skipped.state.prompt.wanted, 0);
  assert.deepEqual(skipped.state.prompt.skipped, [1, 2]);
  assert.deepEqual(play([2, 0, 1], { what: 'skip' }, { what: 'skip' }, { what: 'skip' }).state.prompt.skipped, [0], 'the last that is left begins anew');
  assert.equal(play([0, 0, 0], { what: 'other_sentence' }).state.prompt.turn, 1);
});

test('three seconds are counted before the sound is kept', () => {
  const counting = play([0, 0, 0], record, { what: 'opened' }, { what: 'second' });
  assert.deepEqual(counting.state.at, { is: 'counting', label: 1, replaces: null, said, left: 2 });
  assert.deepEqual(counting.effects, ['hush', 'busy', 'open', 'wait', 'wait']);
  const recording = play([0, 0, 0], record, { what: 'opened' }, ...seconds(3));
  assert.equal(recording.state.at.is, 'recording');
  assert.equal(recording.effects.at(-1), 'begin');
  assert.equal(recording.state.prompt.wanted, 1, 'whoever chooses a label is prompted for it');
});

test('a recording is judged, decided about and kept', () => {
  const asked = play([0, 0, 0], ...heard);
  assert.deepEqual(asked.effects.slice(-2), ['idle', 'judge']);
  const kept = play([0, 0, 0], ...judged, { what: 'keep' }, { what: 'kept' });
  assert.deepEqual(kept.effects.slice(-2), ['hush', 'store']);
  assert.deepEqual(kept.state.at, { is: 'choosing', problem: null });
  assert.deepEqual(kept.state.prompt, { labels: LABELS, prompts: [], counts: [0, 1, 0], wanted: 0, turn: 1, skipped: [] });
});

test('one that takes the place of another does not count twice', () => {
  const kept = play([0, 3, 1], { ...record, replaces: 7 }, ...judged.slice(1), { what: 'keep' }, { what: 'kept' });
  assert.deepEqual(kept.state.prompt.counts, [0, 3, 1]);
});

test('what could not be stored is still there', () => {
  const problem = { code: 'storage_full' };
  const { state } = play([0, 0, 0], ...judged, { what: 'keep' }, { what: 'refused', problem });
  assert.deepEqual(state.at, { is: 'reviewing', label: 1, replaces: null, said, sound, complaints: ['quiet'], problem });
});

test('whatever ends a recording gives the microphone back and tells the room', () => {
  for (const before of [[record], [record, { what: 'opened' }], [record, { what: 'opened' }, ...seconds(3)]]) {
    for (const end of [{ what: 'cancel' }, { what: 'failed', problem: 'busy' }]) {
      const { state, effects } = play([0, 0, 0], ...before, end);
      assert.deepEqual(state.at, { is: 'choosing', problem: end.problem ?? null });
      assert.deepEqual(effects.slice(-2), ['forget', 'idle']);
    }
  }
});

test('what came before the microphone went away is there, and it is said why that is all', () => {
  const problem = new Error('unplugged');
  const cut = [...heard.slice(0, -1), { what: 'heard', sound, problem }];
  const { state, effects } = play([0, 0, 0], ...cut, { what: 'judged', complaints: [] });
  assert.deepEqual(state.at, { is: 'reviewing', label: 1, replaces: null, said, sound, complaints: [], problem });
  assert.deepEqual(effects.slice(-2), ['idle', 'judge']);
  assert.deepEqual(undecided(state), { take: { label: 1, replaces: null, said }, sound });
});

test('what was to be said goes with the recording, and the person may say otherwise', () => {
  const told = play([0, 0, 0], ...judged, { what: 'said', said: 'The windows are open' });
  assert.equal(undecided(told.state).take.said, 'The windows are open');
  assert.equal(step(told.state, { what: 'keep' }).state.at.said, 'The windows are open');
  assert.equal(undecided(play([0, 0, 0], ...judged).state).take.said, said);
  const late = play([0, 0, 0], ...judged, { what: 'keep' }).state;
  assert.deepEqual(step(late, { what: 'said', said: 'no' }), { state: late, effects: [] });
});

test('one may record again, or throw away', () => {
  const again = play([0, 0, 0], { ...record, replaces: 7 }, ...judged.slice(1), { what: 'again' });
  assert.deepEqual(again.state.at, { is: 'opening', label: 1, replaces: 7, said });
  assert.equal(play([0, 0, 0], ...judged, { what: 'drop' }).state.at.is, 'choosing');
});

test('what comes late or out of turn changes nothing', () => {
  for (const [before, late] of [
    [[], ['opened', 'second', 'stop', 'heard', 'judged', 'keep', 'kept', 'cancel', 'again', 'drop', 'failed', 'refused']],
    [[record, { what: 'opened' }], ['record', 'opened', 'stop', 'heard', 'keep']],
    [judged, ['record', 'second', 'failed', 'cancel', 'kept', 'restored']],
    [[...judged, { what: 'keep' }], ['keep', 'drop', 'again', 'judged']],
  ]) {
    const { state } = play([0, 0, 0], ...before);
    for (const what of late) assert.deepEqual(step(state, { ...record, what, sound, take: record }), { state, effects: [] }, what);
  }
});

test('only what waits for a decision is undecided', () => {
  assert.equal(undecided(play([0, 0, 0], record).state), null);
  assert.deepEqual(undecided(play([0, 0, 0], ...heard).state), { take: { label: 1, replaces: null, said }, sound });
  assert.deepEqual(undecided(play([0, 0, 0], ...judged).state), { take: { label: 1, replaces: null, said }, sound });
  assert.equal(undecided(play([0, 0, 0], ...judged, { what: 'keep' }).state), null, 'it is on its way into the list');
});

test('a recording outlives the page, once, and in its own room', () => {
  const kept = { room: 'KMPXZ', take: { label: 1, replaces: null, said }, sound };
  assert.deepEqual(unpacked(packed(kept)), kept);
  assert.equal(unpacked(''), null);
  const stored = new Map([['chorus.recording', packed(kept)]]);
  globalThis.sessionStorage = { getItem: (key) => stored.get(key) ?? null, removeItem: (key) => stored.delete(key) };
  assert.deepEqual(takeRecording('KMPXZ'), kept);
  assert.equal(takeRecording('KMPXZ'), null);
  stored.set('chorus.recording', packed(kept));
  assert.equal(takeRecording('OTHER'), null);
  assert.equal(stored.size, 0);
  stored.set('chorus.recording', '{"samples":');
  assert.equal(takeRecording('KMPXZ'), null, 'what cannot be read is passed over');
  delete globalThis.sessionStorage;

  const restored = play([0, 0, 0], { what: 'restored', take: kept.take, sound });
  assert.deepEqual(restored.state.at, { is: 'judging', label: 1, replaces: null, said, sound, problem: null });
  assert.deepEqual(restored.effects, ['judge']);
});
