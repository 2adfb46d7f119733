// What each page says in each state: all of it as a table (said.json), in every language, and what must never be said together.
// After a change of the words, `CHORUS_WRITE_TABLE=1 node --test tests/page/said.test.mjs` writes the table anew, to be read.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { divergedAdvice, divergedSentence, divergence, hereLine, laptopSays, noCurve, nobodySentence, noiseMeter, roomSentence, rosterSummary, roundLine, situationOf, waitSentence } from '../../www/js/live/said.js';
import { shownNames } from '../../www/js/live/laptop-state.js';
import { expectedSentence } from '../../www/js/room/expected.js';
import { words as de } from '../../www/words/de.js';
import { words as en } from '../../www/words/en.js';
import { words as es } from '../../www/words/es.js';

const LANGUAGES = { en, de, es };
const TABLE = new URL('said.json', import.meta.url);

const person = (name, state, more = {}) => ({ name, state, me: false, waited_ms: null, ...more });
const lobby = {
  phase: 'lobby', round: 1, rounds: 10, model_version: 0, ready: 2, least: 4, received: 0, goal: 2, paused: false, held: false,
  clients: [person('Ada', 'ready', { me: true }), person('Zoë', 'ready'), person('Mila', 'watching')],
};
const collecting = { ...lobby, phase: 'collecting', round: 3, model_version: 2, received: 1, goal: 2, clients: [person('Ada', 'accepted', { me: true }), person('Zoë', 'training')] };

/** A room whose rounds begin when the host says so, as the form makes them. */
const free = { least: 64, room: { max_clients: 64 } };

/** The same with masks, which hide nobody among fewer than three. */
const masked = { least: 64, room: { max_clients: 64, masked: true } };

/** A room of edges, of which one has lost too many of its laptops to give anything. */
const edges = { room: { max_clients: 64, edges: { clients: 300 } }, clients: [person('North', 'ready', { behind: 2 }), person('Client 2', 'ready', { behind: 3 }), person('South', 'watching', { behind: 0 })] };
const oneEdge = { ...edges, ready: 1, clients: [edges.clients[0]] };

/** Each state that a room can be in. */
const ROOMS = {
  'nobody yet': { ...lobby, ready: 0, clients: [] },
  'one laptop alone': { ...lobby, ready: 1, clients: [person('Ada', 'ready', { me: true })] },
  'lobby': lobby,
  'lobby, paused': { ...lobby, paused: true },
  'the host begins': { ...lobby, ...free },
  'the host begins, nobody is ready': { ...lobby, ...free, ready: 0 },
  'the host begins, one laptop alone': { ...lobby, ...free, ready: 1, clients: [person('Ada', 'ready', { me: true })] },
  'the host begins the next round': { ...lobby, ...free, round: 3, model_version: 2 },
  'the host begins the next round, all left': { ...lobby, ...free, round: 3, model_version: 2, ready: 0, clients: [] },
  'masked, the host begins': { ...lobby, ...masked, ready: 3 },
  'masked, too few': { ...lobby, ...masked },
  'masked, too few between rounds': { ...lobby, ...masked, round: 3, model_version: 2 },
  'masked, nobody is ready': { ...lobby, ...masked, ready: 0 },
  'masked, one laptop alone': { ...lobby, ...masked, ready: 1, clients: [person('Ada', 'ready', { me: true })] },
  'masked, one laptop of at least four': { ...lobby, room: { max_clients: 64, masking: { server: 'active' } }, ready: 1, clients: [person('Ada', 'ready', { me: true })] },
  'masked, a sum would single somebody out': { ...lobby, ...masked, round: 3, model_version: 2, ready: 3, singles_out: true },
  'masked, a sum would single somebody out, paused': { ...lobby, ...masked, round: 3, model_version: 2, ready: 3, singles_out: true, paused: true },
  'masked, all left': { ...lobby, ...masked, round: 3, model_version: 2, ready: 0, clients: [] },
  'normalising': { ...lobby, phase: 'normalising', received: 1, goal: 2 },
  'round 3': collecting,
  'round 3, paused': { ...collecting, paused: true },
  'round 3, held': { ...collecting, held: true },
  'between rounds': { ...lobby, round: 3, model_version: 2 },
  'between rounds, all left': { ...lobby, round: 3, model_version: 2, ready: 0, clients: [] },
  'round 3, one is waited for': { ...collecting, clients: [collecting.clients[0], person('Zoë', 'offline', { waited_ms: 12_000 })] },
  'finished': { ...collecting, phase: 'finished', round: 10, model_version: 10 },
  'ended after 5 of 10': { ...collecting, phase: 'finished', round: 5, model_version: 5 },
  'edges, nobody yet': { ...lobby, ...edges, ready: 0, clients: [] },
  'edges, one alone': { ...lobby, ...oneEdge },
  'edges, lobby': { ...lobby, ...edges },
  'edges, normalising': { ...lobby, ...edges, phase: 'normalising', received: 1 },
  'edges, round 3': { ...collecting, ...edges },
  'edges, between rounds': { ...lobby, ...edges, round: 3, model_version: 2 },
  'edges, between rounds, all left': { ...lobby, ...edges, round: 3, model_version: 2, ready: 0, clients: [] },
  'edges, the host begins': { ...lobby, ...edges, least: 64 },
  'edges, the host begins, none is ready': { ...lobby, ...edges, least: 64, ready: 0 },
  'edges, the host begins, one alone': { ...lobby, ...oneEdge, least: 64 },
  'edges, the host begins the next round': { ...lobby, ...edges, least: 64, round: 3, model_version: 2 },
  'edges, the host begins the next round, all left': { ...lobby, ...edges, least: 64, round: 3, model_version: 2, ready: 0, clients: [] },
  'edges, finished': { ...collecting, ...edges, phase: 'finished', round: 10, model_version: 10 },
  'finished, all left': { ...collecting, phase: 'finished', round: 10, model_version: 10, clients: [] },
};

