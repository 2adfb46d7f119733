// Stands in for the worker that trains on a graphics processor: counts what the program asks of WebGPU while it trains, a
// network at a time, and says what a step costs: what a training of two steps asks beyond one of one step.

import init, { bench_step } from '/pkg/trainer-webgpu.js';

const counts = { dispatches: 0, readBacks: 0, bytesUp: 0 };

/** Has a method counted before it is called. */
const count = (kind, name, count) => {
  const method = kind.prototype[name];
  kind.prototype[name] = function (...given) {
    count(...given);
    return method.apply(this, given);
  };
};

count(GPUComputePassEncoder, 'dispatchWorkgroups', () => { counts.dispatches += 1; });
count(GPUBuffer, 'mapAsync', () => { counts.readBacks += 1; });
count(GPUQueue, 'writeBuffer', (_buffer, _place, data, begin = 0, size = undefined) => {
  const each = data.BYTES_PER_ELEMENT ?? 1;
  counts.bytesUp += (size ?? data.byteLength / each - begin) * each;
});

/** What a training of so many steps, each an epoch of 20 clips, asks for. */
async function training(model, steps) {
  const before = { ...counts };
  // The first step is not timed.
  await bench_step(model, steps - 1);
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, value - before[name]]));
}

self.onmessage = async ({ data: models }) => {
  try {
    await init({ module_or_path: '/pkg/trainer-webgpu_bg.wasm' });
    const costs = {};
    for (const model of models) {
      const [one, two] = [await training(model, 1), await training(model, 2)];
      costs[model] = {
        dispatches: two.dispatches - one.dispatches,
        bytesUp: two.bytesUp - one.bytesUp,
        readBacks: two.readBacks,
      };
    }
    self.postMessage(costs);
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};
