// Runs on the browser's audio thread: gathers what the microphone gives into mono blocks and hands them to the page.
// It does nothing else: sample rate, length and meaning are the page's business.

const BLOCK = 1024; // samples; at 48 kHz about 21 ms, quick enough for a level meter

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    const length = channels?.[0]?.length ?? 0;
    for (let i = 0; i < length; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled] = sum / channels.length;
      this.filled += 1;
      if (this.filled === BLOCK) this.#send();
    }
    return true;
  }

  #send() {
    this.port.postMessage(this.block, [this.block.buffer]);
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }
}

registerProcessor('chorus-recorder', Recorder);