const budget = { published: 0, left: 20, epsilon: 0, best_guess: 0.5, best_guess_at_end: 0.797_582, clients: 1024, clients_needed: 1000 };

/** Each state that a privacy budget can be in. */
const BUDGETS = {
  'before the start': budget,
  'after some rounds': { ...budget, published: 5, left: 15, best_guess: 0.661_2 },
  'spent': { ...budget, published: 20, left: 0, best_guess: 0.797_582 },
  'thirty people': { ...budget, clients: 30, clients_needed: 1142 },
  'too quiet': { ...budget, best_guess_at_end: 0.999 },
  'of clips': { ...budget, hides: 'clip', published: 5, left: 15, best_guess: 0.661_2, clients: 300, clients_needed: 1614 },
};

const laptop = {
  connection: 'open', closed: null, full: false, finished: false, taking_part: true, trainer: 'ready', work: null, clips: [{}, {}, {}],
};
const as = (state, more = {}) => ({ ...collecting, ...laptop, clients: [person('Ada', state, { me: true, ...more }), person('Zoë', 'training')] });

/** Each state that a student's laptop can be in, beside the room's. */
const LAPTOPS = {
  'connecting': { ...laptop, ...lobby, phase: null, clients: [], connection: 'connecting' },
  'no clips': { ...laptop, ...lobby, taking_part: false, clips: [] },
  'no clips, paused': { ...laptop, ...lobby, taking_part: false, clips: [], paused: true },
  'looks on': { ...laptop, ...lobby, taking_part: false },
  'looks on, round 3': { ...laptop, ...collecting, taking_part: false },
  'looks on, paused': { ...laptop, ...lobby, taking_part: false, paused: true },
  'trainer on its way': { ...laptop, ...lobby, trainer: 'loading' },
  'trainer failed': { ...laptop, ...lobby, trainer: 'failed' },
  'alone': { ...laptop, ...ROOMS['one laptop alone'] },
  'ready': { ...laptop, ...lobby },
  'ready, the host begins': { ...laptop, ...ROOMS['the host begins'] },
  'ready, a sum would single somebody out': { ...laptop, ...ROOMS['masked, a sum would single somebody out'] },
  'ready, paused': { ...laptop, ...lobby, paused: true },
  'ready between rounds': { ...laptop, ...ROOMS['between rounds'] },
  'normalising': { ...laptop, ...ROOMS.normalising },
  'statistics': { ...laptop, ...ROOMS.normalising, work: { what: 'statistics' } },
  'joins with the next round': as('ready'),
  'passed over': as('ready', { passed_over: true }),
  'training': { ...as('training'), work: { what: 'training' } },
  'training, paused': { ...as('training'), work: { what: 'training' }, paused: true },
  'waits for its turn': { ...as('waiting'), work: { what: 'waiting' } },
  'sending': { ...as('uploading'), work: { what: 'uploading' } },
  'done': as('accepted'),
  'done, paused': { ...as('accepted'), paused: true },
  'the round went on without it': as('refused'),
  'held': { ...as('uploading'), work: { what: 'uploading' }, held: true },
  'connection lost': { ...as('training'), connection: 'lost' },
  'lost while training': { ...as('training'), connection: 'lost', work: { what: 'training' } },
  'room full': { ...laptop, ...lobby, phase: null, clients: [], connection: 'lost', full: true },
  'locked out': { ...laptop, ...lobby, phase: null, clients: [], connection: 'closed', closed: 'locked' },
  'removed': { ...as('training'), connection: 'closed', closed: 'removed' },
  'removed when all was done': { ...as('accepted'), ...ROOMS.finished, connection: 'closed', closed: 'removed', finished: true },
  'joined from another tab': { ...as('training'), connection: 'closed', closed: 'replaced' },
  'room deleted': { ...as('training'), connection: 'closed', closed: 'room_unknown' },
  'page of another version': { ...laptop, ...lobby, phase: null, clients: [], connection: 'closed', closed: 'protocol_mismatch' },
  'finished': { ...as('accepted'), ...ROOMS.finished, finished: true },
  'finished, connection lost': { ...as('accepted'), ...ROOMS.finished, finished: true, connection: 'lost' },
};

