// Draws a clip's waveform on a canvas: from the lowest to the highest sample of each moment.

import { token } from './colour-ramp.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Int8Array} waveform lowest and highest of each column, −127 to 127
 */
export function drawWaveform(canvas, waveform) {
  const columns = waveform.length / 2;
  const context = canvas.getContext('2d');
  if (!context || columns === 0) return;
  const height = 64;
  Object.assign(canvas, { width: columns * 2, height });
  context.fillStyle = token('waveform');
  const y = (/** @type {number} */ value) => (1 - value / 127) * (height / 2 - 1);
  for (let column = 0; column < columns; column += 1) {
    const top = y(waveform[column * 2 + 1]);
    const tall = Math.max(1.5, y(waveform[column * 2]) - top);
    context.fillRect(column * 2, top, 1.6, tall);
  }
}
