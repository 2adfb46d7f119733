// Times Meyda on a set of features like Chorus' (it has no entropies, no spectral entropy of blocks and no deviation of
// the chroma; its flux fails on the first frame). It takes windows of a power of two only: Chorus' 3,200 samples lie between the two
// sizes that are measured, with the same hop of 1,600. A classic worker, as Meyda is a script.
// Task: { window, seconds }. Answer: { times_real_time, ms_per_frame } or { error }.

const RATE = 16_000;
const HOP = 1_600;
const SET = ['zcr', 'energy', 'spectralCentroid', 'spectralSpread', 'spectralRolloff', 'mfcc', 'chroma'];

importScripts('/meyda/meyda/dist/web/meyda.min.js');

/** A harmonic tone that glides, with noise: no feature is spared any work. */
function voice(seconds) {
  const samples = new Float32Array(RATE * seconds);
  let phase = 0;
  for (let i = 0; i < samples.length; i += 1) {
    phase += (2 * Math.PI * (140 + 40 * Math.sin(i / RATE))) / RATE;
    for (let harmonic = 1; harmonic <= 12; harmonic += 1) samples[i] += (0.2 * Math.sin(harmonic * phase)) / harmonic;
    samples[i] += 0.02 * (Math.random() - 0.5);
  }
  return samples;
}

function bench({ window, seconds }) {
  Object.assign(Meyda, { sampleRate: RATE, bufferSize: window, melBands: 40, numberOfMFCCCoefficients: 13 });
  const samples = voice(seconds);
  const rates = [];
  let frames = 0;
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    frames = 0;
    for (let at = 0; at + window <= samples.length; at += HOP) {
      const features = Meyda.extract(SET, samples.subarray(at, at + window));
      if (!(features.mfcc.length === 13 && features.energy > 0)) throw new Error('Meyda found no features');
      frames += 1;
    }
    rates.push((1000 * frames * HOP) / RATE / (performance.now() - start));
  }
  rates.sort((a, b) => a - b);
  return { times_real_time: rates[2], ms_per_frame: (1000 * HOP) / RATE / rates[2], frames };
}

self.onmessage = ({ data }) => {
  try {
    self.postMessage(bench(data));
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};
