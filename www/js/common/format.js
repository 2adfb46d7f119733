// Numbers and times as people read them in the page's language. Pure functions but for that language.

/** What the page is written in (js/common/language.js says so); English where there is no page. Its English is British. */
function locale() {
  const language = globalThis.document?.documentElement.lang || 'en';
  return language === 'en' ? 'en-GB' : language;
}

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
  return `${decimal(value, digits)} ${units[unit]}`;
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
  return decimal(seconds, 1);
}

/**
 * A number with so many decimals: `0.250`.
 * @param {number} value
 * @param {number} digits
 * @returns {string}
 */
export function decimal(value, digits) {
  return value.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
}

/**
 * A number with three significant figures at most: `0.0123`.
 * @param {number} value
 * @returns {string}
 */
export function figures(value) {
  return value.toLocaleString(locale(), { maximumSignificantDigits: 3 });
}

/**
 * A whole number in groups of three: `1,832,004`.
 * @param {number} value
 * @returns {string}
 */
export function grouped(value) {
  return Math.round(value).toLocaleString(locale());
}

/**
 * The time of day with its seconds: `14:05:09`.
 * @param {number} at milliseconds since 1970
 * @returns {string}
 */
export function timeOfDay(at) {
  return new Date(at).toLocaleTimeString(locale());
}

/**
 * A day: `3 November 2025`.
 * @param {number} at milliseconds since 1970
 * @returns {string}
 */
export function day(at) {
  return new Date(at).toLocaleDateString(locale(), { dateStyle: 'long' });
}

/**
 * A day and its time: `3 Nov 2025, 14:05`.
 * @param {number} at milliseconds since 1970
 * @returns {string}
 */
export function dayAndTime(at) {
  return new Date(at).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short' });
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
