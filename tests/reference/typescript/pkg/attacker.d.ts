// What wasm-bindgen makes of the programs of wasm-client/src/bin/, as far as the pages use it.

export default function init(options: { module_or_path: string }): Promise<unknown>;
export function attack(job: unknown): unknown;
