// Opens the microphone and gives its raw samples. It asks the person for the microphone only when it is opened, and
// gives it back when it is closed, so that the browser's recording light goes out. No wait here is without an end: a browser
// may never answer for a device, and whatever ends the wait closes what was opened.

import { within } from './within.js';

/** Why there is no sound from the microphone: a name in words.record.errors, and the browser's own message. */
export class MicrophoneError extends Error {
  /**
   * @param {'insecure' | 'refused' | 'missing' | 'busy' | 'unsupported' | 'unanswered' | 'stuck' | 'rate' | 'nothing' | 'unplugged' | 'other'} reason
   * @param {string} [message]
   */
  constructor(reason, message = reason) {
    super(message);
    this.reason = reason;
  }
}

// A browser's corrections for phone calls flatten just what tells an angry voice from a sad one.
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

const ANSWER_MS = 60_000; // in which a person finds the browser's question, and answers it
const START_MS = 5000; // in which sound starts; on a slow laptop it takes a second
const SILENT_MS = 3000; // without a single block of samples, something is wrong
const REST_MS = 500; // in which the last samples arrive
const MARGIN_S = 0.1; // by which a busy browser is later than it says, and a device's buffer than the browser knows: up to 75 ms were seen

/**
 * @typedef {object} Microphone
 * @property {number} rate samples a second
 * @property {() => Promise<void>} finish waits until what has been said so far has come, and closes it
 * @property {() => void} close
 */

/**
 * @param {(block: Float32Array) => void} onBlock called with mono samples as they come, about 50 times a second
 * @param {(error: MicrophoneError) => void} onEnd called once when the microphone goes away by itself (unplugged, permission
 *   taken back, or silent altogether); it is closed then
 * @param {AbortSignal} [signal] closes it, whether it is open or about to be
 * @returns {Promise<Microphone>} fails with a `MicrophoneError`, or the signal's reason
 */
export async function openMicrophone(onBlock, onEnd, signal) {
  if (!isSecureContext) throw new MicrophoneError('insecure');
  if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode !== 'function') throw new MicrophoneError('unsupported');
  // Made before anything is awaited: some browsers only start sound within the person's own key press or click.
  const first = new AudioContext();
  const resumed = first.resume();
  resumed.catch(() => {}); // it is awaited further down, if it comes to that
  /** @type {MediaStream | undefined} */
  let stream;
  /** @type {Listening | undefined} */
  let listening;
  let closed = false;
  const close = () => {
    closed = true;
    signal?.removeEventListener('abort', close);
    stop(stream);
    listening?.end();
    shut(first);
  };
  signal?.addEventListener('abort', close);
  try {
    const asked = navigator.mediaDevices.getUserMedia({ audio: RAW });
    // An answer for which nobody waits any more opens nothing.
    asked.then((late) => closed && stop(late), () => {});
    stream = await within(asked, ANSWER_MS, () => new MicrophoneError('unanswered'), signal);
    const { track, latency } = trackOf(stream);
    const end = (/** @type {MicrophoneError} */ error) => {
      if (closed) return;
      close();
      onEnd(error);
    };
    track.addEventListener('ended', () => end(new MicrophoneError('unplugged')));
    await within(resumed, START_MS, () => new MicrophoneError('stuck'), signal);
    listening = await listen(first, stream, onBlock, () => end(new MicrophoneError('nothing')), signal);
    if (track.readyState === 'ended') throw new MicrophoneError('unplugged');
    const { rate, rest } = listening;
    return { rate, close, finish: () => rest(latency + MARGIN_S).finally(close) };
  } catch (error) {
    close();
    throw signal?.aborted || error instanceof MicrophoneError ? error : microphoneError(/** @type {Error} */ (error));
  }
}

/**
 * The stream's one track, and how many seconds its sound takes to arrive, as far as the browser says.
 * @param {MediaStream} stream
 */
function trackOf(stream) {
  const [track] = stream.getAudioTracks();
  if (!track) throw new MicrophoneError('missing');
  const { latency } = /** @type {MediaTrackSettings & {latency?: number}} */ (track.getSettings());
  return { track, latency: Math.min(latency ?? 0, REST_MS / 2000) };
}

/**
 * @typedef {object} Listening
 * @property {number} rate samples a second
 * @property {(late: number) => Promise<void>} rest waits for all that is said until now and takes so many seconds to arrive
 * @property {() => void} end
 */

/**
 * Hands on what a stream hears. Where the browser does not bring its rate to that of the context, another context is made.
 * @param {AudioContext} first
 * @param {MediaStream} stream
 * @param {(block: Float32Array) => void} onBlock
 * @param {() => void} onSilence called where no block comes for a while
 * @param {AbortSignal} [signal]
 * @returns {Promise<Listening>}
 */
async function listen(first, stream, onBlock, onSilence, signal) {
  const { sampleRate } = stream.getAudioTracks()[0].getSettings();
  for (const rate of new Set([first.sampleRate, sampleRate ?? first.sampleRate, 48_000, 44_100])) {
    const context = rate === first.sampleRate ? first : new AudioContext({ sampleRate: rate });
    try {
      if (context !== first) await within(context.resume(), START_MS, () => new MicrophoneError('stuck'), signal);
      const source = context.createMediaStreamSource(stream);
      await within(context.audioWorklet.addModule('/js/sound/recorder-worklet.js'), START_MS, () => new MicrophoneError('stuck'), signal);
      return connected(context, source, onBlock, onSilence);
    } catch (error) {
      shut(context);
      if (/** @type {Error} */ (error).name !== 'NotSupportedError') throw error;
    }
  }
  throw new MicrophoneError('rate');
}

/**
 * @param {AudioContext} context
 * @param {MediaStreamAudioSourceNode} source
 * @param {(block: Float32Array) => void} onBlock
 * @param {() => void} onSilence
 * @returns {Listening}
 */
function connected(context, source, onBlock, onSilence) {
  const node = new AudioWorkletNode(context, 'chorus-recorder', { numberOfInputs: 1, numberOfOutputs: 1 });
  let quiet = 0;
  const watch = setInterval(() => {
    quiet += 1;
    if (quiet * 1000 >= SILENT_MS) onSilence();
  }, 1000);
  /** @type {(value?: undefined) => void} */
  let arrived = () => {};
  node.port.onmessage = ({ data }) => {
    quiet = 0;
    if (data) onBlock(data);
    else arrived();
  };
  source.connect(node);
  node.connect(context.destination); // silent; without a destination some browsers never run the node
  return {
    rate: Math.round(context.sampleRate),
    rest(late) {
      /** @type {Promise<undefined>} */
      const all = new Promise((resolve) => { arrived = resolve; });
      node.port.postMessage(context.currentTime + late);
      return within(all, REST_MS, () => new MicrophoneError('nothing')).catch(() => {});
    },
    end() {
      clearInterval(watch);
      node.port.onmessage = null;
      shut(context);
    },
  };
}

/** @param {MediaStream | undefined} stream */
function stop(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** @param {AudioContext} context */
function shut(context) {
  if (context.state !== 'closed') context.close().catch(() => {});
}

/** @param {Error} error */
function microphoneError(error) {
  switch (error.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new MicrophoneError('refused');
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new MicrophoneError('missing');
    case 'NotReadableError':
    case 'AbortError':
      return new MicrophoneError('busy');
    default:
      return new MicrophoneError('other', error.message || error.name);
  }
}
