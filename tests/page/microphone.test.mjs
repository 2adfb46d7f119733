// The microphone, by example: what browsers and devices do when they do not do what they should. The browser's parts are
// stand-ins here, and so is its clock.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { readSound } from '../../www/js/sound/browser-decoder.js';
import { formatName } from '../../www/js/sound/format-name.js';
import { openMicrophone } from '../../www/js/sound/microphone.js';
import { play, stopPlaying } from '../../www/js/sound/player.js';
import { Recording } from '../../www/js/sound/recording.js';

const never = () => new Promise(() => {});

class Track extends EventTarget {
  readyState = 'live';
  settings = { latency: 0.01 };

  getSettings() {
    return this.settings;
  }

  stop() {
    this.readyState = 'ended';
  }

  unplug() {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }
}

/** The browser as it is in a test: what it was asked for, and how it answers. */
let browser;

class Context {
  state = 'suspended';
  currentTime = 7;
  audioWorklet = { addModule: () => browser.addModule() };

  constructor({ sampleRate = 44_100 } = {}) {
    this.sampleRate = sampleRate;
    browser.contexts.push(this);
  }

  resume() {
    return browser.resume();
  }

  async close() {
    if (this.state === 'closed') throw new DOMException('closed already', 'InvalidStateError');
    this.state = 'closed';
  }

  createMediaStreamSource() {
    if (browser.only && this.sampleRate !== browser.only) throw new DOMException('different sample-rate', 'NotSupportedError');
    return { connect() {} };
  }
}

class Node {
  constructor(context) {
    this.context = context;
    this.sent = [];
    this.port = { postMessage: (message) => this.sent.push(message) };
    browser.node = this;
  }

  connect() {}

  /** Samples from the audio thread; without any, the word that this was all. */
  hear(...samples) {
    this.port.onmessage?.({ data: samples.length ? Float32Array.from(samples) : null });
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settled() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const track = new Track();
  const stream = { getTracks: () => [track], getAudioTracks: () => [track] };
  browser = { track, stream, contexts: [], node: null, resume: async () => {}, addModule: async () => {}, asked: async () => stream, only: 0 };
  Object.assign(globalThis, { isSecureContext: true, AudioContext: Context, AudioWorkletNode: Node });
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true, value: { mediaDevices: { getUserMedia: () => browser.asked() } },
  });
});

afterEach(() => {
  mock.timers.reset();
  stopPlaying();
});

function isAllClosed() {
  return browser.track.readyState === 'ended' && browser.contexts.every(({ state }) => state === 'closed');
}

/** Opens it, lets so much time pass, and gives what comes of it. */
async function opened(milliseconds, signal) {
  let outcome = 'waiting';
  openMicrophone(() => {}, () => {}, signal).then((microphone) => { outcome = microphone; }, (error) => { outcome = error; });
  await settled();
  mock.timers.tick(milliseconds);
  await settled();
  return outcome;
}

test('sound that never starts is given up, and the microphone with it', async () => {
  browser.resume = never;
  assert.equal(await opened(4000), 'waiting');
  browser.contexts = [];
  const error = await opened(5001);
  assert.equal(error.reason, 'stuck');
  assert.ok(isAllClosed());
});

test('a question that nobody answers is given up, and an answer that comes later opens nothing', async () => {
  let answer;
  browser.asked = () => new Promise((resolve) => { answer = resolve; });
  const error = await opened(60_001);
  assert.equal(error.reason, 'unanswered');
  assert.equal(browser.track.readyState, 'live');
  answer(browser.stream);
  await settled();
  assert.ok(isAllClosed());
});

test('whoever cancels while it opens has it closed at once', async () => {
  for (const hangs of ['resume', 'asked', 'addModule']) {
    const cancel = new AbortController();
    const { [hangs]: answers } = browser;
    browser[hangs] = never;
    const waiting = openMicrophone(() => {}, () => {}, cancel.signal);
    await settled();
    cancel.abort(new Error('cancelled'));
    await assert.rejects(waiting, /cancelled/);
    if (hangs !== 'asked') assert.ok(isAllClosed(), hangs);
    browser[hangs] = answers;
  }
});

test('one that is unplugged is told once, and closed', async () => {
  const told = [];
  await openMicrophone(() => {}, (error) => told.push(error.reason));
  browser.track.unplug();
  browser.track.dispatchEvent(new Event('ended'));
  mock.timers.tick(10_000);
  assert.deepEqual(told, ['unplugged']);
  assert.ok(isAllClosed());
});

test('one that gives nothing, or nothing any more, is told and closed', async () => {
  const told = [];
  await openMicrophone(() => {}, (error) => told.push(error.reason));
  mock.timers.tick(2000);
  browser.node.hear(0.5);
  mock.timers.tick(2000);
  assert.deepEqual(told, []);
  mock.timers.tick(1000);
  assert.deepEqual(told, ['nothing']);
  assert.ok(isAllClosed());
});

