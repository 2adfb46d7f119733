// What the pages say of a room in each of its states, and of a laptop in each of its own: one table for the student's page,
// the teacher's and the board, so that no two of them say different things. Pure; the words are those of a language.

import { figures, grouped } from '../common/format.js';
import { isolated, shownNames, shownState } from './laptop-state.js';

/** @typedef {typeof import('/words/en.js').words} Words */

/**
 * @typedef {object} Room what is known of a room; a student's page knows the same as the others
 * @property {string | null} phase lobby, normalising, collecting or finished; none before the server has told
 * @property {number} round
 * @property {number} rounds
 * @property {number} model_version rounds that are done
 * @property {number} ready laptops that take part and are connected
 * @property {number} least laptops that begin a round
 * @property {{max_clients: number, masked?: boolean, masking?: unknown, edges?: unknown} | null} [room] what it was made with
 * @property {number} received
 * @property {number} goal
 * @property {boolean} [paused]
 * @property {boolean} [held]
 * @property {boolean} [singles_out] no round begins, for the sum of those who are here would show what few of them gave
 * @property {{name: string, state: string, waited_ms?: number | null, behind?: number}[]} clients
 * @property {Budget | null} [budget]
 */

/** @typedef {import('../worker/messages.js').Budget} Budget */

/**
 * @typedef {'unknown' | 'held' | 'singlesOut' | 'finished' | 'normalising' | 'collecting' | 'pausedRound' | 'pausedLobby' | 'empty' | 'left' | 'alone' | 'lobby' | 'lobbyBetween'} Situation
 */

/**
 * Which of its states a room is in.
 * @param {Room} room
 * @returns {Situation}
 */
export function situationOf({ phase, paused, held, singles_out: singlesOut, clients, ready, least, model_version: done }) {
  if (!phase) return 'unknown';
  if (held) return 'held';
  if (phase === 'finished' || phase === 'normalising') return phase;
  if (phase === 'collecting') return paused ? 'pausedRound' : 'collecting';
  if (paused) return 'pausedLobby';
  if (singlesOut) return 'singlesOut';
  if (clients.length === 0) return done > 0 ? 'left' : 'empty';
  if (done > 0) return 'lobbyBetween';
  return ready === 1 && clients.length === 1 && least > 1 ? 'alone' : 'lobby';
}

/**
 * Whether rounds begin when the host says so: as they do where it takes all laptops that the room has places for.
 * @param {Pick<Room, 'least' | 'room'>} room
 */
export function hostBegins({ least, room }) {
  return Boolean(room) && least > 1 && least >= /** @type {{max_clients: number}} */ (room).max_clients;
}

/** Laptops of which a masked round has to have at least so many: a sum of two tells each of them about the other. */
export const FEWEST_MASKED = 3;

/**
 * Whether a masked room has too few laptops to begin.
 * @param {Pick<Room, 'ready' | 'room'>} room
 */
export function tooFewToMask({ ready, room }) {
  return Boolean(room?.masked ?? room?.masking) && ready < FEWEST_MASKED;
}

/**
 * What goes on, in one sentence for everyone.
 * @param {Room} room
 * @param {Words} words
 * @returns {string}
 */
export function roomSentence(room, words) {
  const sentence = room.room?.edges ? { ...words.board.sentence, ...words.board.edges.sentence } : words.board.sentence;
  const situation = situationOf(room);
  switch (situation) {
    case 'unknown': return words.train.status.loading;
    case 'finished': return sentence.finished(room.model_version);
    case 'normalising':
    case 'collecting':
    case 'pausedRound': return sentence[situation](room.received, room.goal);
    case 'lobby':
    case 'lobbyBetween':
      if (hostBegins(room) && room.ready > 0 && tooFewToMask(room)) return sentence.tooFewToMask(room.ready);
      return hostBegins(room) ? sentence.hostBegins[situation](room.ready) : sentence[situation](room.ready, room.least);
    case 'left':
    case 'alone':
      if (situation === 'alone' && tooFewToMask(room)) return sentence.tooFewToMask(room.ready);
      return hostBegins(room) ? sentence.hostBegins[situation] : sentence[situation](room.least);
    default: return sentence[situation];
  }
}

/**
 * How many are here, in a few words: laptops, or edges and the laptops behind them.
 * @param {Pick<Room, 'room' | 'clients'>} room
 * @param {Words} words
 * @returns {string} empty where nobody is
 */
export function hereLine({ room, clients }, words) {
  if (clients.length === 0) return '';
  const here = clients.filter(({ state }) => state !== 'offline').length;
  return room?.edges ? words.board.edges.here(here, behindAll(clients)) : words.board.here(here);
}

