// Lets the browser decode what the Rust decoders cannot.

import { problemOf } from '../common/problem.js';
import { formatName } from './format-name.js';

const RATE = 48_000; // what Opus is stored at, so that nothing is lost before the worker resamples

/**
 * Why the program refuses a file that the browser may still know how to read. Not among them: what is no sound, and what
 * programs hear differently; a browser may make noise of either.
 */
const OFFERED = ['needs_browser_decoder', 'damaged', 'empty'];

/** @typedef {{samples: Float32Array<ArrayBuffer>, channels: number, rate: number}} Decoded interleaved */

/**
 * Has a sound file read by the program, or by the browser where the program says that it needs it.
 * @template Answer
 * @param {() => Promise<ArrayBuffer>} read gives the file's bytes, as often as it is asked
 * @param {(bytes: ArrayBuffer) => Promise<Answer>} program may use the bytes up
 * @param {(decoded: Decoded) => Promise<Answer>} browser takes what the browser has decoded
 * @returns {Promise<Answer>} fails with what the program said where neither can; the message of `needs_browser_decoder` is then
 *   the format's name, or nothing
 */
export async function readSound(read, program, browser) {
  try {
    return await program(await read());
  } catch (error) {
    const { code = '', message = '' } = problemOf(error);
    const decoded = OFFERED.includes(code) ? await decodeInBrowser(await read()) : null;
    if (decoded) return browser(decoded);
    throw code === 'needs_browser_decoder' ? { code, message: formatName(message) } : error;
  }
}

/**
 * @param {ArrayBuffer} bytes a whole sound file; the buffer is used up
 * @returns {Promise<Decoded | null>} nothing where the browser cannot decode it either
 */
async function decodeInBrowser(bytes) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
    if (buffer.length === 0) return null;
    return { samples: interleaved(buffer), channels: buffer.numberOfChannels, rate: buffer.sampleRate };
  } catch {
    return null;
  }
}

/** @param {AudioBuffer} buffer */
function interleaved(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  const samples = new Float32Array(buffer.length * channels.length);
  channels.forEach((channel, c) => {
    for (let i = 0; i < channel.length; i += 1) samples[i * channels.length + c] = channel[i];
  });
  return samples;
}
