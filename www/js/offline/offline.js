// The page that a person takes home: the trained model, tried on one's voice or on a sound file, without any server.
// js/room/offline-file.js packs it, everything that it imports and the model into one HTML file.

import { byId, h, setText, show } from '../common/element.js';
import { percent } from '../common/format.js';
import { icon } from '../common/icons.js';
import { colourAs, labelIcon } from '../common/labels.js';
import { explain, fillWords, labelName, words } from '../common/language.js';
import { problemOf } from '../common/problem.js';
import { decodeInBrowser } from '../sound/browser-decoder.js';
import { LevelPicture } from '../sound/level-picture.js';
import { microphoneProblem } from '../sound/microphone-problem.js';
import { MicrophoneError } from '../sound/microphone.js';
import { Recording } from '../sound/recording.js';
import init, { Model } from '/pkg/offline.js';

const LONGEST_S = 6;
const text = words.offline;
/** @type {import('../common/taken-home.js').TakenHome} */
const about = JSON.parse(byId('model').textContent ?? '');
const speak = byId('offline-speak');
const choose = byId('offline-choose');
const file = /** @type {HTMLInputElement} */ (byId('offline-file'));
const canvas = /** @type {HTMLCanvasElement} */ (byId('offline-level'));
const result = byId('offline-result');
/** @type {Recording | null} */
let recording = null;

fillWords();
document.title = text.title(about.name);
setText(byId('offline-title'), text.title(about.name));
byId('offline-facts').append(...text.facts(about, about.labels.map(labelName)).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
choose.append(icon('file'), words.try.file);
nameSpeak();

const model = unpacked(byId('program').textContent ?? '').then(async (program) => {
  await init({ module_or_path: program });
  return new Model(about.architecture, about.labels.length, floats(about.parameters), floats(about.mean), floats(about.deviation), about.speeds);
});
model.catch((error) => tell(error?.message ?? String(error)));

speak.addEventListener('click', async () => {
  if (recording) return recording.stop();
  tell('');
  show(canvas, true);
  const picture = new LevelPicture(canvas, LONGEST_S);
  recording = new Recording(LONGEST_S, (level, length) => picture.add(level, length));
  nameSpeak();
  try {
    await recording.open();
    recording.begin();
    setText(result, words.try.speaking);
    const { samples, rate } = await recording.finished;
    setText(result, words.try.working);
    draw((await model).probabilities(samples, 1, rate));
  } catch (error) {
    recording?.cancel();
    setText(result, '');
    tell(error instanceof MicrophoneError ? microphoneProblem(error) : explain(words.try.errors, error));
  }
  recording = null;
  show(canvas, false);
  nameSpeak();
});

choose.addEventListener('click', () => file.click());
file.addEventListener('change', async () => {
  const [chosen] = file.files ?? [];
  if (!chosen) return;
  tell('');
  try {
    const bytes = await chosen.arrayBuffer();
    const own = await model;
    setText(result, words.try.working);
    await predictFile(own, bytes);
  } catch (error) {
    setText(result, '');
    tell(explain(words.try.errors, error));
  }
  file.value = '';
});

/**
 * The program reads WAV files; the browser everything else.
 * @param {Model} own
 * @param {ArrayBuffer} bytes
 */
async function predictFile(own, bytes) {
  try {
    draw(own.probabilities_of_wav(new Uint8Array(bytes)));
  } catch (error) {
    if (problemOf(error).code !== 'needs_browser_decoder') throw error;
    const decoded = await decodeInBrowser(bytes);
    if (!decoded) throw { code: 'undecodable' };
    draw(own.probabilities(decoded.samples, decoded.channels, decoded.rate));
  }
}

/** @param {Float32Array} probabilities */
function draw(probabilities) {
  const most = probabilities.indexOf(Math.max(...probabilities));
  setText(result, words.try.result(labelName(about.labels[most]), percent(probabilities[most])));
  show(byId('offline-probabilities'), true);
  byId('offline-probabilities').replaceChildren(...about.labels.map((label, index) => {
    const fill = h('span', { class: 'share-fill' });
    fill.style.width = `${(probabilities[index] * 100).toFixed(1)}%`;
    const row = h('li', { class: 'probability', 'data-share': probabilities[index].toFixed(6) },
      h('span', { class: 'label-tag' }, labelIcon(about.labels, index), labelName(label)),
      h('span', { class: 'share-track', 'aria-hidden': 'true' }, fill), h('strong', {}, percent(probabilities[index])));
    colourAs(row, about.labels, index);
    return row;
  }));
}

function nameSpeak() {
  speak.replaceChildren(icon(recording ? 'stop' : 'microphone'), recording ? words.try.stop : words.try.speak);
}

/** @param {string} problem */
function tell(problem) {
  setText(byId('offline-problem'), problem);
  show(byId('offline-problem'), problem !== '');
}

/**
 * f32 in little-endian order, in base64.
 * @param {string} base64
 */
function floats(base64) {
  return new Float32Array(bytesOf(base64).buffer);
}

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/**
 * The program, which is packed with gzip.
 * @param {string} base64
 */
async function unpacked(base64) {
  return new Response(new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}
