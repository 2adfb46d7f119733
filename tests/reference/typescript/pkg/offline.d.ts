// What wasm-bindgen makes of the programs of wasm-client/src/bin/, as far as the pages use it.

export default function init(options: { module_or_path: ArrayBuffer }): Promise<unknown>;
export class Model {
  constructor(architecture: string, labels: number, parameters: Float32Array, mean: Float32Array, deviation: Float32Array, speeds: boolean);
  probabilities(samples: Float32Array, channels: number, rate: number): Float32Array;
  probabilities_of_wav(bytes: Uint8Array): Float32Array;
}