/** What may be expected of a model of one's own: with clips to learn from of each label. */
const EXPECTATIONS = {
  'a label has no clip': { says: 'missing', clips: 0, gained: [0, 0] },
  'another network': { says: 'unmeasured', clips: 0, gained: [0, 0] },
  'one clip': { says: 'helped_once', clips: 1, gained: [0, 7] },
  'two clips': { says: 'helped_once', clips: 2, gained: [0, 13] },
  'five clips': { says: 'helped', clips: 5, gained: [3, 17] },
};

/** The teacher's words for the list of a room's laptops, or of its edges. */
const rosterOf = (room, { teach: { roster } }) => (room.room?.edges ? roster.edges : roster);

/** What everyone reads of a room, and what a laptop reads besides. */
function said(words) {
  const rooms = Object.fromEntries(Object.entries(ROOMS).map(([name, room]) => [name, {
    sentence: roomSentence(room, words), round: roundLine(room, words), waits: waitSentence(room, 1000, words), curve: noCurve(room, false, words),
    board: nobodySentence(room, room.room?.edges ? words.board.edges : words.board),
    teacher: nobodySentence(room, { nobody: rosterOf(room, words).none, allLeft: rosterOf(room, words).allLeft }),
    here: hereLine(room, words), roster: rosterSummary({ connected: room.clients.filter(({ state }) => state !== 'offline').length, ...room }, words),
  }]));
  const laptops = Object.fromEntries(Object.entries(LAPTOPS).map(([name, state]) => [name, { ...laptopSays(state, words), round: roundLine(state, words) }]));
  const meters = Object.fromEntries(Object.entries(BUDGETS).map(([name, budget]) => [name, noiseMeter(budget, words)]));
  const mine = Object.fromEntries(Object.entries(EXPECTATIONS).map(([name, expectation]) => [name, expectedSentence(expectation, words)]));
  return { rooms, laptops, meters, mine };
}

test('each page says in each state what the table says, in every language', () => {
  const found = Object.fromEntries(Object.entries(LANGUAGES).map(([code, words]) => [code, said(words)]));
  if (process.env.CHORUS_WRITE_TABLE) writeFileSync(TABLE, `${JSON.stringify(found, null, 1)}\n`);
  assert.deepEqual(found, JSON.parse(readFileSync(TABLE, 'utf8')));
});

