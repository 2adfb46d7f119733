// Whether a room is about moods: what the pages say of one that is not is something else. A pure function.

/**
 * @param {string[]} labels of the room
 * @param {typeof import('/words/en.js').words} words
 */
export function areMoods(labels, words) {
  return labels.every((label) => Object.hasOwn(words.prompts.manner, label));
}
