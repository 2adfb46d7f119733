// Checks the labels that a person typed, before a server has to. Pure functions.

export const LEAST_LABELS = 2;
export const MOST_LABELS = 16;
export const LONGEST_LABEL = 40;

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
    if ([...label].length > LONGEST_LABEL) return { key: 'long', args: [label, LONGEST_LABEL], at };
    if (/\p{Cc}/u.test(label)) return { key: 'control', args: [label], at };
    const before = labels.slice(0, at);
    if (before.includes(label)) return { key: 'twice', args: [label], at };
    const like = before.find((other) => alike(other, label));
    if (like !== undefined) return { key: 'alike', args: [like, label], at };
  }
  return labels.length < LEAST_LABELS ? { key: 'few', args: [LEAST_LABELS], at: 0 } : null;
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
