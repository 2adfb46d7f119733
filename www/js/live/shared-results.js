// How each version of the shared model did. A pure function.

/** @typedef {{version: number, loss: number, accuracy: number, clips: number, confusion: number[][]}} Result */

/**
 * The results in order of versions. A round's record tells how the version did that the round *began* with; how the
 * last version does, the laptops tell when all rounds are over.
 * @param {{history: import('./api-shapes.js').RoundRecord[], status: Pick<import('./api-shapes.js').Status, 'model_version' | 'final_evaluation'>}} room
 * @returns {Result[]}
 */
export function sharedResults({ history, status }) {
  const results = history.filter(({ evaluation }) => evaluation)
    .map(({ model_version: made, evaluation }) => ({ version: made - 1, evaluation }));
  if (status.final_evaluation) results.push({ version: status.model_version, evaluation: status.final_evaluation });
  return results.map(({ version, evaluation }) => {
    const { loss, accuracy, examples: clips, confusion } = /** @type {import('./api-shapes.js').Evaluation} */ (evaluation);
    return { version, loss, accuracy, clips, confusion };
  });
}
