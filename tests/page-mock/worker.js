/* global SCENE */
// Answers the page's commands as the real worker would, with made-up figures. The server puts SCENE before the first line.

const LABELS = ['angry', 'happy', 'neutral', 'sad'];
const ROUNDS = 12;

const room = { code: 'DEMO', name: 'Voices of 10b', labels: LABELS, model: 'compact', parameters: 118_532, rounds: ROUNDS, least_clients: 2 };
const busy = ['training', 'lost', 'finished', 'error'].includes(SCENE);
const state = {
  connection: SCENE === 'lost' ? 'lost' : 'open',
  retry_in_s: SCENE === 'lost' ? 14 : null,
  room,
  phase: busy ? 'collecting' : 'lobby',
  round: busy ? 7 : 0,
  rounds: ROUNDS,
  clients: [
    { name: 'Ada', state: busy ? 'training' : 'watching', examples: 0, labels: [0, 0, 0, 0], me: true },
    { name: 'Grace', state: busy ? 'uploading' : 'ready', examples: 24, labels: [6, 6, 6, 6], me: false },
    { name: 'Emmy with quite a long nickname', state: busy ? 'training' : 'watching', examples: 17, labels: [12, 1, 4, 0], me: false },
    { name: '', state: 'offline', examples: 3, labels: [0, 0, 0, 3], me: false },
  ],
  clips: [],
  removed: [],
  taking_part: busy,
  backend: { choice: 'auto', kind: busy ? 'cpu' : null, name: busy ? 'CPU' : null, reason: busy ? 'This browser has no WebGPU.' : null },
  trainer: busy ? 'ready' : 'absent',
  work: busy ? { what: 'training', fraction: 0.4, epoch: 1, epochs: 2, step: 3, steps: 7 } : null,
  bytes: busy ? { sent: 3_412_000, received: 3_870_400 } : { sent: 412, received: 2_310 },
  history: [],
  has_model: busy,
  finished: SCENE === 'finished',
};
const removed = new Map();
let nextClip = 1;

function spectrogram(label, seconds) {
  const columns = 64;
  const bands = 32;
  const pixels = new Uint8Array(columns * bands);
  const pitch = [6, 7, 4, 3][label];
  for (let c = 0; c < columns; c += 1) {
    const t = c / columns;
    const syllable = Math.max(0, Math.sin(t * Math.PI * (3 + seconds * 2))) * Math.sin(t * Math.PI);
    for (let b = 0; b < bands; b += 1) {
      const bend = pitch + Math.sin(t * 6 + label) * (label < 2 ? 2 : 0.6);
      const harmonic = Math.cos((b / bend) * 2 * Math.PI) * 0.5 + 0.5;
      pixels[b * columns + c] = Math.min(255, 20 + 235 * syllable * (0.25 + 0.75 * harmonic) * Math.exp(-b / 20) + Math.random() * 18);
    }
  }
  return { columns, bands, pixels };
}

function addClip(name, label, made_up = false, seconds = 1.2 + Math.random() * 2.5) {
  const clip = { id: nextClip, name, label, seconds, made_up, held_back: nextClip % 5 === 0, spectrogram: spectrogram(label, seconds) };
  nextClip += 1;
  state.clips.push(clip);
  return clip;
}

function tellState() {
  const me = state.clients[0];
  me.examples = state.clips.length;
  me.labels = LABELS.map((_, label) => state.clips.filter((clip) => clip.label === label).length);
  self.postMessage({ type: 'state', ...state });
}

