// One recording: from an open microphone to one stretch of mono samples of limited length.

import { loudness } from './loudness.js';
import { MicrophoneError, openMicrophone } from './microphone.js';

const SILENT_AFTER_MS = 3000; // without a single block of samples by then, something is wrong

/** @typedef {{samples: Float32Array, rate: number}} Sound mono */

export class Recording {
  /**
   * @param {number} longest seconds, after which it stops by itself
   * @param {(level: number, seconds: number) => void} onLevel loudness 0 to 1 of each block, and the length so far (0 before `begin`)
   */
  constructor(longest, onLevel) {
    this.longest = longest;
    this.onLevel = onLevel;
    /** @type {Float32Array[]} */
    this.blocks = [];
    this.length = 0;
    this.keeping = false;
    /** @type {import('./microphone.js').Microphone | null} */
    this.microphone = null;
    /** @type {Promise<Sound>} */
    this.finished = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.finished.catch(() => {}); // whoever awaits it hears of it; nobody has to
  }

  /** Opens the microphone; samples are measured, not yet kept. Fails with a `MicrophoneError`. */
  async open() {
    this.microphone = await openMicrophone((block) => this.#heard(block), () => this.stop());
    if (this.cancelled) this.microphone.close();
  }

  /** Keeps everything from now on. */
  begin() {
    this.keeping = true;
    this.watchdog = setTimeout(() => {
      if (this.length === 0) this.stop();
    }, SILENT_AFTER_MS);
  }

  /** Ends the recording; `finished` then gives the sound. */
  stop() {
    this.#close();
    if (this.length === 0) {
      this.reject?.(new MicrophoneError('nothing'));
      return;
    }
    const samples = new Float32Array(this.length);
    let at = 0;
    for (const block of this.blocks) {
      samples.set(block, at);
      at += block.length;
    }
    this.resolve?.({ samples, rate: this.rate });
  }

  /** Ends the recording and forgets it. */
  cancel() {
    this.cancelled = true;
    this.#close();
  }

  get rate() {
    return this.microphone?.rate ?? 0;
  }

  #close() {
    clearTimeout(this.watchdog);
    this.keeping = false;
    this.microphone?.close();
  }

  /** @param {Float32Array} block */
  #heard(block) {
    if (this.cancelled) return;
    if (this.keeping) {
      const room = Math.floor(this.longest * this.rate) - this.length;
      const kept = room < block.length ? block.subarray(0, Math.max(0, room)) : block;
      this.blocks.push(kept);
      this.length += kept.length;
    }
    this.onLevel(loudness(block), this.rate ? this.length / this.rate : 0);
    if (this.keeping && this.length >= Math.floor(this.longest * this.rate)) this.stop();
  }
}
