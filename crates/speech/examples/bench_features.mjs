// Times bench_features.wasm, as bench_features.rs says. Needs Node 20 or later.
import { readFile } from "node:fs/promises";

const CLIPS = 200; // seconds of sound in one call of main, as in bench_features.rs
const file = process.argv[2];
if (!file) {
  console.error("usage: node bench_features.mjs PATH/TO/bench_features.wasm");
  process.exit(2);
}
const { instance } = await WebAssembly.instantiate(await readFile(file), {});
const work = () => instance.exports.main(0, 0);
work(); // the engine's optimising compiler needs a first look
work();
const seconds = Array.from({ length: 15 }, () => {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000 / CLIPS;
}).sort((a, b) => a - b);
const median = seconds[7];
console.log(
  JSON.stringify({
    name: `features, wasm SIMD, Node ${process.versions.node}, one core`,
    times_real_time: Math.round(1 / median),
    best_times_real_time: Math.round(1 / seconds[0]),
    milliseconds_per_second_of_sound: median * 1e3,
  }),
);
