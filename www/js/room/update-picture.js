// Draws the numbers of an update, one dot each: blue lowers a number of the model, orange raises it, dark leaves it.

/** @type {[number, number, number][]} from the strongest lowering to the strongest raising */
const STOPS = [[150, 215, 255], [60, 120, 190], [20, 17, 38], [190, 95, 20], [255, 205, 120]];

const COLOURS = Uint8ClampedArray.from({ length: 256 * 4 }, (_, i) => {
  const channel = i % 4;
  if (channel === 3) return 255;
  const place = (Math.floor(i / 4) / 255) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(place));
  return STOPS[low][channel] + (STOPS[low + 1][channel] - STOPS[low][channel]) * (place - low);
});

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('../worker/messages.js').UpdatePicture} picture
 */
export function drawUpdate(canvas, { columns, rows, pixels }) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(columns, rows);
  pixels.forEach((pixel, index) => image.data.set(COLOURS.subarray(pixel * 4, pixel * 4 + 4), index * 4));
  context.putImageData(image, 0, 0);
}
