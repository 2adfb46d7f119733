// Keeps a recording that is not decided about while the page is loaded again, in this tab and nowhere else. It is taken once.

/**
 * @typedef {import('./record-steps.js').Take} Take
 * @typedef {import('../sound/recording.js').Sound} Sound
 * @typedef {{room: string, take: Take, sound: Sound}} Kept
 */

const KEY = 'chorus.recording';
const PIECE = 0x8000; // bytes that become a text in one go

/**
 * @param {Kept} kept
 * @throws where the browser stores nothing, or not so much
 */
export function keepRecording(kept) {
  sessionStorage.setItem(KEY, packed(kept));
}

/**
 * The recording that was kept in this room, if there is one.
 * @param {string} room its code
 * @returns {Kept | null}
 */
export function takeRecording(room) {
  try {
    const text = sessionStorage.getItem(KEY) ?? '';
    sessionStorage.removeItem(KEY);
    const kept = unpacked(text);
    return kept?.room === room ? kept : null;
  } catch {
    return null; // storage is switched off, or it is no recording: nothing was kept
  }
}

/**
 * @param {Kept} kept
 * @returns {string}
 */
export function packed({ room, take, sound: { samples, rate } }) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let letters = '';
  for (let at = 0; at < bytes.length; at += PIECE) letters += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return JSON.stringify({ room, take, rate, samples: btoa(letters) });
}

/**
 * @param {string} text
 * @returns {Kept | null} nothing where the text is no kept recording
 */
export function unpacked(text) {
  if (!text) return null;
  const { room, take, rate, samples } = JSON.parse(text);
  const bytes = Uint8Array.from(atob(samples), (letter) => letter.charCodeAt(0));
  return { room, take, sound: { samples: new Float32Array(bytes.buffer), rate } };
}
