// Trying a model, the shared or the personal one: speak, choose a sound, or listen live, and see how likely each label
// is. Where it was wrong, one tap says so.

import { announce } from '../common/announcer.js';
import { branchesPicture, branchesSentence } from '../common/branches.js';
import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { explain, words } from '../common/language.js';
import { likeliest, probabilityBars } from '../common/probability-bars.js';
import { composed } from '../common/transcript.js';
import { readSound } from '../sound/browser-decoder.js';
import { LevelPicture } from '../sound/level-picture.js';
import { microphoneProblem } from '../sound/microphone-problem.js';
import { MicrophoneError } from '../sound/microphone.js';
import { Recording } from '../sound/recording.js';
import { correctionPanel } from './correction-panel.js';
import { Latency, afterPaint } from './latency.js';
import { liveListening } from './live-listening.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

const LONGEST_S = 6;

/** @param {import('../worker/client.js').Client} client */
export function tryPanel(client) {
  const speak = byId('try-speak');
  const choose = byId('try-choose');
  const live = byId('try-live');
  const file = /** @type {HTMLInputElement} */ (byId('try-file'));
  const canvas = /** @type {HTMLCanvasElement} */ (byId('try-level'));
  const result = byId('try-result');
  /** @type {string[]} */
  let labels = [];
  /** @type {Recording | null} */
  let recording = null;
  const correction = correctionPanel(client);
  const list = byId('try-probabilities');
  const bars = probabilityBars(list);
  const branches = branchesPicture(byId('try-branches'));
  const said = /** @type {HTMLInputElement} */ (byId('try-text'));
  const read = byId('try-read');
  const listening = liveListening(client, {
    began() {
      setText(result, words.try.listening);
      announce(words.try.listening);
      list.classList.add('live');
      correction.show();
    },
    ended(error) {
      list.classList.remove('live');
      list.removeAttribute('data-silent');
      setText(result, '');
      nameLive();
      if (error !== null) tell(sentenceOf(error));
    },
  });
  // From a sound's arrival to its bars: of the newest piece of sound in an answer, and of the one that waited longest.
  const newest = new Latency();
  const oldest = new Latency();

  const which = byId('try-which');
  for (const whose of /** @type {const} */ (['ours', 'mine'])) {
    const radio = h('input', {
      type: 'radio', name: 'try-which', value: whose, 'data-test': `try-${whose}`,
      onchange: () => client.request('try_with', { mine: whose === 'mine' }).catch((error) => tell(sentenceOf(error))),
    });
    which.append(h('label', { class: 'choice' }, radio, words.try[whose]));
  }

  choose.append(icon('file'), words.try.file);
  read.append(words.said.alone);
  nameSpeak();
  nameLive();

  speak.addEventListener('click', async () => {
    if (recording) return recording.stop();
    listening.stop();
    tell('');
    correction.hide();
    const picture = openPicture();
    recording = new Recording(LONGEST_S, (level, length) => picture.add(level, length));
    nameSpeak();
    try {
      await recording.open();
      recording.begin();
      setText(result, words.try.speaking);
      announce(words.try.speaking);
      const { samples, rate, problem } = await recording.finished;
      if (problem) tell(microphoneProblem(problem));
      await predict(client.request('predict_pcm', { samples, channels: 1, rate }), '');
    } catch (error) {
      recording?.cancel();
      if (error instanceof MicrophoneError) setText(result, '');
      tell(sentenceOf(error));
    }
    recording = null;
    show(canvas, false);
    nameSpeak();
  });

  choose.addEventListener('click', () => file.click());
  file.addEventListener('change', async () => {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    listening.stop();
    tell('');
    correction.hide();
    try {
      await predict(readSound(
        () => chosen.arrayBuffer(),
        (bytes) => client.request('predict_file', { name: chosen.name, bytes }),
        (decoded) => client.request('predict_pcm', decoded)), chosen.name);
    } catch (error) {
      tell(sentenceOf(error));
    }
    file.value = '';
  });

  said.addEventListener('input', () => client.request('try_text', { text: composed(said.value) }).then(() => {
    setAttribute(said, 'aria-invalid', null);
    tell('');
  }, (error) => {
    setAttribute(said, 'aria-invalid', 'true');
    tell(sentenceOf(error));
  }));
  said.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) read.click();
  });
  read.addEventListener('click', async () => {
    listening.stop();
    tell('');
    correction.hide();
    try {
      await predict(client.request('predict_text'), '', false);
    } catch (error) {
      tell(sentenceOf(error));
    }
  });

  live.addEventListener('click', () => {
    if (listening.wanted) return listening.stop();
    tell('');
    listening.start();
    nameLive();
  });

  /**
   * @param {Promise<import('../worker/messages.js').Predicted>} answer
   * @param {string} source the file's name, or nothing for speech
   * @param {boolean} heard whether there is a sound, of which a clip can be made
   */
  async function predict(answer, source, heard = true) {
    setText(result, words.try.working);
    try {
      const { probabilities, branches: sides } = await answer;
      bars.draw(labels, probabilities);
      branches.draw(labels, sides);
      const sentence = (heard ? words.try.result : words.said.result)(...likeliest(labels, probabilities));
      setText(result, source ? `${sentence}. ${words.try.made(source)}` : sentence);
      announce(`${sentence}. ${branchesSentence(labels, sides)}`);
      if (heard) correction.show();
    } catch (error) {
      setText(result, '');
      throw error;
    }
  }

  function openPicture() {
    show(canvas, true);
    return new LevelPicture(canvas, LONGEST_S);
  }

  function nameSpeak() {
    speak.replaceChildren(icon(recording ? 'stop' : 'microphone'), recording ? words.try.stop : words.try.speak);
  }

  function nameLive() {
    live.replaceChildren(icon(listening.wanted ? 'stop' : 'wave'), listening.wanted ? words.try.liveStop : words.try.live);
    setAttribute(live, 'aria-pressed', listening.wanted ? 'true' : 'false');
  }

  /** @param {string} text */
  function tell(text) {
    tellIn(byId('try-problem'), text);
  }

  return {
    /** @param {State} state */
    update(state) {
      const { room, has_model: hasModel, personal, try_mine: mine } = state;
      labels = room.labels;
      correction.update(state);
      for (const button of [speak, choose, live]) show(button, room.hears);
      show(byId('try-said'), room.reads);
      show(which, personal !== null);
      for (const radio of which.querySelectorAll('input')) radio.checked = radio.value === (mine ? 'mine' : 'ours');
      speak.classList.toggle('primary', hasModel);
      setText(byId('try-intro'), hasModel ? words.try.intro : words.try.introNone);
    },

    /** @param {import('../worker/messages.js').Live} event */
    heard({ probabilities, branches: sides, since, at }) {
      if (!listening.wanted) return;
      setAttribute(list, 'data-silent', !probabilities);
      if (!probabilities) return setText(result, words.try.silence);
      bars.draw(labels, probabilities);
      branches.draw(labels, sides);
      setText(result, words.try.hears(likeliest(labels, probabilities)[0]));
      afterPaint(() => {
        const now = performance.now();
        newest.add(now - at);
        oldest.add(now - since);
        performance.measure('chorus-live', { start: since, end: now });
        performance.clearMeasures('chorus-live'); // whoever wants them observes them; they must not pile up
        list.dataset.latencyMs = newest.median().toFixed(0);
        list.dataset.latencyLongestMs = oldest.median().toFixed(0);
      });
    },
  };
}

/** @param {unknown} error */
function sentenceOf(error) {
  return error instanceof MicrophoneError ? microphoneProblem(error) : explain(words.try.errors, error);
}