/**
 * The same for the teacher, with how many of them take part.
 * @param {Pick<Room, 'room' | 'clients' | 'ready'> & {connected: number}} room
 * @param {Words} words
 * @returns {string} empty where nobody is
 */
export function rosterSummary({ room, clients, connected, ready }, words) {
  if (clients.length === 0) return '';
  const { roster } = words.teach;
  return room?.edges ? roster.edges.summary(connected, ready, behindAll(clients)) : roster.summary(connected, ready);
}

/** @param {{behind?: number}[]} edges */
function behindAll(edges) {
  return edges.reduce((sum, { behind = 0 }) => sum + behind, 0);
}

/**
 * Where the room is among its rounds. A round that has not begun is not counted.
 * @param {Room} room
 * @param {Words} words
 * @returns {string}
 */
export function roundLine({ phase, round, rounds, model_version: done }, words) {
  if (!phase) return '';
  if (phase === 'collecting') return words.board.round(round, rounds);
  return done > 0 ? words.board.roundsDone(done, rounds) : words.board.rounds(rounds);
}

/**
 * Whose connection is lost and how long the class still waits for it; nothing where nobody is waited for.
 * @param {Pick<Room, 'clients'>} room
 * @param {number} since milliseconds since the server said so
 * @param {Words} words
 * @returns {string}
 */
export function waitSentence({ clients }, since, words) {
  const names = shownNames(clients, words);
  const lost = clients.flatMap(({ waited_ms: left }, index) => (typeof left === 'number' && left > since ? [{ left, name: isolated(names[index]) }] : []));
  if (lost.length === 0) return '';
  const longest = Math.max(...lost.map(({ left }) => left));
  return words.board.waitsFor(lost.map(({ name }) => name), Math.ceil((longest - since) / 1000));
}

/**
 * Why there is no curve; nothing where there is one, or where it is not known.
 * @param {Pick<Room, 'phase' | 'model_version' | 'budget'>} room
 * @param {boolean} measured whether a version of the model was measured
 * @param {Words} words
 * @returns {string}
 */
export function noCurve({ phase, model_version: done, budget }, measured, words) {
  if (measured || !phase) return '';
  if (budget) return words.charts.noised;
  return done > 0 ? words.charts.unmeasured : words.charts.none;
}

/** From so many right guesses in 100 on, nothing is promised that is worth the name. */
const NO_PROMISE = 99;

/**
 * What a room's noise promises, before the start and after each round: whole sentences, and no figure without them. Nothing where
 * there is no noise.
 * @param {Budget | null | undefined} budget
 * @param {Words} words
 * @returns {string}
 */
export function noiseMeter(budget, words) {
  if (!budget) return '';
  const { meter } = words;
  const hidden = meter.hidden[budget.hides ?? 'person'];
  // Up: what is said is never less than what may be. The tiny part is for what binary fractions add.
  const times = (/** @type {number} */ guess) => Math.ceil(guess * 100 - 1e-9);
  const [now, end] = [times(budget.best_guess), times(budget.best_guess_at_end)];
  let promise = now === end ? meter.done(end, hidden.what) : meter.after(now, end, hidden.what);
  if (budget.published === 0) promise = meter.before(end, hidden.what);
  const told = end > NO_PROMISE ? [meter.nothing] : [promise, hidden.not];
  if (budget.clients < budget.clients_needed) {
    const tens = 10 ** Math.floor(Math.log10(budget.clients_needed));
    told.push(hidden.few(grouped(budget.clients), grouped(Math.round(budget.clients_needed / tens) * tens)));
  }
  if (budget.left === 0) told.push(meter.spent);
  return told.join(' ');
}

/** A loss that is so many times what guessing gives, and so many times the lowest one before, is no chance of few clips. */
const GUESSES = 4;
const GROWTH = 3;

/**
 * Whether training diverges: the newest measured loss is far above guessing, and has grown.
 * @param {(number | null | undefined)[]} losses of the shared model's versions in their order; none where it was not measured
 * @param {number} labels that the room tells apart
 * @returns {{was: number, is: number} | null}
 */
export function divergence(losses, labels) {
  const known = losses.filter((loss) => typeof loss === 'number');
  const [was, is] = [Math.min(...known.slice(0, -1)), known.at(-1) ?? 0];
  return known.length > 1 && is >= GUESSES * Math.log(Math.max(labels, 2)) && is >= GROWTH * was ? { was, is } : null;
}

/**
 * How many laptops stopped because their training diverged.
 * @param {{diverged?: boolean}[]} clients
 * @returns {number}
 */
function gaveUp(clients) {
  return clients.filter(({ diverged }) => diverged).length;
}

