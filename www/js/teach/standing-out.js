// Who stands out among those who gave to a room's model, and by what. A pure function of what the host is told. What it finds is
// a reason to look, no proof of bad will: another voice, another microphone or one label alone stand out, too.

import { wayOf } from '../live/agreement.js';

/** So many of the latest rounds are looked at. */
export const LATEST = 5;
/** An update is far larger than the others' from so many times their middle on; what is honest stays near it. */
const LARGER = 4;
/** Sums of sounds lie far off from so many of the middle client's deviations on, where the room begins to hold them. */
const FAR = 3;
/** Two shares of right answers are far apart where they differ by so much, and by so many standard errors: one in a thousand. */
const APART = 0.35;
const ERRORS = 3.3;
/** A loss is far off from so many times the others' on, and only where it is worse than guessing among many labels. */
const WORSE = 5;
const WORST_GUESS = 3;

/**
 * @typedef {{kind: 'larger', times: number, rounds: number, of: number, held: boolean}
 *   | {kind: 'against', rounds: number, of: number}
 *   | {kind: 'sounds', times: number}
 *   | {kind: 'tested', right: number, clips: number, othersRight: number, othersClips: number}
 *   | {kind: 'loss', loss: number, others: number}} Reason
 */

/**
 * @typedef {object} Contributor
 * @property {number} client
 * @property {string} name as the room has it
 * @property {boolean} here whether it is in the room's list
 * @property {boolean} leftOut whether its evaluations are left out
 * @property {number} given rounds whose model has its part, of those that are known
 * @property {Reason[]} reasons
 */

/**
 * Everyone who is here or gave to a round that is known; those who stand out come first.
 * @param {Pick<import('../live/api-shapes.js').HostRoom, 'status' | 'clients' | 'contributions'>} room
 * @returns {Contributor[]}
 */
export function contributors({ status, clients: insights, contributions }) {
  const latest = contributions.slice(-LATEST).filter((round) => round.length > 0);
  /** @type {Map<number, Contributor>} */
  const found = new Map();
  const known = (/** @type {number} */ client, /** @type {string} */ name, /** @type {boolean} */ here) => {
    const leftOut = insights.some((one) => one.client === client && one.left_out);
    found.set(client, { client, name, here, leftOut, given: 0, reasons: [] });
  };
  for (const { client, name } of status.clients) known(client, name, true);
  for (const round of [...contributions].reverse()) {
    for (const { client, name } of round) {
      if (!found.has(client)) known(client, name, false);
      /** @type {Contributor} */ (found.get(client)).given += 1;
    }
  }
  const counted = evaluations({ clients: insights, contributions });
  for (const person of found.values()) {
    const { client, here, leftOut } = person;
    const far = insights.find((one) => one.client === client)?.statistics_distance ?? 0;
    person.reasons = [
      ...updates(client, latest),
      ...(here && far >= FAR ? [/** @type {Reason} */ ({ kind: 'sounds', times: far })] : []),
      ...(leftOut ? [] : tested(client, counted)),
    ];
  }
  return [...found.values()].sort((a, b) => Number(b.reasons.length > 0) - Number(a.reasons.length > 0) || Number(b.here) - Number(a.here));
}

/**
 * What there is to say of a client's updates.
 * @param {number} client
 * @param {import('../live/api-shapes.js').Contribution[][]} rounds
 * @returns {Reason[]}
 */
function updates(client, rounds) {
  let [of, larger, against, held] = [0, 0, 0, false];
  let times = 0;
  for (const round of rounds) {
    const own = round.find((given) => given.client === client);
    const others = middle(round.filter((given) => given.client !== client).map(({ norm }) => norm));
    if (!own || others === null) continue;
    of += 1;
    if (others > 0 && own.norm >= LARGER * others) {
      larger += 1;
      times = Math.max(times, own.norm / others);
      held ||= own.clipped !== undefined;
    }
    if (wayOf(own.agreement) === 'against') against += 1;
  }
  /** @type {Reason[]} */
  const reasons = [];
  if (larger > 0) reasons.push({ kind: 'larger', times, rounds: larger, of, held });
  // Chance turns an update around once; not in most rounds.
  if (against >= 3 && against > of / 2) reasons.push({ kind: 'against', rounds: against, of });
  return reasons;
}

/**
 * How the model does with each client, as each says: of the finished model, else of the newest that was measured.
 * @param {Pick<import('../live/api-shapes.js').HostRoom, 'clients' | 'contributions'>} room
 * @returns {{client: number, clips: number, right: number, loss: number}[]}
 */
function evaluations({ clients, contributions }) {
  const measured = [clients, ...[...contributions].reverse()].find((round) => round.some(({ evaluation }) => evaluation)) ?? [];
  const leftOut = new Set(clients.filter(({ left_out: out }) => out).map(({ client }) => client));
  return measured.flatMap(({ client, evaluation }) => (!evaluation || leftOut.has(client) ? []
    : [{ client, clips: evaluation.examples, right: evaluation.accuracy * evaluation.examples, loss: evaluation.loss }]));
}

/**
 * What there is to say of a client's evaluation beside the others'.
 * @param {number} client
 * @param {{client: number, clips: number, right: number, loss: number}[]} counted
 * @returns {Reason[]}
 */
function tested(client, counted) {
  const own = counted.find((one) => one.client === client);
  const others = counted.filter((one) => one.client !== client);
  const usual = middle(others.map(({ loss }) => loss));
  if (!own || own.clips === 0 || usual === null) return [];
  const [othersRight, othersClips] = [sum(others.map(({ right }) => right)), sum(others.map(({ clips }) => clips))];
  const all = (own.right + othersRight) / (own.clips + othersClips);
  const error = Math.sqrt(all * (1 - all) * (1 / own.clips + 1 / othersClips));
  const apart = Math.abs(own.right / own.clips - othersRight / othersClips);
  /** @type {Reason[]} */
  const reasons = [];
  if (apart >= APART && apart >= ERRORS * error) reasons.push({ kind: 'tested', right: own.right, clips: own.clips, othersRight, othersClips });
  if (own.loss >= WORST_GUESS && own.loss >= WORSE * usual) reasons.push({ kind: 'loss', loss: own.loss, others: usual });
  return reasons;
}

/**
 * The lower one of the middle two; nothing where there are fewer than two.
 * @param {number[]} values
 * @returns {number | null}
 */
function middle(values) {
  return values.length < 2 ? null : [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * Where taking back a client's part of the last rounds leads: the newest stored version from before its first update in them.
 * The rule is the server's (docs/http.md).
 * @param {Pick<import('../live/api-shapes.js').HostRoom, 'contributions' | 'versions'>} room
 * @param {number} client
 * @param {number} rounds
 * @returns {number | null} nothing where it gave none
 */
export function versionWithout({ contributions, versions }, client, rounds) {
  const from = Math.max(contributions.length - rounds, 0);
  const first = contributions.findIndex((round, index) => index >= from && round.some((given) => given.client === client));
  if (first < 0) return null;
  const before = versions.map(({ version }) => version).filter((version) => version <= first);
  return before.length ? Math.max(...before) : null;
}
