// How loud samples are, on a scale that looks right to the eye. Pure functions.

const FLOOR_DB = -60;

/**
 * Root mean square in decibels, mapped from −60 dB … 0 dB to 0 … 1.
 * @param {Float32Array} samples −1 to 1
 * @returns {number}
 */
export function loudness(samples) {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}
