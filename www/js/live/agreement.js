// Which way a laptop's last update points, compared with the others'. Pure functions.
//
// What counts as agreement is what equal data give. Updates from a handful of clips are mostly chance: where every laptop has the
// same labels in the same numbers, 95 of 100 cosines with the mean of the others' lie above -0.15, half of them above 0.3; where each
// laptop has one label, half of them lie below -0.5 (docs/experiments.md, "What the arrows show", has the figures).

/**
 * Cosines and the angles that stand for them, in degrees from up: straight on between two of them.
 * @type {[cosine: number, angle: number][]}
 */
const SCALE = [[-1, 180], [-0.5, 100], [-0.25, 60], [0.4, 0]];

/** Up to this angle an update goes with the others: nearly all from equal data do. */
const WITH = 60;
/** Up to this one it goes its own way, beyond it against them. */
const OWN = 100;

/**
 * The angle of the arrow, in degrees from 0 (with the others, as half of those with equal data) to 180 (against them).
 * @param {number} cosine -1 to 1
 * @returns {number}
 */
export function angleOf(cosine) {
  const above = SCALE.findIndex(([known]) => cosine < known);
  if (above < 0) return 0;
  if (above === 0) return SCALE[0][1];
  const [[low, from], [high, to]] = [SCALE[above - 1], SCALE[above]];
  return from + ((cosine - low) / (high - low)) * (to - from);
}

/**
 * The same in a word.
 * @param {number | null | undefined} cosine
 * @returns {'with' | 'own' | 'against' | 'unknown'}
 */
export function wayOf(cosine) {
  if (typeof cosine !== 'number' || !Number.isFinite(cosine)) return 'unknown';
  const angle = angleOf(cosine);
  if (angle <= WITH) return 'with';
  return angle <= OWN ? 'own' : 'against';
}
