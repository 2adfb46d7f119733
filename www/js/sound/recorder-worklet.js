// Runs on the browser's audio thread: gathers what the microphone gives into mono blocks and hands them to the page. Told a
// time, it hands over what there is until then, at once, and says that this was all.

const QUANTUM = 128; // samples, that the browser gives at once
const BLOCK = 1024; // samples; at 48 kHz about 21 ms, quick enough for a level meter

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.until = Infinity; // seconds of the context's clock
    this.port.onmessage = ({ data }) => { this.until = data; };
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    const length = channels?.[0]?.length ?? 0;
    const wanted = Math.ceil((this.until - currentTime) * sampleRate);
    for (let i = 0; i < Math.min(length, wanted); i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled] = sum / channels.length;
      this.filled += 1;
      if (this.filled === BLOCK) this.#send();
    }
    if (wanted > QUANTUM) return true;
    if (this.filled > 0) this.#send();
    this.port.postMessage(null);
    return false;
  }

  #send() {
    const block = this.block.slice(0, this.filled);
    this.port.postMessage(block, [block.buffer]);
    this.filled = 0;
  }
}

registerProcessor('chorus-recorder', Recorder);
