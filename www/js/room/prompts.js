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
 * @param {string[]} [own] the room's own prompts for this label
 * @returns {{say: string, how: string, sentence: string | null, others: boolean}} `sentence`: what is to be said word for word, if
 *   anything; `others`: whether there are other prompts
 */
export function promptFor(label, name, turn, words, own = []) {
  const { sentences, manner, ready, say, other, otherManner } = words.prompts;
  const known = /** @type {Record<string, string>} */ (manner);
  const asked = /** @type {Record<string, string>} */ (ready);
  const mood = Object.hasOwn(known, label);
  const how = mood ? known[label] : otherManner;
  if (own.length) {
    const prompt = own[turn % own.length];
    return { say: prompt, how, sentence: prompt, others: own.length > 1 };
  }
  const sentence = sentences[turn % sentences.length];
  if (mood) return { say: say(sentence, name), how, sentence, others: true };
  return { say: Object.hasOwn(asked, label) ? asked[label] : other(name), how, sentence: null, others: false };
}
