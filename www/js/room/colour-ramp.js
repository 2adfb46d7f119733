// The colours of css/tokens.css for what is drawn pixel by pixel.

/** @typedef {[number, number, number]} Colour red, green and blue, 0 to 255 */

/** @type {Map<string, Uint8ClampedArray>} */
const ramps = new Map();

/**
 * The 256 colours from `--NAME-0` to the last of its kind, four bytes each.
 * @param {string} name
 * @returns {Uint8ClampedArray}
 */
export function ramp(name) {
  let colours = ramps.get(name);
  if (!colours) {
    /** @type {Colour[]} */
    const stops = [];
    for (let stop = token(`${name}-0`); stop; stop = token(`${name}-${stops.length}`)) stops.push(colourOf(stop));
    colours = spread(stops);
    ramps.set(name, colours);
  }
  return colours;
}

/**
 * A colour as css/tokens.css writes it.
 * @param {string} name without its dashes
 */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * The channels of a colour that is written `#rrggbb`.
 * @param {string} hex
 * @returns {Colour}
 */
export function colourOf(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/**
 * 256 colours, opaque, from the first stop to the last, in equal steps between each two.
 * @param {Colour[]} stops at least two
 * @returns {Uint8ClampedArray} red, green, blue and alpha of one after the other
 */
export function spread(stops) {
  return Uint8ClampedArray.from({ length: 256 * 4 }, (_, i) => {
    const channel = i % 4;
    if (channel === 3) return 255;
    const place = (Math.floor(i / 4) / 255) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    return stops[low][channel] + (stops[low + 1][channel] - stops[low][channel]) * (place - low);
  });
}
