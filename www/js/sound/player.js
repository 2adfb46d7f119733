// Plays one sound at a time: a WAV file or bare samples. A new sound ends the one before.

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
    context ??= new AudioContext();
    await context.resume();
    const buffer = 'wav' in sound ? await context.decodeAudioData(sound.wav.slice(0)) : bufferOf(context, sound);
    if (ended) return;
    source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.onended = stop;
    source.start();
  } catch (error) {
    stop();
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
