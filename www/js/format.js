// Numbers as people read them. Pure functions.

/**
 * Bytes in the largest unit that gives at least 1, with three figures at most: `0 B`, `12.3 kB`, `104 MB`.
 * @param {number} bytes
 * @returns {string}
 */
export function bytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * A share of 1 in whole per cent.
 * @param {number} share
 * @returns {string}
 */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/**
 * Seconds with one decimal.
 * @param {number} seconds
 * @returns {string}
 */
export function seconds(seconds) {
  return seconds.toFixed(1);
}

/**
 * A whole number in groups of three: `1,832,004`.
 * @param {number} value
 * @returns {string}
 */
export function grouped(value) {
  return Math.round(value).toLocaleString('en-GB');
}

/**
 * Seconds as a clock shows them: `0:07`, `2:30`, `1:02:03`.
 * @param {number} seconds
 * @returns {string}
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
