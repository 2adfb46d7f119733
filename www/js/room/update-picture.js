// Draws the numbers of an update, one dot each: blue lowers a number of the model, orange raises it, dark leaves it.

import { ramp } from './colour-ramp.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('../worker/messages.js').UpdatePicture} picture
 */
export function drawUpdate(canvas, { columns, rows, pixels }) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  const colours = ramp('update');
  const image = context.createImageData(columns, rows);
  pixels.forEach((pixel, index) => image.data.set(colours.subarray(pixel * 4, pixel * 4 + 4), index * 4));
  context.putImageData(image, 0, 0);
}