for (const [code, words] of Object.entries(LANGUAGES)) {
  const { rooms, laptops, meters, mine } = said(words);

  test(`${code}: whoever is out of the room is not told to wait, and finds no button that does nothing`, () => {
    const lost = [words.train.status.lost, words.train.status.connecting];
    for (const name of ['room full', 'locked out', 'removed', 'removed when all was done', 'joined from another tab', 'room deleted', 'page of another version']) {
      assert.equal(laptops[name].button, null, name);
      assert.ok(!lost.includes(laptops[name].sentence), name);
    }
    const out = ['locked out', 'removed', 'room deleted', 'joined from another tab'].map((name) => laptops[name].sentence);
    assert.equal(new Set(out).size, out.length, 'each has its own reason');
  });

  test(`${code}: a model of one’s own is promised what was measured, and no number where nothing was`, () => {
    for (const number of ['2', '13', '100']) assert.ok(mine['two clips'].includes(number), mine['two clips']);
    for (const number of ['5', '3', '17', '100']) assert.ok(mine['five clips'].includes(number), mine['five clips']);
    for (const name of ['a label has no clip', 'another network']) assert.ok(!/\d/.test(mine[name]), mine[name]);
  });

  test(`${code}: a break is told to everyone`, () => {
    for (const name of ['no clips', 'looks on', 'ready', 'done']) assert.notEqual(laptops[`${name}, paused`].sentence, laptops[name].sentence, name);
    assert.equal(laptops['ready, paused'].sentence, rooms['lobby, paused'].sentence);
  });

  test(`${code}: students and teacher read the same numbers`, () => {
    assert.equal(laptops.ready.sentence, rooms.lobby.sentence);
    assert.equal(laptops['ready between rounds'].sentence, rooms['between rounds'].sentence);
    assert.equal(laptops.normalising.sentence, rooms.normalising.sentence);
    assert.equal(laptops.alone.sentence, rooms['one laptop alone'].sentence);
    assert.equal(laptops['ready, the host begins'].sentence, rooms['the host begins'].sentence);
    for (const number of ['2', '4']) assert.ok(rooms.lobby.sentence.includes(number), rooms.lobby.sentence);
  });

  test(`${code}: where the host begins, no page names a number that nobody chose, and all name what is to be pressed`, () => {
    for (const [name, { sentence }] of Object.entries(rooms)) {
      if (!name.startsWith('the host begins')) continue;
      assert.ok(!sentence.includes('64'), sentence);
      if (!name.endsWith('nobody is ready')) assert.ok(sentence.includes(words.teach.steer.nextLobby[0]), sentence);
    }
    assert.equal(roomSentence({ ...lobby, least: 1, room: { max_clients: 1 } }, words), words.board.sentence.lobby(2, 1), 'a room for one begins by itself');
  });

  test(`${code}: nobody is told to begin with fewer than masks can hide`, () => {
    assert.equal(rooms['masked, the host begins'].sentence, words.board.sentence.hostBegins.lobby(3));
    for (const name of ['too few', 'too few between rounds', 'one laptop alone', 'one laptop of at least four']) {
      const { sentence } = rooms[`masked, ${name}`];
      assert.equal(sentence, words.board.sentence.tooFewToMask(name.startsWith('one') ? 1 : 2), name);
    }
    const singlesOut = rooms['masked, a sum would single somebody out'].sentence;
    assert.equal(singlesOut, words.board.sentence.singlesOut);
    assert.equal(laptops['ready, a sum would single somebody out'].sentence, singlesOut);
    assert.equal(rooms['masked, a sum would single somebody out, paused'].sentence, words.board.sentence.pausedLobby);
    assert.equal(rooms['masked, nobody is ready'].sentence, rooms['the host begins, nobody is ready'].sentence);
    assert.equal(rooms['masked, all left'].sentence, rooms['the host begins the next round, all left'].sentence);
  });

  test(`${code}: no round is counted before it began, and none that was not trained`, () => {
    for (const name of ['nobody yet', 'lobby', 'the host begins', 'normalising']) assert.equal(rooms[name].round, words.board.rounds(10), name);
    assert.equal(rooms['round 3'].round, words.board.round(3, 10));
    assert.equal(rooms['between rounds'].round, words.board.roundsDone(2, 10));
    assert.equal(rooms['ended after 5 of 10'].sentence, words.board.sentence.finished(5));
  });

  test(`${code}: where rounds are done, no curve is promised after the first, and nobody is still to come`, () => {
    for (const [name, { curve, board, teacher }] of Object.entries(rooms)) {
      const done = ROOMS[name].model_version > 0;
      assert.equal(curve, done ? words.charts.unmeasured : words.charts.none, name);
      const nobody = [words.board.nobody, words.board.edges.nobody, words.teach.roster.none, words.teach.roster.edges.none];
      assert.ok(!done || !nobody.some((said) => said === board || said === teacher), name);
    }
    assert.equal(noCurve(ROOMS.finished, true, words), '', 'there is one');
    assert.equal(noCurve(LAPTOPS.connecting, false, words), '', 'nobody knows yet');
  });

  test(`${code}: what noise promises is said with its sentence, rounded up, and not where it promises nothing`, () => {
    const { person, clip } = words.meter.hidden;
    assert.ok(meters['before the start'].startsWith(words.meter.before(80, person.what)) && meters['before the start'].includes(person.not));
    assert.ok(meters['after some rounds'].startsWith(words.meter.after(67, 80, person.what)), meters['after some rounds']);
    assert.ok(meters.spent.startsWith(words.meter.done(80, person.what)) && meters.spent.endsWith(words.meter.spent));
    assert.ok(/\b30\b/.test(meters['thirty people']) && /1\D?000/.test(meters['thirty people']), 'thirty people are told that about a thousand are needed');
    assert.ok(meters['of clips'].startsWith(words.meter.after(67, 80, clip.what)) && meters['of clips'].includes(clip.not));
    assert.equal(meters['too quiet'], words.meter.nothing);
    assert.equal(noiseMeter(null, words), '', 'no noise');
    assert.equal(noCurve({ ...ROOMS.finished, budget }, false, words), words.charts.noised);
  });

  test(`${code}: edges are no laptops, and those behind them are counted`, () => {
    const [laptop] = words.board.here(2).split(' ').reverse();
    for (const [name, { sentence, here, roster }] of Object.entries(rooms).filter(([name]) => name.startsWith('edges'))) {
      if (ROOMS[name].phase === 'lobby') assert.ok(!sentence.includes(laptop) || name === 'edges, nobody yet', sentence);
      if (ROOMS[name].clients.length < 2) continue;
      for (const said of [here, roster]) assert.ok(said.includes('3') && said.includes('5') && said.includes(laptop), said);
    }
    assert.deepEqual(shownNames(edges.clients, words), ['North', words.board.edges.laptop('2'), 'South']);
    assert.equal(rooms.lobby.here, words.board.here(3));
  });

  test(`${code}: who is waited for is named, with how long`, () => {
    const { waits } = rooms['round 3, one is waited for'];
    assert.ok(waits.includes('Zoë') && waits.includes('11'), waits);
    assert.ok(!waits.includes('Ada'));
    const both = { clients: [person('Zoë', 'offline', { waited_ms: 4000 }), person('Mila', 'offline', { waited_ms: 9000 })] };
    const sentence = waitSentence(both, 0, words);
    assert.ok(sentence.includes('Zoë') && sentence.includes('Mila') && sentence.includes('9'), sentence);
    assert.equal(waitSentence(both, 4500, words), waitSentence({ clients: [both.clients[1]] }, 4500, words), 'the wait for one is over');
    assert.equal(waitSentence(both, 9000, words), '');
    for (const [name, room] of Object.entries(rooms)) if (name !== 'round 3, one is waited for') assert.equal(room.waits, '', name);
  });
}

