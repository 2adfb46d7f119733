// Times a training step of 20 clips in TensorFlow.js, to compare with `bench_step` of Chorus' trainer: the same
// layers with the same numbers of parameters, the same loss, Adam, random input. A classic worker, as TF.js is a script.
// Task: { model, backend: "cpu" | "wasm" | "webgpu", seconds }. Answer: { ms_per_step, steps, backend_name } or { error }.

const CLIPS = 20;
const FRAMES = 100;
const FEATURES = 34;
const LABELS = 4;

/** The counts of the design; a network with another one would be no comparison. */
const PARAMETERS = { dense: 26_008_068, conv: 1_832_004, lstm: 3_484_164 };

importScripts('/tfjs/@tensorflow/tfjs/dist/tf.min.js');
importScripts('/tfjs/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js');
importScripts('/tfjs/@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js');

function network(name) {
  const { layers } = tf;
  const conv = (filters, more) => layers.conv1d({ filters, kernelSize: 3, activation: 'relu', ...more });
  const dense = (units) => layers.dense({ units, activation: 'relu' });
  const dropout = () => layers.dropout({ rate: 0.2 });
  const input = { inputShape: [FRAMES, FEATURES] };
  const body = {
    dense: () => [conv(512, input), dropout(), layers.flatten(), dense(512), dropout(), dense(512), dropout()],
    conv: () => [
      conv(512, input), dropout(), conv(128), dropout(), conv(128), dropout(), conv(64), dropout(),
      layers.flatten(), dense(256), dropout(),
    ],
    lstm: () => [
      layers.lstm({ units: 512, returnSequences: true, ...input }), layers.lstm({ units: 512 }), dense(512),
    ],
  }[name];
  const model = tf.sequential({ layers: [...body(), layers.dense({ units: LABELS, activation: 'softmax' })] });
  if (model.countParams() !== PARAMETERS[name]) throw new Error(`${name} has ${model.countParams()} parameters`);
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy' });
  return model;
}

async function bench({ model: name, backend, seconds }) {
  tf.wasm.setWasmPaths('/tfjs/@tensorflow/tfjs-backend-wasm/dist/');
  if (!(await tf.setBackend(backend))) throw new Error(`TF.js has no ${backend} backend here`);
  await tf.ready();
  const model = network(name);
  const clips = tf.randomUniform([CLIPS, FRAMES, FEATURES], -0.5, 0.5);
  const labels = tf.oneHot(tf.range(0, CLIPS, 1, 'int32').mod(tf.scalar(LABELS, 'int32')), LABELS);
  // The first step also compiles kernels, and is not counted. The loss is read back, so the step is over.
  await model.trainOnBatch(clips, labels);
  const times = [];
  const begun = performance.now();
  do {
    const start = performance.now();
    await model.trainOnBatch(clips, labels);
    times.push(performance.now() - start);
  } while (performance.now() - begun < 1000 * seconds);
  times.sort((a, b) => a - b);
  return { ms_per_step: times[times.length >> 1], steps: times.length, backend_name: `TF.js ${tf.version.tfjs} ${backend}` };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await bench(data));
  } catch (error) {
    self.postMessage({ error: error?.message ?? String(error) });
  }
};
