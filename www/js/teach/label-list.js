// Checks the labels and the groups that a person typed, before a server has to. Pure functions.

export const LEAST_LABELS = 2;
export const MOST_LABELS = 16;
/** Letters of a label's or a group's name. */
const LONGEST_NAME = 40;
const LEAST_GROUPS = 2;
const MOST_GROUPS = 8;

/** Characters that no text of a room may have: those that nobody sees, as crates/protocol/src/parse.rs has them. */
export const INVISIBLE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;

/**
 * The labels without spaces around them, and what is wrong with them: a key of words.teach.create.problems, its
 * arguments, and the place of the label that one has to look at.
 * @param {string[]} typed
 * @returns {{labels: string[], problem: {key: string, args: (string | number)[], at: number} | null}}
 */
export function checkLabels(typed) {
  const labels = typed.map((label) => label.normalize('NFC').trim().replace(/\s+/g, ' '));
  return { labels, problem: problemOf(labels) };
}

/**
 * @param {string[]} labels
 * @returns {{key: string, args: (string | number)[], at: number} | null}
 */
function problemOf(labels) {
  for (const [at, label] of labels.entries()) {
    if (!label) return { key: 'empty', args: [at + 1], at };
    const before = labels.slice(0, at);
    const problem = problemOfName(label, before);
    if (problem) return { ...problem, at };
    const like = before.find((other) => alike(other, label));
    if (like !== undefined) return { key: 'alike', args: [like, label], at };
  }
  return labels.length < LEAST_LABELS ? { key: 'few', args: [LEAST_LABELS], at: 0 } : null;
}

/**
 * What is wrong with a label's or a group's name.
 * @param {string} name
 * @param {string[]} before the names that stand before it
 * @returns {{key: string, args: (string | number)[]} | null}
 */
function problemOfName(name, before) {
  if ([...name].length > LONGEST_NAME) return { key: 'long', args: [name, LONGEST_NAME] };
  if (INVISIBLE.test(name)) return { key: 'control', args: [name] };
  return before.includes(name) ? { key: 'twice', args: [name] } : null;
}

/**
 * What is wrong with groups: a key of words.teach.create.groupProblems, and its arguments.
 * @param {string[]} groups without spaces around them, and none of them empty
 * @param {boolean} noised whether the room has noise
 * @returns {{key: string, args: (string | number)[]} | null}
 */
export function problemOfGroups(groups, noised) {
  if (groups.length === 0) return null;
  if (noised) return { key: 'noise', args: [] };
  for (const [at, group] of groups.entries()) {
    const problem = problemOfName(group, groups.slice(0, at));
    if (problem) return problem;
  }
  if (groups.length < LEAST_GROUPS) return { key: 'few', args: [LEAST_GROUPS] };
  return groups.length > MOST_GROUPS ? { key: 'many', args: [groups.length, MOST_GROUPS] } : null;
}

/**
 * Whether two labels differ in nothing that one would hear: case, accents, spaces and dashes, or in one letter of a
 * longer word.
 * @param {string} one
 * @param {string} other
 */
function alike(one, other) {
  const [a, b] = [bare(one), bare(other)];
  if (a === b) return true;
  return Math.min(a.length, b.length) >= 5 && oneLetterApart(a, b);
}

/** @param {string} label */
function bare(label) {
  return label.normalize('NFD').toLowerCase().replace(/[\p{M}\s_-]/gu, '');
}

/**
 * Whether one letter put in, left out or changed makes one of the other.
 * @param {string} one
 * @param {string} other
 */
function oneLetterApart(one, other) {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (long.length - short.length > 1) return false;
  let same = 0;
  while (same < short.length && short[same] === long[same]) same += 1;
  const rest = short.length === long.length ? short.slice(same + 1) : short.slice(same);
  return rest === long.slice(same + 1);
}

/**
 * A problem in the words of a page.
 * @param {object} problems what is said of each, by its key: words.teach.create.problems, or its groupProblems
 * @param {{key: string, args: (string | number)[]} | null} found
 * @returns {string} nothing where there is none
 */
export function told(problems, found) {
  return found ? /** @type {Record<string, (...args: (string | number)[]) => string>} */ (problems)[found.key](...found.args) : '';
}