test('training diverges where the loss is far above guessing and has grown, and every page says so', () => {
  assert.deepEqual(divergence([1.39, 1.2, 900], 4), { was: 1.2, is: 900 });
  assert.deepEqual(divergence([1.39, null, 1_000_000], 4), { was: 1.39, is: 1_000_000 });
  for (const [losses, labels] of [
    [[1.39, 1.1, 2.9], 4], // learnt by heart
    [[1.39, 1.2, 900, 1.5], 4], // back again
    [[900], 4], // a first version alone has not grown
    [[8.1, 8.3], 4], // bad, and no worse than before
    [[], 4],
    [[null, undefined], 2],
  ]) assert.equal(divergence(losses, labels), null, String(losses));
  const room = { room: { labels: ['happy', 'sad'] }, status: { phase: 'collecting', model_version: 4, clients: [] }, versions: [{ version: 0, best: false }, { version: 3, best: true }] };
  for (const words of Object.values(LANGUAGES)) {
    const { steer, restart } = words.teach;
    assert.equal(divergedSentence([0.7, 0.6], 2, [{}, { diverged: false }], words) + divergedAdvice([0.7, 0.6], room, words), '');
    assert.ok(divergedSentence([0.7, 900], 2, [], words).includes('900'));
    const advice = divergedAdvice([0.7, 900], room, words);
    for (const part of ['900', steer.restart[0].replace(/\s*…$/, ''), restart.version(3)]) assert.ok(advice.includes(part), advice);
    const finished = divergedAdvice([0.7, 900], { ...room, status: { ...room.status, phase: 'finished' } }, words);
    assert.ok(finished.includes(steer.more[0].replace(/\s*…$/, '')), finished);
    // Before the first version there is no loss, and none to go back to.
    const clients = [{ diverged: true }, { diverged: true }, {}];
    assert.ok(divergedSentence([], 2, clients, words).includes('2'));
    const first = divergedAdvice([], { ...room, status: { ...room.status, model_version: 0, clients } }, words);
    assert.equal(first, `${steer.gaveUp(2)} ${steer.gaveUpHelp}`);
    const later = divergedAdvice([0.7, 0.6], { ...room, status: { ...room.status, clients: [clients[0]] } }, words);
    assert.ok(later.startsWith(steer.gaveUp(1)) && later.includes(restart.version(3)), later);
  }
});

test('every situation is in the table', () => {
  const found = new Set([...Object.values(ROOMS), LAPTOPS.connecting].map(situationOf));
  assert.deepEqual([...found].sort(), ['alone', 'collecting', 'empty', 'finished', 'held', 'left', 'lobby', 'lobbyBetween', 'normalising', 'pausedLobby', 'pausedRound', 'singlesOut', 'unknown']);
});
