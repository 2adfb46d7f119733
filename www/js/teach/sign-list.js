// Checks the signs and the prompts of labels, before a server has to (crates/protocol/src/signs.rs): whether people can read the signs and
// tell them apart. Pure functions. tests/page/signs.json has what both say of the same signs.

import { PICTURES } from '../common/pictures.js';
import { INVISIBLE } from './label-list.js';

export const MOST_LETTERS = 2;
export const MOST_PROMPTS = 8;
export const LONGEST_PROMPT = 120;

/** Letters of other scripts, and digits, that look like a Latin letter in most typefaces (of Unicode's confusables, UTS #39). */
const LOOK = [
  ['0OoΟοОо', 'o'], ['1IlΙІӀ', 'l'], ['ΑА', 'a'], ['а', 'a'], ['ΒВ', 'b'], ['СсϹϲ', 'c'], ['ΕЕе', 'e'], ['ΗН', 'h'], ['іι', 'i'], ['Јј', 'j'],
  ['ΚКκк', 'k'], ['ΜМ', 'm'], ['Ν', 'n'], ['ΡРρр', 'p'], ['ΤТ', 't'], ['ΧХх', 'x'], ['ΥУу', 'y'], ['Ζ', 'z'],
];

/** One or two letters or digits of any script. Emoji look different on every device, and no contrast can be promised of them. */
const LETTERS = /^[\p{Alphabetic}\p{N}]{1,2}$/u;
const PICTURE_NAME = /^[a-z-]{3,20}$/;

/** @typedef {{key: string, args: (string | number)[], at: number}} Problem a key of words.teach.create.problems, and of which label */

/**
 * What is wrong with signs, if anything.
 * @param {string[]} signs of each label: letters, a picture's name, or nothing
 * @param {string[]} labels as people read them
 * @returns {Problem | null}
 */
export function problemOfSigns(signs, labels) {
  for (const [at, sign] of signs.entries()) {
    const label = labels[at] ?? '';
    if (!sign) continue;
    if (!LETTERS.test(sign) && !PICTURE_NAME.test(sign)) return { key: 'signForm', args: [label], at };
    if (!LETTERS.test(sign) && !Object.hasOwn(PICTURES, sign)) return { key: 'signPicture', args: [label], at };
    const before = signs.slice(0, at);
    if (before.includes(sign)) return { key: 'signTwice', args: [sign, label], at };
    const like = before.find((other) => LETTERS.test(other) && LETTERS.test(sign) && areAlike(other, sign));
    if (like !== undefined) return { key: 'signAlike', args: [like, sign], at };
  }
  return null;
}

/**
 * The prompts of a label that were typed, a line each.
 * @param {string} typed
 */
export function promptsOf(typed) {
  return typed.normalize('NFC').split('\n').map((line) => line.trim().replace(/\s+/g, ' ')).filter((line) => line);
}

/**
 * What is wrong with prompts, if anything.
 * @param {string[][]} prompts of each label
 * @param {string[]} labels as people read them
 * @returns {Problem | null}
 */
export function problemOfPrompts(prompts, labels) {
  for (const [at, lines] of prompts.entries()) {
    const label = labels[at] ?? '';
    if (lines.length > MOST_PROMPTS) return { key: 'promptMany', args: [label, MOST_PROMPTS], at };
    if (lines.some((line) => [...line].length > LONGEST_PROMPT)) return { key: 'promptLong', args: [label, LONGEST_PROMPT], at };
    if (lines.some((line) => INVISIBLE.test(line))) return { key: 'promptControl', args: [label], at };
  }
  return null;
}

/**
 * @param {string} one
 * @param {string} other
 */
function areAlike(one, other) {
  return one.toLowerCase() === other.toLowerCase() || look(one) === look(other);
}

/**
 * What letters look like: the same text for all that are alike.
 * @param {string} sign
 */
function look(sign) {
  return [...sign].map((letter) => LOOK.find(([group]) => group.includes(letter))?.[1] ?? letter).join('').toLowerCase().replace('rn', 'm').replace('vv', 'w');
}