function tellCharts() {
  const line = (key) => state.history.map((h, i) => `${50 + (i * 330) / ROUNDS},${180 - Math.min(1, h[key]) * 150}`).join(' ');
  const chart = (title, shared, own) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 210" role="img" font-size="13" fill="currentColor"><title>${title}</title><text x="10" y="18">${title}</text><g stroke="currentColor" opacity="0.2"><path d="M50 30H388M50 105H388M50 180H388"/></g><g fill="none" stroke-width="2.5"><polyline stroke="var(--series-1, #0072B2)" points="${line(shared)}"/><polyline stroke="var(--series-2, #D55E00)" stroke-dasharray="7 4" points="${line(own)}"/></g></svg>`;
  self.postMessage({ type: 'charts', accuracy: chart('Accuracy', 'shared_accuracy', 'own_accuracy'), loss: chart('Loss', 'shared_loss', 'own_loss'), confusion: null });
}

function closeRound(round) {
  const gain = 1 - Math.exp(-round / 4);
  state.history.push({ round, shared_loss: 1.38 - gain, shared_accuracy: 0.25 + 0.5 * gain, own_loss: 1.3 - 1.1 * gain, own_accuracy: 0.3 + 0.6 * gain, clients: 3, examples: 60 });
  tellCharts();
}

function train() {
  const { work } = state;
  if (!state.taking_part || state.finished || state.connection !== 'open') return;
  if (!work) {
    Object.assign(state, { phase: 'collecting', round: Math.max(1, state.round), work: { what: 'training', fraction: 0, epoch: 1, epochs: 2, step: 0, steps: 7 } });
  } else if (work.step < work.steps) {
    work.step += 1;
  } else if (work.epoch < work.epochs) {
    Object.assign(work, { epoch: work.epoch + 1, step: 0 });
  } else {
    closeRound(state.round);
    state.finished = state.round === ROUNDS;
    Object.assign(state, state.finished ? { phase: 'finished', work: null } : { round: state.round + 1, work: null });
  }
  tellState();
}

const refuse = (code, message = code) => {
  throw { code, message };
};

const commands = {
  open({ code, name }) {
    if (SCENE === 'unknown' || code !== 'DEMO') refuse('unknown_room', 'no such room');
    if (SCENE !== 'empty') for (let i = 0; i < 17; i += 1) addClip(`kitchen_${i}.wav`, [0, 1, 2, 0, 1, 2, 2, 0][i % 8], i > 13);
    if (busy) for (let round = 1; round < (state.finished ? ROUNDS + 1 : 7); round += 1) closeRound(round);
    if (state.finished) Object.assign(state, { phase: 'finished', round: ROUNDS, work: null });
    if (SCENE === 'error') self.postMessage({ type: 'notice', level: 'error', code: 'storage_full', message: 'This browser’s storage is full. Delete some clips, then go on.', detail: '512 MB of 512 MB used' });
    if (SCENE === 'error') self.postMessage({ type: 'notice', level: 'warning', code: 'device_lost', message: 'The graphics chip went away. Training goes on with the processor.' });
    if (SCENE === 'crash') setTimeout(() => self.postMessage({ type: 'crashed', message: 'RuntimeError: unreachable\n  at client.wasm:0x1234' }), 100);
    if (SCENE !== 'training' && SCENE !== 'error') setInterval(train, 400);
    return { room, seat: 'seat-1', name: name ?? 'Ada' };
  },
  name({ name }) {
    state.clients[0].name = name;
  },
  add_file({ name, path, label, bytes }) {
    const head = new TextDecoder('latin1').decode(bytes.slice(0, 4));
    if (head === '\x1aE\xdf\xa3') refuse('needs_browser_decoder');
    if (head !== 'RIFF') refuse('not_sound');
    const found = label ?? LABELS.findIndex((word) => path.toLowerCase().includes(word));
    return found < 0 ? refuse('needs_label') : { clip: addClip(name, found) };
  },
  add_pcm({ name, path = '', samples, channels, rate, label }) {
    const found = label ?? LABELS.findIndex((word) => path.toLowerCase().includes(word));
    return found < 0 ? refuse('needs_label') : { clip: addClip(name, found, false, samples.length / channels / rate) };
  },
  add_made_up: () => ({ clips: LABELS.map((label, index) => addClip(`made-up ${label}`, index, true)) }),
  relabel({ clip, label }) {
    state.clips.find(({ id }) => id === clip).label = label;
  },
  remove({ clip }) {
    const at = state.clips.findIndex(({ id }) => id === clip);
    removed.set(clip, { at, clip: state.clips.splice(at, 1)[0] });
    state.removed.push(clip);
  },
  restore({ clip }) {
    const { at, clip: back } = removed.get(clip);
    state.clips.splice(at, 0, back);
    state.removed = state.removed.filter((id) => id !== clip);
  },
  sound() {
    const rate = 16_000;
    const view = new DataView(new ArrayBuffer(44 + rate * 2));
    const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    text(0, 'RIFF'); view.setUint32(4, 36 + rate * 2, true); text(8, 'WAVEfmt '); view.setUint32(16, 16, true);
    view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true); view.setUint32(28, rate * 2, true);
    view.setUint16(32, 2, true); view.setUint16(34, 16, true); text(36, 'data'); view.setUint32(40, rate * 2, true);
    for (let i = 0; i < rate; i += 1) view.setInt16(44 + i * 2, 3000 * Math.sin(i * 0.12), true);
    return { wav: view.buffer };
  },
  take_part({ on }) {
    Object.assign(state, { taking_part: on, trainer: 'ready', has_model: true, backend: { ...state.backend, kind: 'cpu', name: 'CPU' } });
    if (!on) state.work = null;
    state.clients[0].state = on ? 'training' : 'watching';
  },
  backend({ choice }) {
    state.backend.choice = choice;
  },
  predict_file: () => (state.has_model ? { probabilities: [0.08, 0.71, 0.17, 0.04], frames: 21 } : refuse('no_model')),
  predict_pcm: () => (state.has_model ? { probabilities: [0.62, 0.2, 0.13, 0.05], frames: 33 } : refuse('no_model')),
  live_start() {},
  live_push() {
    const weights = LABELS.map(() => Math.random() ** 3);
    const sum = weights.reduce((a, b) => a + b, 0);
    self.postMessage({ type: 'live', probabilities: weights.map((w) => w / sum), level: 0.5 });
  },
  live_stop() {},
};

self.addEventListener('message', ({ data: { id, type, ...fields } }) => {
  try {
    if (!commands[type]) refuse('unknown_command', type);
    const reply = commands[type](fields);
    self.postMessage({ id, ok: true, ...reply });
    if (type !== 'live_push') tellState();
  } catch (error) {
    self.postMessage({ id, ok: false, error });
  }
});
