// How the finished model does with each group of people, as a table wants it. A pure function.

/**
 * A row a group: on how many clips the model was right, and the mean over the labels that were tested of how often it was right, 0 to 1.
 * Nothing but its name where it is too small to be shown.
 * @typedef {{group: string, told: {right: number, clips: number, recall: number} | null}} GroupRow
 */

/**
 * @param {string[]} groups the room's, in its order
 * @param {(import('./api-shapes.js').GroupResult | null)[]} results as the status has them
 * @returns {GroupRow[]} none where nothing is shown of any
 */
export function groupRows(groups, results) {
  if (!results.some(Boolean)) return [];
  return groups.map((group, index) => ({ group, told: told(results[index] ?? null) }));
}

/** @param {import('./api-shapes.js').GroupResult | null} result */
function told(result) {
  if (!result) return null;
  const { confusion, examples: clips } = result;
  const right = confusion.map((row, label) => row[label] ?? 0);
  const tested = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const recalls = right.map((count, label) => count / tested[label]).filter(Number.isFinite);
  const sum = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0);
  return { right: sum(right), clips, recall: sum(recalls) / recalls.length };
}
