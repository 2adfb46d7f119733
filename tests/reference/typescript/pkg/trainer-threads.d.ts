// What wasm-bindgen makes of the programs of wasm-client/src/bin/, as far as the pages use it.

export default function init(options: {
  module_or_path: WebAssembly.Module;
  memory?: WebAssembly.Memory;
  thread_stack_size?: number;
}): Promise<{ memory: WebAssembly.Memory }>;
export function handle(job: unknown): Promise<unknown>;
export function run_thread(): void;
export function share_out(threads: number): void;
export function stop(): void;
