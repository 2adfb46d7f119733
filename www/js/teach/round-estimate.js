// How long a room's rounds will take, roughly. Pure functions.

/** Laptops that an estimate is for: a class. */
export const CLASS = 25;
/** Clips that a student has, training clips only. */
const CLIPS = 25;
/** What a classroom's Wi-Fi carries, bytes a second: slow and quick. */
const WIFI = [5e6, 25e6];
/** How many times slower than the machine of docs/benchmarks.md the slowest laptop of a class may be. */
const SLOWEST = 4;
/** Seconds of a round for evaluating, saying hello and waiting for the slowest: quick and slow. */
const ROUND = [2, 8];

/** Parameters with 4 labels, and a step on 20 clips in wasm on one core in seconds (docs/benchmarks.md). */
const NETWORKS = {
  compact: { parameters: 45_188, step: 0.0135 },
  'compact-text': { parameters: 176_441, step: 0.0138 }, // 1.02 times compact's, beside it on one machine
  conv: { parameters: 1_832_004, step: 0.0884 },
  lstm: { parameters: 3_484_164, step: 0.737 },
  dense: { parameters: 26_008_068, step: 0.127 },
};

/** Bytes of a parameter in an update, and in the step of the model that comes back. */
const BYTES = { f32: 4, f16: 2, q8: 1, q4: 124 / 240 };

/**
 * Seconds for all rounds: with quick laptops on a good network, and with slow ones on a bad network; neither is longer
 * than the deadlines allow.
 * @param {{model?: string, rounds: number, epochs?: number, batchSize?: number, encoding?: string, deadline?: number}} settings
 * @returns {[number, number]}
 */
export function roundsTake({ model = 'compact', rounds, epochs = 2, batchSize = 20, encoding = 'f32', deadline = 180 }) {
  const { parameters, step } = NETWORKS[/** @type {keyof typeof NETWORKS} */ (model)] ?? NETWORKS.compact;
  const training = epochs * Math.ceil(CLIPS / batchSize) * step * (batchSize / 20);
  const traffic = CLASS * parameters * 2 * (BYTES[/** @type {keyof typeof BYTES} */ (encoding)] ?? BYTES.f32);
  const quick = ROUND[0] + training + traffic / WIFI[1];
  const slow = ROUND[1] + training * SLOWEST + traffic / WIFI[0];
  return [rounds * Math.min(quick, deadline), rounds * Math.min(slow, deadline)];
}

/**
 * A span of seconds as people say it.
 * @param {[number, number]} span
 * @param {{seconds: (s: number) => string, minutes: (low: number, high: number) => string, hours: (low: number, high: number) => string}} say words.teach.create.duration
 * @returns {string}
 */
export function spanInWords([low, high], say) {
  if (high < 60) return say.seconds(Math.max(10, Math.ceil(high / 10) * 10));
  const minutes = [Math.max(1, Math.round(low / 60)), Math.max(1, Math.round(high / 60))];
  if (minutes[1] <= 120) return say.minutes(minutes[0], minutes[1]);
  return say.hours(Math.max(1, Math.round(low / 3600)), Math.max(1, Math.round(high / 3600)));
}
