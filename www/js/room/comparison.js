// What can honestly be said of two models that heard the same clips. Pure functions.

/** @typedef {import('../worker/messages.js').Compared} Compared */

const FEW = 8; // test clips below which nothing is said of who is better
const CHANCE = 0.05;

/**
 * How many clips each model was right on.
 * @param {Compared[]} compared
 */
export function score(compared) {
  return {
    all: compared.length,
    mine: compared.filter(({ label, mine }) => mine === label).length,
    ours: compared.filter(({ label, ours }) => ours === label).length,
  };
}

/**
 * Which model is better, if anything can be said: the exact sign test (McNemar's) over the clips on which just one of
 * them is right.
 * @param {Compared[]} compared
 * @returns {'none' | 'few' | 'same' | 'undecided' | 'mine' | 'ours'}
 */
export function verdict(compared) {
  if (compared.length === 0) return 'none';
  if (compared.length < FEW) return 'few';
  const differ = compared.filter(({ label, mine, ours }) => (mine === label) !== (ours === label));
  if (differ.length === 0) return 'same';
  const mine = differ.filter((one) => one.mine === one.label).length;
  if (signTest(mine, differ.length) >= CHANCE) return 'undecided';
  return mine * 2 > differ.length ? 'mine' : 'ours';
}

/**
 * How likely a split at least as uneven is where both sides are equally likely (two-sided).
 * @param {number} wins
 * @param {number} all
 * @returns {number}
 */
export function signTest(wins, all) {
  const extreme = Math.min(wins, all - wins);
  let term = 0.5 ** all; // of no wins at all
  let sum = 0;
  for (let k = 0; k <= extreme; k += 1) {
    sum += term;
    term *= (all - k) / (k + 1);
  }
  return Math.min(1, 2 * sum);
}
