// Lets the browser decode what the Rust decoders cannot (WebM with Opus above all).

const RATE = 48_000; // what Opus is stored at, so that nothing is lost before the worker resamples

/**
 * @param {ArrayBuffer} bytes a whole sound file; the buffer is used up
 * @returns {Promise<{samples: Float32Array, channels: number, rate: number} | null>} interleaved, or null where the
 *   browser cannot decode it either
 */
export async function decodeInBrowser(bytes) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
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
