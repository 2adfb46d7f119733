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
