// What wasm-bindgen makes of the programs of wasm-client/src/bin/, as far as the pages use it.

export default function init(options: { module_or_path: ArrayBuffer }): Promise<unknown>;
interface Answer {
  probabilities: Float32Array;
  branches: { voice: Float32Array | null; text: Float32Array | null; gate: number } | null;
}

export class Model {
  constructor(architecture: string, labels: number, parameters: Float32Array, mean: Float32Array, deviation: Float32Array, speeds: boolean, hears: boolean);
  read(text: string): void;
  answer_to(samples: Float32Array, channels: number, rate: number): Answer;
  answer_to_wav(bytes: Uint8Array): Answer;
  answer_to_text(): Answer;
}
