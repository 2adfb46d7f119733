// Recording a clip: choose a label, 3-2-1, speak, listen, keep or delete. One stage shows one step at a time.

import { announce } from './announcer.js';
import { byId, h, setText } from './element.js';
import { seconds } from './format.js';
import { icon } from './icons.js';
import { colourAs, labelIcon } from './labels.js';
import { explain, labelName, words } from './language.js';
import { LevelPicture } from './level-picture.js';
import { peak } from './loudness.js';
import { microphoneProblem } from './microphone-problem.js';
import { play, stopPlaying } from './player.js';
import { Recording } from './recording.js';
import { saveFile } from './save-file.js';

/** @typedef {import('./messages.js').RoomState} State */

const LONGEST_S = 6;
const COUNT_FROM = 3;
const QUIET_PEAK = 0.01; // −40 dB: nothing but the room's own noise

/** @param {import('./client.js').Client} client */
export function recordPanel(client) {
  const stage = byId('record-stage');
  /** @type {string[]} */
  let labels = [];

  /** @param {number | null} focus the label whose button gets the keyboard's focus, for going on at once */
  function choose(focus = null, problem = '') {
    const buttons = labels.map((label, index) => {
      const button = h('button', {
        class: 'record-button', type: 'button', 'data-test': `record-${index}`, 'aria-label': words.record.button(labelName(label)),
        onclick: () => record(index),
      }, labelIcon(index), labelName(label));
      colourAs(button, index);
      return button;
    });
    stage.replaceChildren(
      h('p', { class: 'hint' }, words.record.choose),
      h('div', { class: 'record-buttons' }, ...buttons),
      problem && h('p', { class: 'problem', role: 'alert', 'data-test': 'record-problem' }, problem),
      h('p', { class: 'hint why' }, words.record.why));
    if (focus !== null) buttons[focus]?.focus();
  }

  /** @param {number} label */
  async function record(label) {
    stopPlaying();
    const name = labelName(labels[label]);
    const canvas = h('canvas', { class: 'level', 'aria-hidden': 'true' });
    const saying = h('span', {}, words.record.opening);
    const headline = h('p', { class: 'stage-line' }, labelIcon(label), saying);
    const count = h('p', { class: 'count', 'aria-hidden': 'true' });
    const cancel = h('button', { type: 'button', 'data-test': 'cancel-recording' }, words.common.cancel);
    stage.replaceChildren(h('div', { class: 'stage' }, headline, count, canvas, cancel));
    cancel.focus();

    const picture = new LevelPicture(canvas, LONGEST_S);
    const recording = new Recording(LONGEST_S, (level, length) => picture.add(level, length));
    let cancelled = false;
    const giveUp = () => {
      cancelled = true;
      recording.cancel();
      choose(label);
    };
    cancel.addEventListener('click', giveUp);
    try {
      await recording.open();
      if (cancelled) return;
      setText(saying, words.record.ready(name));
      announce(words.record.ready(name));
      for (let number = COUNT_FROM; number > 0; number -= 1) {
        setText(count, String(number));
        await new Promise((resolve) => setTimeout(resolve, 1000));
        if (cancelled) return;
      }
      count.remove();
      picture.clear();
      recording.begin();
      setText(saying, words.record.now(name));
      headline.classList.add('live');
      const stop = h('button', { class: 'primary', type: 'button', 'data-test': 'stop-recording', onclick: () => recording.stop() }, icon('stop'), words.record.stop);
      cancel.replaceWith(stop, h('p', { class: 'hint' }, words.record.limit(LONGEST_S)));
      stop.focus();
      announce(words.record.now(name));
      review(label, await recording.finished, canvas);
    } catch (error) {
      recording.cancel();
      choose(label, microphoneProblem(error));
    }
  }

  /**
   * @param {number} label
   * @param {import('./recording.js').Sound} sound
   * @param {HTMLCanvasElement} canvas the picture of the recording
   */
  function review(label, sound, canvas) {
    const name = labelName(labels[label]);
    const length = seconds(sound.samples.length / sound.rate);
    const question = words.record.review(name, length);
    const problem = h('p', { class: 'problem', role: 'alert', 'data-test': 'record-problem', hidden: true });
    const listen = h('button', { type: 'button', 'data-test': 'listen' }, icon('play'), words.record.play);
    let playing = false;
    listen.addEventListener('click', () => {
      if (playing) return stopPlaying();
      playing = true;
      listen.replaceChildren(icon('stop'), words.record.stopPlaying);
      play(sound, () => {
        playing = false;
        listen.replaceChildren(icon('play'), words.record.play);
      }).catch(({ message }) => tell(message));
    });
    const keep = h('button', { class: 'primary', type: 'button', 'data-test': 'keep-clip' }, icon('good'), words.record.keep);
    keep.addEventListener('click', async () => {
      stopPlaying();
      keep.setAttribute('aria-disabled', 'true');
      try {
        await client.request('add_pcm', { name: clipName(labels[label]), samples: sound.samples, channels: 1, rate: sound.rate, label });
        announce(words.record.kept(name));
        choose(label);
      } catch (error) {
        keep.removeAttribute('aria-disabled');
        tell(explain(words.files.errors, /** @type {any} */ (error)));
        // It could not be stored: it can still be saved, and nothing is lost.
        if (!saver.isConnected) keep.after(saver);
      }
    });
    const drop = h('button', { type: 'button', 'data-test': 'drop-clip', onclick: () => { stopPlaying(); choose(label); } }, icon('bin'), words.record.drop);
    const again = h('button', { type: 'button', 'data-test': 'record-again', onclick: () => record(label) }, icon('microphone'), words.record.again);

    const saver = h('button', { type: 'button', 'data-test': 'save-recording' }, icon('download'), words.takeHome.recording);
    saver.addEventListener('click', async () => {
      try {
        const { wav } = await client.request('to_wav', { samples: sound.samples, channels: 1, rate: sound.rate });
        saveFile(`${clipName(labels[label]).replaceAll(':', '-')}.wav`, wav, 'audio/wav');
      } catch (error) {
        tell(explain(words.files.errors, /** @type {any} */ (error)));
      }
    });

    /** @param {string} text */
    function tell(text) {
      setText(problem, text);
      problem.hidden = false;
    }

    stage.replaceChildren(h('div', { class: 'stage' },
      h('p', { class: 'stage-line' }, labelIcon(label), question), canvas, problem,
      h('div', { class: 'stage-buttons' }, keep, listen, again, drop)));
    if (peak(sound.samples) < QUIET_PEAK) tell(words.record.quiet);
    keep.focus();
    announce(question);
  }

  return {
    /** @param {State} state */
    update({ room }) {
      if (labels.join('\n') === room.labels.join('\n')) return;
      labels = room.labels;
      choose();
    },
  };
}

/** @param {string} label */
function clipName(label) {
  return `${label} ${new Date().toLocaleString('sv')}`;
}
