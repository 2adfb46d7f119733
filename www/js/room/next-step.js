// Which step of the lesson is next for this laptop. A pure function.

/** The steps in their order, by the ids of their cards. */
export const STEPS = /** @type {const} */ (['clips', 'train', 'try', 'mine', 'receipts']);

/** @typedef {typeof STEPS[number]} Step */

/** Clips of each label that are enough to begin with. */
const ENOUGH = 2;

/**
 * @param {{taking_part: boolean, finished: boolean, has_model: boolean, personal: object | null, clips: {label: number}[], room: {labels: string[]}}} state
 * @returns {Step}
 */
export function nextStep({ taking_part: takesPart, finished, has_model: hasModel, personal, clips, room: { labels } }) {
  if (finished) return personal ? 'mine' : hasModel ? 'try' : 'train';
  const enough = labels.every((_, index) => clips.filter(({ label }) => label === index).length >= ENOUGH);
  return takesPart || enough ? 'train' : 'clips';
}