test('where the browser cannot bring its rate to the context’s, the context has the microphone’s', async () => {
  browser.only = 16_000;
  browser.track.settings = { sampleRate: 16_000 };
  const microphone = await openMicrophone(() => {}, () => {});
  assert.equal(microphone.rate, 16_000);
  assert.deepEqual(browser.contexts.map(({ state }) => state), ['closed', 'suspended']);
  microphone.close();
  assert.ok(isAllClosed());
  browser.only = 1;
  await assert.rejects(openMicrophone(() => {}, () => {}), { reason: 'rate' });
});

test('a recording ends when what was said before its end has come', async () => {
  const recording = new Recording(6, () => {});
  await recording.open();
  browser.node.hear(0.1);
  recording.begin();
  browser.node.hear(0.2, 0.3);
  recording.stop();
  await settled();
  const [until] = browser.node.sent;
  assert.ok(until >= 7.09 && until < 7.15, 'as late as the device says that it is, and a little more');
  browser.node.hear(0.4);
  browser.node.hear();
  const { samples, rate, problem } = await recording.finished;
  assert.deepEqual([...samples], [0.2, 0.3, 0.4].map(Math.fround));
  assert.deepEqual([rate, problem], [44_100, undefined]);
  assert.ok(isAllClosed());
});

test('a recording whose end never comes ends all the same', async () => {
  const recording = new Recording(6, () => {});
  await recording.open();
  recording.begin();
  browser.node.hear(0.2);
  recording.stop();
  mock.timers.tick(501);
  assert.equal((await recording.finished).samples.length, 1);
});

test('a recording is as long as it may be, and no longer', async () => {
  const recording = new Recording(3 / 44_100, () => {});
  await recording.open();
  recording.begin();
  browser.node.hear(0.1, 0.2);
  browser.node.hear(0.3, 0.4);
  assert.deepEqual([...(await recording.finished).samples], [0.1, 0.2, 0.3].map(Math.fround));
  assert.ok(isAllClosed());
});

test('what was recorded before the microphone went away is kept, and nothing is a failure', async () => {
  const recording = new Recording(6, () => {});
  await recording.open();
  recording.begin();
  browser.node.hear(0.1);
  browser.track.unplug();
  const { samples, problem } = await recording.finished;
  assert.deepEqual([samples.length, problem.reason], [1, 'unplugged']);

  browser.track = new Track();
  browser.stream.getTracks = browser.stream.getAudioTracks = () => [browser.track];
  const empty = new Recording(6, () => {});
  await empty.open();
  browser.track.unplug();
  await assert.rejects(empty.finished, { reason: 'unplugged' });
});

test('a recording that is stopped or cancelled before it is open opens nothing', async () => {
  browser.resume = never;
  for (const end of ['stop', 'cancel']) {
    const recording = new Recording(6, () => {});
    const opening = recording.open();
    await settled();
    recording[end]();
    await assert.rejects(opening, { reason: 'nothing' });
    assert.ok(isAllClosed(), end);
  }
});

test('playing is given up where nothing can be played on, and tried anew the next time', async () => {
  browser.resume = never;
  let ends = 0;
  const playing = play({ samples: new Float32Array(1), rate: 16_000 }, () => { ends += 1; });
  mock.timers.tick(5001);
  await assert.rejects(playing, { code: 'no_output' });
  assert.equal(ends, 1);
  const again = play({ samples: new Float32Array(1), rate: 16_000 }, () => { ends += 1; });
  stopPlaying();
  mock.timers.tick(5001);
  await again; // whoever has stopped it is told nothing
  assert.deepEqual([ends, browser.contexts.length], [2, 2]);
});

test('the browser is asked for what the program cannot read, but not for what it would make noise of', async () => {
  const asked = [];
  globalThis.OfflineAudioContext = class {
    async decodeAudioData(bytes) {
      asked.push(bytes);
      if (bytes === 'broken') throw new DOMException('no', 'EncodingError');
      return { numberOfChannels: 2, sampleRate: 48_000, length: 2, getChannelData: (side) => Float32Array.from([side, 0.5]) };
    }
  };
  const read = (code, bytes = 'bytes', message = '') => readSound(
    async () => bytes, () => Promise.reject({ code, message }), async (decoded) => decoded);
  for (const code of ['needs_browser_decoder', 'damaged', 'empty']) {
    assert.deepEqual(await read(code), { samples: Float32Array.from([0, 1, 0.5, 0.5]), channels: 2, rate: 48_000 });
  }
  for (const code of ['not_sound', 'ambiguous', 'too_long', 'needs_label']) await assert.rejects(read(code), { code });
  assert.equal(asked.length, 3);
  await assert.rejects(read('damaged', 'broken'), { code: 'damaged' });
  const sentence = 'AMR-NB in an MP4 or QuickTime file can’t be read here: save the sound as WAV, FLAC, MP3';
  await assert.rejects(read('needs_browser_decoder', 'broken', sentence), { code: 'needs_browser_decoder', message: 'AMR-NB' });
});

test('a format is called by its technical name, and by none where there is none', () => {
  assert.equal(formatName('a WMA file can’t be read here: save the sound as WAV'), 'WMA');
  assert.equal(formatName('E-AC-3 in an MP4 file'), 'E-AC-3');
  assert.equal(formatName('this .xyz file can’t be read here: save it as FLAC'), '');
});
