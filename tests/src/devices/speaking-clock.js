// A microphone that says what time it is: the height of each sample is the moment at which it was said. So a test sees which
// moments a recording has, and which it lost. It runs before the page's scripts, and notes in `window.recordings`, all in
// seconds of that clock, what it heard of each: when the page said that it records and when it was told to end, and the first
// and the last moment in what the page's worker was given.

const Context = AudioContext;
const LONGEST = 30; // seconds, in which the height goes from 0 to 1
const PAST = 1; // seconds for which one remembers how far the clock had come when

window.recordings = [];
let clock = new Context();
/** How far the clock is ahead of the page's, by its latest readings. It is told of in leaps, and never before its time. */
let readings = [];
let begun = 0;
let stopped = 0;

setInterval(() => {
  const now = performance.now() / 1000;
  readings = [...readings.filter(([when]) => when > now - PAST), [now, clock.currentTime - now]];
}, 10);

navigator.mediaDevices.getUserMedia = async () => {
  clock.close();
  clock = new Context();
  readings = [];
  const hand = new ConstantSourceNode(clock, { offset: 0 });
  const microphone = new MediaStreamAudioDestinationNode(clock, { channelCount: 1 });
  hand.offset.setValueAtTime(0, 0);
  hand.offset.linearRampToValueAtTime(1, LONGEST);
  hand.connect(microphone);
  hand.start();
  return microphone.stream;
};

// The later of two readings counts against the recording: the clock as it is told at its beginning, and at its end as far as
// it may have come since it was told.
new MutationObserver(() => {
  const stop = document.querySelector('[data-test="stop-recording"]');
  if (!stop || stop.isTimed) return;
  stop.isTimed = true;
  begun = clock.currentTime;
}).observe(document, { childList: true, subtree: true });
document.addEventListener('click', ({ target }) => {
  if (!target.closest('[data-test="stop-recording"]')) return;
  const ahead = Math.max(...readings.map(([, ahead]) => ahead));
  stopped = Math.max(clock.currentTime, performance.now() / 1000 + ahead);
}, true);

const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (message, ...rest) {
  if (message.type === 'quality') {
    const { samples, rate } = message;
    const [first, last] = [samples[0], samples[samples.length - 1]].map((height) => height * LONGEST);
    window.recordings.push({ begun, first, last, stopped, rate, seconds: samples.length / rate });
  }
  return postMessage.call(this, message, ...rest);
};
