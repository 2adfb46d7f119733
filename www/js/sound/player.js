// Plays one sound at a time: a WAV file or bare samples. A new sound ends the one before. A browser that finds nothing to play
// on may never answer: then it is given up, with the code `no_output`.

import { within } from './within.js';

const START_MS = 5000; // in which sound starts; on a slow laptop it takes a second

/** @type {AudioContext | null} */
let context = null;
/** @type {(() => void) | null} */
let stopCurrent = null;

/** Ends whatever plays. */
export function stopPlaying() {
  stopCurrent?.();
}

/**
 * @param {{wav: ArrayBuffer} | import('./recording.js').Sound} sound
 * @param {() => void} onEnd called once, whether it played to the end or was stopped
 */
export async function play(sound, onEnd) {
  stopPlaying();
  let ended = false;
  /** @type {AudioBufferSourceNode | null} */
  let source = null;
  const stop = () => {
    if (ended) return;
    ended = true;
    if (stopCurrent === stop) stopCurrent = null;
    source?.stop();
    onEnd();
  };
  stopCurrent = stop;
  try {
    const output = await opened();
    const buffer = 'wav' in sound ? await output.decodeAudioData(sound.wav.slice(0)) : bufferOf(output, sound);
    if (ended) return;
    source = output.createBufferSource();
    source.buffer = buffer;
    source.connect(output.destination);
    source.onended = stop;
    source.start();
  } catch (error) {
    const wasStopped = ended;
    stop();
    if (!wasStopped) throw error;
  }
}

async function opened() {
  context ??= new AudioContext();
  const mine = context;
  try {
    await within(mine.resume(), START_MS, () => Object.assign(new Error('nothing to play on'), { code: 'no_output' }));
    return mine;
  } catch (error) {
    // Another one may find next time what has been plugged in meanwhile.
    if (context === mine) context = null;
    mine.close().catch(() => {});
    throw error;
  }
}

/**
 * @param {AudioContext} context
 * @param {import('./recording.js').Sound} sound
 */
function bufferOf(context, { samples, rate }) {
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.getChannelData(0).set(samples);
  return buffer;
}
