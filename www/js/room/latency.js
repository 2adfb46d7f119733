// How long it takes from a sound to what is drawn of it.

const KEPT = 50;

export class Latency {
  constructor() {
    /** @type {number[]} */
    this.times = [];
  }

  /** @param {number} ms */
  add(ms) {
    this.times.push(ms);
    if (this.times.length > KEPT) this.times.shift();
  }

  /** @returns {number} milliseconds, of the last fifty; NaN before the first */
  median() {
    const sorted = [...this.times].sort((a, b) => a - b);
    return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
  }
}

/**
 * Calls back once what was drawn just now can be seen: after the browser's next frame.
 * @param {() => void} then
 */
export function afterPaint(then) {
  requestAnimationFrame(() => setTimeout(then));
}
