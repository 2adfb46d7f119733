// Draws loudness as it comes: one bar for each moment from left to right, over the longest time a recording may take.

const BARS = 60;

export class LevelPicture {
  /**
   * @param {HTMLCanvasElement} canvas its CSS colour is the colour of the bars
   * @param {number} longest seconds from the left edge to the right one
   */
  constructor(canvas, longest) {
    this.canvas = canvas;
    this.longest = longest;
    this.levels = new Float32Array(BARS);
    this.now = 0;
    this.reached = 0;
    this.#draw();
  }

  clear() {
    this.levels.fill(0);
    this.now = 0;
    this.reached = 0;
    this.#draw();
  }

  /**
   * @param {number} level 0 to 1
   * @param {number} seconds since the recording began
   */
  add(level, seconds) {
    const bar = Math.min(BARS - 1, Math.floor((seconds / this.longest) * BARS));
    this.levels[bar] = Math.max(this.levels[bar], level);
    this.now = level;
    this.reached = bar;
    this.#draw();
  }

  #draw() {
    const ratio = globalThis.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (width === 0 || height === 0) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(this.canvas).color;
    const pitch = width / BARS;
    for (let bar = 0; bar < BARS; bar += 1) {
      const level = bar === this.reached ? Math.max(this.now, this.levels[bar]) : this.levels[bar];
      const tall = Math.max(2 * ratio, level * height);
      context.globalAlpha = bar <= this.reached ? 1 : 0.25;
      context.fillRect(bar * pitch + pitch * 0.2, (height - tall) / 2, pitch * 0.6, tall);
    }
  }
}
