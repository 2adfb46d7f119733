// Draws a clip's spectrogram on a canvas, dark where it is silent and light where it is loud.

import { ramp } from './colour-ramp.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('../worker/messages.js').Spectrogram} spectrogram
 */
export function drawSpectrogram(canvas, { columns, bands, pixels }) {
  if (columns === 0 || bands === 0 || pixels.length < columns * bands) return;
  canvas.width = columns;
  canvas.height = bands;
  const context = canvas.getContext('2d');
  if (!context) return;
  const colours = ramp('loudness');
  const image = context.createImageData(columns, bands);
  for (let band = 0; band < bands; band += 1) {
    const row = bands - 1 - band; // low frequencies come first and belong at the bottom
    for (let column = 0; column < columns; column += 1) {
      const from = pixels[column * bands + band] * 4;
      image.data.set(colours.subarray(from, from + 4), (row * columns + column) * 4);
    }
  }
  context.putImageData(image, 0, 0);
}