/**
 * What students and board read of a room whose training diverges; nothing where it does not.
 * @param {Parameters<typeof divergence>[0]} losses
 * @param {number} labels
 * @param {{diverged?: boolean}[]} clients
 * @param {Words} words
 * @returns {string}
 */
export function divergedSentence(losses, labels, clients, words) {
  const found = divergence(losses, labels);
  if (found) return words.board.diverged(figures(found.was), figures(found.is));
  const count = gaveUp(clients);
  return count ? words.board.gaveUp(count) : '';
}

/**
 * The same for the host, with what is to be done.
 * @param {Parameters<typeof divergence>[0]} losses
 * @param {import('./api-shapes.js').HostRoom} room
 * @param {Words} words
 * @returns {string}
 */
export function divergedAdvice(losses, { room, status, versions }, words) {
  const found = divergence(losses, room.labels.length);
  const count = gaveUp(status.clients);
  if (!found && !count) return '';
  const { steer, restart } = words.teach;
  const what = found ? steer.diverged(figures(found.was), figures(found.is)) : steer.gaveUp(count);
  const best = versions.find((version) => version.best)?.version ?? 0;
  if (status.model_version === 0) return `${what} ${steer.gaveUpHelp}`;
  const [button] = status.phase === 'finished' ? steer.more : steer.restart;
  return `${what} ${steer.divergedHelp(button.replace(/\s*…$/, ''), restart.version(best))}`;
}

/**
 * Why nobody is in the list; nothing where somebody is.
 * @param {Room} room
 * @param {{nobody: string, allLeft: string}} said the page's words
 * @returns {string}
 */
export function nobodySentence({ clients, phase, model_version: done }, { nobody, allLeft }) {
  if (clients.length > 0) return '';
  return phase === 'finished' || done > 0 ? allLeft : nobody;
}

/**
 * @typedef {Omit<Room, 'clients'> & {
 *   connection: 'connecting' | 'open' | 'lost' | 'closed', closed: string | null, full: boolean, finished: boolean,
 *   taking_part: boolean, trainer: string, work: {what: keyof Words['train']['work']} | null, clips: unknown[],
 *   clients: {name: string, state: string, me: boolean, passed_over?: boolean, waited_ms?: number | null}[]}} Laptop
 * a room as one of its laptops sees it
 */

/**
 * What a student reads: the sentence, and whether the button that takes part is there.
 * @param {Laptop} laptop
 * @param {Words} words
 * @returns {{sentence: string, button: 'start' | 'stop' | null}}
 */
export function laptopSays(laptop, words) {
  const { status } = words.train;
  const { connection, closed, taking_part: takesPart } = laptop;
  if (connection === 'closed') return { sentence: closedSentence(closed, words), button: null };
  if (laptop.finished) return { sentence: status.finished, button: null };
  if (laptop.full && connection !== 'open') return { sentence: words.told.room_full, button: null };
  const button = takesPart ? 'stop' : 'start';
  if (connection === 'lost') return { sentence: status.lost, button };
  if (connection === 'connecting') return { sentence: status.connecting, button };
  return { sentence: openSentence(laptop, words), button };
}

/**
 * Why the room has closed a connection for good.
 * @param {string | null} code an error's of the protocol
 * @param {Words} words
 * @returns {string}
 */
export function closedSentence(code, words) {
  const known = /** @type {Record<string, string>} */ ({ ...words.told, ...words.connection.closedWhy });
  return code && Object.hasOwn(known, code) ? known[code] : words.connection.closedText;
}

/**
 * @param {Laptop} laptop that is in its room, where rounds are left
 * @param {Words} words
 */
function openSentence(laptop, words) {
  const { status } = words.train;
  const { taking_part: takesPart, trainer, work, clips, phase } = laptop;
  const situation = situationOf(laptop);
  if (situation === 'held') return words.board.sentence.held;
  const paused = situation === 'pausedLobby' || situation === 'pausedRound';
  if (!takesPart) {
    if (clips.length === 0) return paused ? status.emptyPaused : status.empty;
    if (paused) return status.idlePaused(clips.length);
    return phase === 'collecting' ? status.idleRunning(clips.length) : status.idle(clips.length);
  }
  if (trainer === 'failed') return status.trainerFailed;
  if (work) return words.train.work[work.what];
  if (trainer === 'loading') return status.trainerLoading;
  if (paused) return situation === 'pausedLobby' ? words.board.sentence.pausedLobby : status.lastBeforePause;
  if (phase !== 'collecting') return roomSentence(laptop, words);
  const me = laptop.clients.find((client) => client.me);
  switch (me && shownState(me)) {
    case 'ready':
    case 'recording': return status.joining;
    case 'passed_over': return status.passedOver;
    case 'refused': return status.refused;
    default: return status.waiting;
  }
}
