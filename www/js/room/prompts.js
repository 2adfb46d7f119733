// What to record next, and what to tell of how the clips are divided among the labels. Pure functions of the counts.

/** Clips of each label that are a good start: the fourth is kept for the test, four are trained on. */
export const GOAL = 5;

const UNEVEN = 3; // so many times as many clips of one label as of another are told of

/**
 * The label that has the fewest clips, the first of several.
 * @param {number[]} counts clips of each label
 * @param {number[]} [skipped] labels that the person does not want now; once all are skipped, none is
 * @returns {number} its index; −1 where there are no labels
 */
export function nextLabel(counts, skipped = []) {
  const open = counts.map((_, index) => index).filter((index) => !skipped.includes(index));
  const among = open.length ? open : counts.map((_, index) => index);
  return among.reduce((least, index) => (least < 0 || counts[index] < counts[least] ? index : least), -1);
}

/**
 * How even the clips are.
 * @param {number[]} counts clips of each label
 * @returns {{what: 'nothing' | 'balanced'} | {what: 'missing', labels: number[]} | {what: 'uneven', many: number, few: number, times: number} | {what: 'few', label: number, missing: number}}
 */
export function balance(counts) {
  if (counts.every((count) => count === 0)) return { what: 'nothing' };
  const labels = counts.flatMap((count, index) => (count === 0 ? [index] : []));
  if (labels.length) return { what: 'missing', labels };
  const few = nextLabel(counts);
  const many = counts.indexOf(Math.max(...counts));
  const times = Math.floor(counts[many] / counts[few]);
  if (times >= UNEVEN) return { what: 'uneven', many, few, times };
  if (counts[few] < GOAL) return { what: 'few', label: few, missing: GOAL - counts[few] };
  return { what: 'balanced' };
}

/**
 * What to say and how.
 * @param {string} label as the room names it
 * @param {string} name the label in the page's language
 * @param {number} turn counts the sentences
 * @param {typeof import('/words/en.js').words} words
 * @returns {{say: string, how: string, sentence: string | null}} `sentence`: what is to be said word for word, of which there are others, if anything
 */
export function promptFor(label, name, turn, words) {
  const { sentences, manner, say, other, otherManner } = words.prompts;
  const known = /** @type {Record<string, string>} */ (manner);
  const sentence = sentences[turn % sentences.length];
  return Object.hasOwn(known, label)
    ? { say: say(sentence, name), how: known[label], sentence }
    : { say: other(name), how: otherManner, sentence: null };
}
