// How many columns let cards fill a space best. A pure function.

/**
 * @param {number} count of cards, at least 1
 * @param {{width: number, height: number}} space in any one unit
 * @param {number} [ratio] of a card's width to its height that looks best
 * @returns {number} columns
 */
export function columnsFor(count, { width, height }, ratio = 1.35) {
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    // The largest card of this ratio that fits into one cell.
    const size = Math.min(width / columns, (height / rows) * ratio);
    if (size > largest) {
      largest = size;
      best = columns;
    }
  }
  return best;
}
