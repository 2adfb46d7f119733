#!/usr/bin/env bash
# WGSL's tanh(x) goes to 1 for large x, and its accuracy is that of sinh(x)/cosh(x) (https://www.w3.org/TR/WGSL/#concrete-float-accuracy),
# which one reads as "rounded a little". But both of those are infinite in 32 bits from 89 on, and the page gets NaN where 1 is
# right: here in Chromium's WebGPU in software (SwiftShader), on Metal from 43.67 on (https://github.com/tracel-ai/burn/pull/520).
# One number among a network's gates is enough to lose a whole model, and only where somebody's chip does so.
# What follows: gates are clamped before the graphics processor sees them (crates/models/src/learner/graphics/kernels/gates.wgsl).
# Needs Chromium: CHROMIUM, or `chromium` on the path.
set -euo pipefail
browser=$(command -v "${CHROMIUM:-chromium}") || { echo "no Chromium here"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts puppeteer-core@25.16.0 || exit 2
cat > page.mjs <<'JS'
import { createServer } from 'node:http';
import puppeteer from 'puppeteer-core';

// WebGPU is there on pages from a server of this machine.
const server = createServer((request, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
const browser = await puppeteer.launch({
  executablePath: process.argv[2],
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],
});
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);
const inputs = [-100, -89, -88, 0.5, 10, 40, 88, 89, 100];
const { name, outputs } = await page.evaluate(async (inputs) => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return { name: '' };
  const device = await adapter.requestDevice();
  const code = `@group(0) @binding(0) var<storage, read_write> values: array<f32>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { values[id.x] = tanh(values[id.x]); }`;
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  const size = inputs.length * 4;
  const values = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(values, 0, new Float32Array(inputs));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: values } }] }));
  pass.dispatchWorkgroups(inputs.length);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  // As text: NaN is nothing in JSON.
  return { name: `${adapter.info.vendor} ${adapter.info.architecture}`, outputs: [...new Float32Array(read.getMappedRange())].map(String) };
}, inputs);
console.log(await browser.version(), 'WebGPU:', name || 'none');
await browser.close();
server.close();
if (!name) process.exit(2);
inputs.forEach((input, i) => console.log(`tanh(${input}) = ${outputs[i]}`));
const right = (input, output) => Math.abs(Number(output) - Math.tanh(input)) < 1e-5;
const same = inputs.every((input, i) => (Math.abs(input) < 89 ? right(input, outputs[i]) : outputs[i] === 'NaN'));
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node page.mjs "$browser"
