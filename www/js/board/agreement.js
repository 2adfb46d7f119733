// Which way a laptop's last update points, compared with the others'. Pure functions.

/**
 * The angle between the two, in degrees from 0 (with the others) to 180 (against them): the arc cosine.
 * @param {number} cosine -1 to 1
 * @returns {number}
 */
export function angleOf(cosine) {
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}

/**
 * The same in a word: within 60 degrees it goes with the others, within 100 its own way.
 * @param {number | null | undefined} cosine
 * @returns {'with' | 'own' | 'against' | 'unknown'}
 */
export function wayOf(cosine) {
  if (typeof cosine !== 'number' || !Number.isFinite(cosine)) return 'unknown';
  const angle = angleOf(cosine);
  if (angle <= 60) return 'with';
  return angle <= 100 ? 'own' : 'against';
}
