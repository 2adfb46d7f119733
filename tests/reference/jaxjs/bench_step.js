// Times a training step of 20 clips in jax-js, to compare with `bench_step` of Chorus' trainer: the same layers with the
// same numbers of parameters, the same loss, Adam, random input; the whole step is compiled (`jit`). A module worker.
// Task: { model, backend: "wasm" | "webgpu", seconds }. Answer: { ms_per_step, steps, backend_name } or { error }.

import { defaultDevice, init, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from '/jaxjs/@jax-js/jax/dist/index.js';

const CLIPS = 20;
const FRAMES = 100;
const FEATURES = 34;
const LABELS = 4;
const UNITS = 512;
const KEPT = 0.8;

/** The counts of the design; a network with another one would be no comparison. */
const PARAMETERS = { dense: 26_008_068, conv: 1_832_004, lstm: 3_484_164 };

// Every array that is used again is used through `.ref`: jax-js frees an array when it is used up.

const layer = (inputs, outputs) => ({ kernel: [inputs, outputs], bias: [outputs] });
const convolution = (inputs, outputs) => ({ kernel: [outputs, inputs, 3], bias: [outputs, 1] });
const recurrent = (inputs) => ({ kernel: [inputs, 4 * UNITS], recurrent: [UNITS, 4 * UNITS], bias: [4 * UNITS] });

const SHAPES = {
  dense: [convolution(FEATURES, 512), layer(98 * 512, 512), layer(512, 512), layer(512, LABELS)],
  conv: [
    convolution(FEATURES, 512), convolution(512, 128), convolution(128, 128), convolution(128, 64),
    layer(92 * 64, 256), layer(256, LABELS),
  ],
  lstm: [recurrent(FEATURES), recurrent(UNITS), layer(UNITS, 512), layer(512, LABELS)],
};

function dropout(values, key) {
  const kept = random.bernoulli(key, KEPT, values.shape).astype(np.float32);
  return values.mul(kept).mul(1 / KEPT);
}

const linear = (values, { kernel, bias }) => np.matmul(values, kernel).add(bias);
const convolved = (values, { kernel, bias }) => nn.relu(lax.conv(values, kernel, [1], 'VALID').add(bias));

/** Frame after frame, each (clips, features) or (clips, units). */
function everyFrame(frames, { kernel, recurrent: own, bias }) {
  let [cell, output] = [np.zeros([CLIPS, UNITS]), np.zeros([CLIPS, UNITS])];
  const outputs = frames.map((frame) => {
    const sums = np.matmul(frame, kernel.ref).add(np.matmul(output, own.ref)).add(bias.ref);
    const gate = (place, last) => (last ? sums : sums.ref).slice([], [place * UNITS, (place + 1) * UNITS]);
    const [input, forget, candidate, open] = [gate(0), gate(1), gate(2), gate(3, true)];
    cell = nn.sigmoid(forget).mul(cell).add(nn.sigmoid(input).mul(np.tanh(candidate)));
    const squashed = nn.sigmoid(open).mul(np.tanh(cell.ref));
    output = squashed.ref;
    return squashed;
  });
  for (const used of [kernel, own, bias, cell, output]) used.dispose();
  return outputs;
}

/** From clips (clips, features, frames) to logits. */
function logits(name, layers, clips, key) {
  if (name === 'lstm') {
    const [first, second, head, last] = layers;
    const frames = Array.from({ length: FRAMES }, (_, frame) => clips.ref.slice([], [], frame));
    clips.dispose();
    key.dispose();
    const outputs = everyFrame(everyFrame(frames, first), second);
    outputs.slice(0, -1).forEach((output) => output.dispose());
    return linear(nn.relu(linear(outputs.at(-1), head)), last);
  }
  const keys = random.split(key, layers.length);
  const drop = (values, place) => dropout(values, keys.ref.slice(place));
  let values = clips;
  for (const [place, each] of layers.entries()) {
    if (each.kernel.shape.length === 3) {
      values = drop(convolved(values, each), place);
    } else {
      if (values.shape.length === 3) values = values.reshape([CLIPS, -1]);
      const sums = linear(values, each);
      values = place === layers.length - 1 ? sums : drop(nn.relu(sums), place);
    }
  }
  keys.dispose();
  return values;
}

/** A whole step: new layers, moments and the loss. Adam as by Kingma & Ba, with its corrections. */
function step(name) {
  const loss = (layers, clips, labels, key) => nn.logSoftmax(logits(name, layers, clips, key)).mul(labels).sum().mul(-1 / CLIPS);
  return jit((layers, first, second, corrections, clips, labels, key) => {
    const [value, gradient] = valueAndGrad(loss)(layers.map((layer) => tree.ref(layer)), clips, labels, key);
    const corrected = [corrections.ref.slice(0), corrections.slice(1)];
    const means = tree.map((mean, gradient) => mean.mul(0.9).add(gradient.mul(0.1)), first, tree.ref(gradient));
    const squares = tree.map((square, gradient) => square.mul(0.999).add(np.square(gradient).mul(0.001)), second, gradient);
    const moved = tree.map(
      (value, mean, square) => value.sub(mean.mul(corrected[0].ref).div(np.sqrt(square.mul(corrected[1].ref)).add(1e-8)).mul(1e-3)),
      layers, tree.ref(means), tree.ref(squares),
    );
    corrected.forEach((correction) => correction.dispose());
    return [moved, means, squares, value];
  });
}

async function bench({ model: name, backend, seconds }) {
  const devices = await init(backend);
  if (!devices.includes(backend)) throw new Error(`jax-js has no ${backend} here`);
  defaultDevice(backend);
  const shapes = SHAPES[name];
  const size = (shape) => shape.reduce((product, length) => product * length, 1);
  const parameters = shapes.flatMap((layer) => Object.values(layer)).map(size).reduce((sum, each) => sum + each, 0);
  if (parameters !== PARAMETERS[name]) throw new Error(`${name} has ${parameters} parameters`);
  const filled = (number) => shapes.map((layer) => Object.fromEntries(Object.entries(layer).map(
    ([part, shape]) => [part, np.array(Float32Array.from({ length: size(shape) }, number), { shape })],
  )));
  let layers = filled(() => (Math.random() - 0.5) / 10);
  let [first, second] = [filled(() => 0), filled(() => 0)];
  const values = Float32Array.from({ length: CLIPS * FEATURES * FRAMES }, () => Math.random() - 0.5);
  const clips = np.array(values, { shape: [CLIPS, FEATURES, FRAMES] });
  const hot = Float32Array.from({ length: CLIPS * LABELS }, (_, place) => Number(place % LABELS === Math.floor(place / LABELS) % LABELS));
  const labels = np.array(hot, { shape: [CLIPS, LABELS] });
  const whole = step(name);
  let count = 0;
  const once = async () => {
    count += 1;
    const corrections = np.array([1 / (1 - 0.9 ** count), 1 / (1 - 0.999 ** count)]);
    let loss;
    [layers, first, second, loss] = whole(layers, first, second, corrections, clips.ref, labels.ref, random.key(count));
    // The loss is read back, so the step is over.
    const [value] = await loss.data();
    if (!Number.isFinite(value)) throw new Error(`its loss is ${value} after ${count} steps`);
  };
  // The first step also compiles kernels, and is not counted.
  await once();
  const times = [];
  const begun = performance.now();
  do {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  } while (performance.now() - begun < 1000 * seconds);
  times.sort((a, b) => a - b);
  return { ms_per_step: times[times.length >> 1], steps: times.length, backend_name: `jax-js ${backend}` };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await bench(data));
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};
