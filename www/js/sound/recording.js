// One recording: from an open microphone to one stretch of mono samples of limited length.

import { loudness } from './loudness.js';
import { MicrophoneError, openMicrophone } from './microphone.js';

/**
 * @typedef {{samples: Float32Array, rate: number}} Sound mono
 * @typedef {Sound & {problem?: MicrophoneError}} Recorded `problem`: what ended it before its time
 */

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
    this.ending = false;
    this.wanted = new AbortController();
    /** @type {import('./microphone.js').Microphone | null} */
    this.microphone = null;
    /** @type {Promise<Recorded>} */
    this.finished = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.finished.catch(() => {}); // whoever awaits it hears of it; nobody has to
  }

  /**
   * Opens the microphone; samples are measured, not yet kept. Fails with a `MicrophoneError`, also where it was stopped or
   * cancelled meanwhile. What ends it later, before `begin` too, `finished` tells.
   */
  async open() {
    this.microphone = await openMicrophone((block) => this.#heard(block), (error) => this.#finish(error), this.wanted.signal);
  }

  /** Keeps everything from now on. */
  begin() {
    this.keeping = true;
  }

  /** Ends the recording once all that was said until now has come; `finished` then gives the sound. */
  async stop() {
    if (this.ending) return;
    this.ending = true;
    await this.microphone?.finish();
    this.#finish();
  }

  /** Ends the recording and forgets it. */
  cancel() {
    this.cancelled = true;
    this.keeping = false;
    this.wanted.abort(new MicrophoneError('nothing'));
  }

  get rate() {
    return this.microphone?.rate ?? 0;
  }

  /** @param {MicrophoneError} [problem] what ended it */
  #finish(problem) {
    if (this.cancelled) return;
    this.ending = true;
    this.keeping = false;
    this.wanted.abort(new MicrophoneError('nothing'));
    if (this.length === 0) {
      this.reject?.(problem ?? new MicrophoneError('nothing'));
      return;
    }
    const samples = new Float32Array(this.length);
    let at = 0;
    for (const block of this.blocks) {
      samples.set(block, at);
      at += block.length;
    }
    this.resolve?.({ samples, rate: this.rate, ...(problem && { problem }) });
  }

  /** @param {Float32Array} block */
  #heard(block) {
    if (this.cancelled) return;
    const longest = Math.floor(this.longest * this.rate);
    if (this.keeping) {
      const kept = block.subarray(0, Math.max(0, longest - this.length));
      this.blocks.push(kept);
      this.length += kept.length;
    }
    this.onLevel(loudness(block), this.rate ? this.length / this.rate : 0);
    if (this.keeping && this.length >= longest) this.#finish();
  }
}
