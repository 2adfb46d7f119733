// Recording a clip: a prompt or a label of one's own choice, 3-2-1, speak, listen, keep or delete. One stage shows one
// step at a time, and after each clip the prompt goes on to the label that has the fewest.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { seconds } from '../common/format.js';
import { icon } from '../common/icons.js';
import { colourAs, labelIcon } from '../common/labels.js';
import { explain, labelName, words } from '../common/language.js';
import { LevelPicture } from '../sound/level-picture.js';
import { microphoneProblem } from '../sound/microphone-problem.js';
import { play, stopPlaying } from '../sound/player.js';
import { Recording } from '../sound/recording.js';
import { nextLabel, promptFor } from './prompts.js';
import { adviceBanner, adviceOn } from './quality-advice.js';
import { saveFile } from './save-file.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

const LONGEST_S = 6;
const COUNT_FROM = 3;

/** @param {import('../worker/client.js').Client} client */
export function recordPanel(client) {
  const stage = byId('record-stage');
  /** @type {string[]} */
  let labels = [];
  /** @type {number[]} */
  let counts = [];
  /** The label of the prompt, and which sentence it has. */
  let wanted = 0;
  let turn = 0;
  /** Labels that the person has skipped since the last clip.
   * @type {number[]} */
  let skipped = [];

  // The prompt's elements stay while the stage shows it, so that the keyboard's focus does.
  const promptIcon = h('span', { class: 'prompt-icon' });
  const promptName = h('strong');
  const say = h('p', { id: 'prompt-say', class: 'prompt-say', 'data-test': 'prompt-say' });
  const how = h('p', { id: 'prompt-how', class: 'hint' });
  const recordNext = h('button', { class: 'primary big', type: 'button', 'data-test': 'record-next', 'aria-describedby': 'prompt-say prompt-how', onclick: () => record(wanted) }, icon('microphone'), words.prompts.record);
  const otherSentence = h('button', { type: 'button', 'data-test': 'other-sentence' }, words.prompts.sentence);
  otherSentence.addEventListener('click', () => {
    turn += 1;
    drawPrompt();
    announce(say.textContent ?? '');
  });
  const skip = h('button', { type: 'button', 'data-test': 'skip-prompt' }, words.prompts.skip);
  skip.addEventListener('click', () => {
    if (skipped.length + 1 >= labels.length) skipped = [];
    skipped.push(wanted);
    wanted = nextLabel(counts, skipped);
    turn += 1;
    drawPrompt();
    announce(`${words.prompts.skipped(labelName(labels[wanted]))}. ${say.textContent}`);
  });
  const prompt = h('div', { class: 'prompt', 'data-test': 'prompt' },
    h('p', { class: 'prompt-next' }, h('span', {}, words.prompts.next), promptIcon, promptName), say, how,
    h('div', { class: 'stage-buttons' }, recordNext, otherSentence, skip));

  function drawPrompt() {
    const label = labels[wanted];
    if (label === undefined) return;
    if (prompt.dataset.label !== label) {
      promptIcon.replaceChildren(labelIcon(labels, wanted));
      colourAs(prompt, labels, wanted);
      prompt.dataset.label = label;
      setText(promptName, labelName(label));
      setAttribute(recordNext, 'aria-label', words.prompts.recordThis(labelName(label)));
    }
    const said = promptOf(wanted);
    setText(say, said.say);
    setText(how, said.how);
    show(otherSentence, said.spoken);
    show(skip, labels.length > 1);
  }

  /** @param {number} label */
  const promptOf = (label) => promptFor(labels[label], labelName(labels[label]), turn, words);

  /** The prompt, and a button for each label.
   * @param {'prompt' | 'nowhere'} [focus] where the keyboard goes on
   * @param {string} [problem] why there is no recording */
  function choose(focus = 'nowhere', problem = '') {
    drawPrompt();
    const buttons = labels.map((label, index) => {
      const button = h('button', {
        class: 'record-button', type: 'button', 'data-test': `record-${index}`, 'aria-label': words.record.button(labelName(label)),
        onclick: () => record(index),
      }, labelIcon(labels, index), labelName(label));
      colourAs(button, labels, index);
      return button;
    });
    stage.replaceChildren(...[
      prompt,
      problem && h('p', { class: 'problem', role: 'alert', 'data-test': 'record-problem' }, problem),
      h('p', { class: 'hint' }, words.record.choose),
      h('div', { class: 'record-buttons' }, ...buttons),
      h('p', { class: 'hint why' }, words.record.why)].filter((part) => part !== ''));
    if (focus === 'prompt') recordNext.focus();
  }

  /** Tells the others in the room; nothing depends on it. @param {boolean} on */
  const tellRoom = (on) => client.request('recording', { on }).catch(() => {});

  /**
   * @param {number} label
   * @param {number | null} [replaces] the clip that this recording takes the place of
   */
  async function record(label, replaces = null) {
    stopPlaying();
    wanted = label;
    tellRoom(true);
    const name = labelName(labels[label]);
    const canvas = h('canvas', { class: 'level', 'aria-hidden': 'true' });
    const saying = h('span', {}, words.record.opening);
    const headline = h('p', { class: 'stage-line' }, labelIcon(labels, label), saying);
    const count = h('p', { class: 'count', 'aria-hidden': 'true' });
    const cancel = h('button', { type: 'button', 'data-test': 'cancel-recording' }, words.common.cancel);
    const { say: sentence } = promptOf(label);
    stage.replaceChildren(h('div', { class: 'stage' }, headline, h('p', { class: 'prompt-say' }, sentence), count, canvas, cancel));
    cancel.focus();

    const picture = new LevelPicture(canvas, LONGEST_S);
    const recording = new Recording(LONGEST_S, (level, length) => picture.add(level, length));
    let cancelled = false;
    const giveUp = () => {
      cancelled = true;
      recording.cancel();
      tellRoom(false);
      choose('prompt');
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
      const sound = await recording.finished;
      tellRoom(false);
      await review(label, sound, canvas, replaces);
    } catch (error) {
      recording.cancel();
      tellRoom(false);
      choose('prompt', microphoneProblem(error));
    }
  }

  /**
   * @param {number} label
   * @param {import('../sound/recording.js').Sound} sound
   * @param {HTMLCanvasElement} canvas the picture of the recording
   * @param {number | null} replaces
   */
  async function review(label, sound, canvas, replaces) {
    // Without an answer there is no advice, and the person's own ears decide.
    const { complaints } = await client.request('quality', { samples: sound.samples, channels: 1, rate: sound.rate }).catch(() => ({ complaints: [] }));
    const advice = adviceBanner(complaints);
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
    const keep = h('button', { class: advice ? '' : 'primary', type: 'button', 'data-test': 'keep-clip' }, icon('good'), words.record.keep);
    keep.addEventListener('click', async () => {
      stopPlaying();
      keep.setAttribute('aria-disabled', 'true');
      try {
        await client.request('add_pcm', { name: clipName(labels[label]), samples: sound.samples, channels: 1, rate: sound.rate, label });
        if (replaces !== null) await client.request('remove', { clips: [replaces] });
        announce((replaces === null ? words.record.kept : words.record.replaced)(name));
        skipped = [];
        turn += 1;
        // The worker's own count comes a moment later, and is the same.
        counts = counts.map((count, index) => count + (index === label && replaces === null ? 1 : 0));
        goOn();
        choose('prompt');
      } catch (error) {
        keep.removeAttribute('aria-disabled');
        tell(explain({ ...words.files.errors, storage_full: words.problems.storage_full }, error));
        // It could not be stored: it can still be saved, and nothing is lost.
        if (!saver.isConnected) keep.after(saver);
      }
    });
    const drop = h('button', { type: 'button', 'data-test': 'drop-clip', onclick: () => { stopPlaying(); choose('prompt'); } }, icon('bin'), words.record.drop);
    const again = h('button', { type: 'button', 'data-test': 'record-again', class: advice ? 'primary' : '', onclick: () => record(label, replaces) }, icon('microphone'), words.record.again);

    const saver = h('button', { type: 'button', 'data-test': 'save-recording' }, icon('download'), words.takeHome.recording);
    saver.addEventListener('click', async () => {
      try {
        const { wav } = await client.request('to_wav', { samples: sound.samples, channels: 1, rate: sound.rate });
        saveFile(`${clipName(labels[label]).replaceAll(':', '-')}.wav`, wav, 'audio/wav');
      } catch (error) {
        tell(explain(words.files.errors, error));
      }
    });

    /** @param {string} text */
    function tell(text) {
      setText(problem, text);
      problem.hidden = false;
    }

    stage.replaceChildren(h('div', { class: 'stage' },
      h('p', { class: 'stage-line' }, labelIcon(labels, label), question), canvas, advice, problem,
      h('div', { class: 'stage-buttons' }, ...(advice ? [again, keep] : [keep, again]), listen, drop)));
    (advice ? again : keep).focus();
    announce(advice ? `${question} ${adviceOn(complaints).join(' ')}` : question);
  }

  /** To the label that has the fewest clips now. */
  function goOn() {
    wanted = nextLabel(counts, skipped);
    drawPrompt();
  }

  return {
    /** @param {State} state */
    update({ room, clips }) {
      const now = room.labels.map((_, index) => clips.filter(({ label }) => label === index).length);
      const changed = now.join() !== counts.join();
      counts = now;
      if (labels.join('\n') !== room.labels.join('\n')) {
        labels = room.labels;
        goOn();
        choose();
      } else if (changed && stage.contains(prompt)) {
        goOn();
      }
    },

    /**
     * Records a clip anew; once the new one is kept, the old one goes.
     * @param {number} label
     * @param {number} clip
     */
    again(label, clip) {
      // A recording that is on, or not decided about, is not thrown away: it is shown.
      if (stage.contains(prompt)) {
        turn += 1;
        record(label, clip);
      }
      stage.scrollIntoView({ block: 'center' });
    },
  };
}

/** @param {string} label */
function clipName(label) {
  return `${label} ${new Date().toLocaleString('sv')}`;
}
