// Opens the microphone and gives its raw samples. It asks the person for the microphone only when it is opened, and
// gives it back when it is closed, so that the browser's recording light goes out.

/** Why the microphone did not open: a name in words.record.errors, and the browser's own message. */
export class MicrophoneError extends Error {
  /**
   * @param {'insecure' | 'refused' | 'missing' | 'busy' | 'unsupported' | 'nothing' | 'other'} reason
   * @param {string} [message]
   */
  constructor(reason, message = reason) {
    super(message);
    this.reason = reason;
  }
}

// A browser's corrections for phone calls flatten just what tells an angry voice from a sad one.
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/**
 * @typedef {object} Microphone
 * @property {number} rate samples a second
 * @property {() => void} close
 */

/**
 * @param {(block: Float32Array) => void} onBlock called with mono samples as they come, about 50 times a second
 * @param {() => void} onEnd called when the microphone goes away by itself (unplugged, or permission taken back)
 * @returns {Promise<Microphone>} fails with a `MicrophoneError`
 */
export async function openMicrophone(onBlock, onEnd) {
  if (!isSecureContext) throw new MicrophoneError('insecure');
  if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode !== 'function') throw new MicrophoneError('unsupported');
  // Made before anything is awaited: some browsers only start sound within the person's own key press or click.
  const context = new AudioContext();
  /** @type {MediaStream | undefined} */
  let stream;
  const close = () => {
    stream?.getTracks().forEach((track) => track.stop());
    if (context.state !== 'closed') context.close();
  };
  try {
    const resumed = context.resume();
    stream = await navigator.mediaDevices.getUserMedia({ audio: RAW });
    await context.audioWorklet.addModule('/js/sound/recorder-worklet.js');
    await resumed;
    const node = new AudioWorkletNode(context, 'chorus-recorder', { numberOfInputs: 1, numberOfOutputs: 1 });
    node.port.onmessage = ({ data }) => onBlock(data);
    context.createMediaStreamSource(stream).connect(node);
    node.connect(context.destination); // silent; without a destination some browsers never run the node
    for (const track of stream.getTracks()) track.addEventListener('ended', onEnd);
    return { rate: Math.round(context.sampleRate), close };
  } catch (error) {
    close();
    throw microphoneError(/** @type {Error} */ (error));
  }
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
