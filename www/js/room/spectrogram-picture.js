// Draws a clip's spectrogram on a canvas, dark where it is silent and light where it is loud.

/** @type {[number, number, number][]} from silence to loud, each step lighter than the one before */
const STOPS = [[20, 17, 38], [58, 28, 96], [128, 42, 116], [206, 74, 92], [246, 142, 82], [252, 236, 178]];

const COLOURS = Uint8ClampedArray.from({ length: 256 * 4 }, (_, i) => {
  const channel = i % 4;
  if (channel === 3) return 255;
  const place = (Math.floor(i / 4) / 255) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(place));
  return STOPS[low][channel] + (STOPS[low + 1][channel] - STOPS[low][channel]) * (place - low);
});

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
  const image = context.createImageData(columns, bands);
  for (let band = 0; band < bands; band += 1) {
    const row = bands - 1 - band; // low frequencies come first and belong at the bottom
    for (let column = 0; column < columns; column += 1) {
      const from = pixels[column * bands + band] * 4;
      image.data.set(COLOURS.subarray(from, from + 4), (row * columns + column) * 4);
    }
  }
  context.putImageData(image, 0, 0);
}
