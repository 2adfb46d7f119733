// The page that a person takes home: the trained model, tried on one's voice or on a sound file, without any server.
// js/room/offline-file.js packs it, everything that it imports and the model into one HTML file.

import { branchesPicture } from '../common/branches.js';
import { byId, h, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { showSigns } from '../common/labels.js';
import { explain, fillWords, labelName, words } from '../common/language.js';
import { likeliest, probabilityBars } from '../common/probability-bars.js';
import { composed } from '../common/transcript.js';
import { readSound } from '../sound/browser-decoder.js';
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
const bars = probabilityBars(byId('offline-probabilities'));
const branches = branchesPicture(byId('offline-branches'));
const said = /** @type {HTMLInputElement} */ (byId('offline-text'));
const read = byId('offline-read');
/** @type {Recording | null} */
let recording = null;

fillWords();
showSigns(about.labels, about.signs);
document.title = text.title(about.name);
setText(byId('offline-title'), text.title(about.name));
byId('offline-facts').append(...text.facts(about, about.labels.map(labelName)).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
byId('offline-card').append(h('summary', {}, words.card.button), h('pre', { class: 'card-text' }, about.card));
choose.append(icon('file'), words.try.file);
read.append(words.said.alone);
for (const button of [speak, choose]) show(button, about.hears);
show(byId('offline-said'), about.reads);
nameSpeak();

const model = unpacked(byId('program').textContent ?? '').then(async (program) => {
  await init({ module_or_path: program });
  return new Model(about.architecture, about.labels.length, floats(about.parameters), floats(about.mean), floats(about.deviation), about.speeds, about.hears);
});
model.catch((error) => tell(explain({}, { code: 'model', message: String(error?.message ?? error) })));

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
    const { samples, rate, problem } = await recording.finished;
    if (problem) tell(microphoneProblem(problem));
    setText(result, words.try.working);
    draw((await reading()).answer_to(samples, 1, rate));
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
    const own = await reading();
    setText(result, words.try.working);
    // The program reads WAV files; the browser everything else.
    draw(await readSound(
      () => chosen.arrayBuffer(),
      async (bytes) => own.answer_to_wav(new Uint8Array(bytes)),
      async ({ samples, channels, rate }) => own.answer_to(samples, channels, rate)));
  } catch (error) {
    setText(result, '');
    tell(explain(words.try.errors, error));
  }
  file.value = '';
});

said.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.isComposing) read.click();
});
read.addEventListener('click', async () => {
  tell('');
  try {
    draw((await reading()).answer_to_text());
  } catch (error) {
    tell(explain(words.try.errors, error));
  }
});

/** The model, told what is said. */
async function reading() {
  const own = await model;
  own.read(composed(said.value));
  return own;
}

/** @param {import('../worker/messages.js').Predicted} answer */
function draw({ probabilities, branches: sides }) {
  setText(result, (sides && !sides.voice ? words.said.result : words.try.result)(...likeliest(about.labels, probabilities)));
  bars.draw(about.labels, probabilities);
  branches.draw(about.labels, sides);
}

function nameSpeak() {
  speak.replaceChildren(icon(recording ? 'stop' : 'microphone'), recording ? words.try.stop : words.try.speak);
}

/** @param {string} problem */
function tell(problem) {
  tellIn(byId('offline-problem'), problem);
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
