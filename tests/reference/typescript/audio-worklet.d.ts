// What a browser's audio thread has and TypeScript's lib.dom does not tell of.

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: typeof AudioWorkletProcessor): void;
declare const currentTime: number;
declare const sampleRate: number;
