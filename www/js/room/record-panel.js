// Recording a clip: a prompt or a label of one's own choice, 3-2-1, speak, listen, keep or delete. One stage shows the present
// step of record-steps.js, which decides what comes next; this draws it, and does what it asks for.

import { announce } from '../common/announcer.js';
import { byId, h, show } from '../common/element.js';
import { beforeLeaving, labelName, words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { composed } from '../common/transcript.js';
import { LevelPicture } from '../sound/level-picture.js';
import { loudness } from '../sound/loudness.js';
import { stopPlaying } from '../sound/player.js';
import { Recording } from '../sound/recording.js';
import { keepRecording, takeRecording } from './kept-recording.js';
import { recordLive } from './record-live.js';
import { promptOf, recordChoice, recordPrompt } from './record-prompt.js';
import { recordReview } from './record-review.js';
import { START, step, undecided } from './record-steps.js';

/** @typedef {import('../worker/messages.js').RoomState} State */
/** @typedef {import('./record-steps.js').Take} Take */

const LONGEST_S = 6;

/** @param {import('../worker/client.js').Client} client */
export function recordPanel(client) {
  const stage = byId('record-stage');
  let state = START;
  let room = '';
  /** Whether the room's model reads what is said. */
  let reads = false;
  /** @type {Recording | null} */
  let recording = null;
  /** Of the recording that is on, or not decided about. */
  let canvas = levelCanvas();
  let picture = new LevelPicture(canvas, LONGEST_S);
  let stored = Promise.resolve();
  /** @type {ReturnType<typeof recordLive> | null} */
  let live = null;
  /** @type {ReturnType<typeof recordReview> | null} */
  let review = null;

  const prompt = recordPrompt({
    record: () => record(state.prompt.wanted),
    otherSentence() {
      send({ what: 'other_sentence' });
      announce(promptOf(state.prompt, state.prompt.wanted).say);
    },
    skip() {
      send({ what: 'skip' });
      const { labels, wanted } = state.prompt;
      announce(`${words.prompts.skipped(labelName(labels[wanted]))}. ${promptOf(state.prompt, wanted).say}`);
    },
  });

  /**
   * @param {number} label
   * @param {number | null} replaces
   */
  function record(label, replaces = null) {
    send({ what: 'record', label, replaces, said: promptOf(state.prompt, label).sentence ?? '' });
  }

  /** @param {import('./record-steps.js').Event} event */
  function send(event) {
    const before = state;
    const { state: next, effects } = step(state, event);
    state = next;
    draw(before);
    for (const effect of effects) perform(effect);
  }

  /** @param {import('./record-steps.js').State} before */
  function draw({ at: before, prompt: prompted }) {
    const { at } = state;
    if (at.is === 'choosing') {
      if (at !== before || prompted.labels !== state.prompt.labels) drawChoice(before, at.problem);
      else prompt.update(state.prompt);
    } else if (at === before) return;
    else if (at.is === 'opening') drawLive(at);
    else if (at.is === 'counting') live?.counts(at.left);
    else if (at.is === 'recording') live?.begins();
    else if (at.is === 'storing') review?.storing();
    else if (at.is === 'reviewing' && before.is === 'judging') drawReview(at);
    else if (at.is === 'reviewing' && before.is === 'storing') review?.refused(at.problem);
  }

  /**
   * @param {import('./record-steps.js').Step} before
   * @param {unknown} problem why there is no recording
   */
  function drawChoice(before, problem) {
    const { labels } = state.prompt;
    if (before.is === 'storing') announce((before.replaces === null ? words.record.kept : words.record.replaced)(labelName(labels[before.label])));
    prompt.update(state.prompt);
    stage.replaceChildren(prompt.element, ...recordChoice(labels, problem, record));
    if (before.is !== 'choosing') prompt.focus();
  }

  /** @param {Take} take */
  function drawLive({ label }) {
    canvas = levelCanvas();
    live = recordLive(state.prompt.labels, label, promptOf(state.prompt, label).say, canvas, {
      cancel: () => send({ what: 'cancel' }),
      stop: () => send({ what: 'stop' }),
      longest: LONGEST_S,
    });
    stage.replaceChildren(live.element);
    picture = new LevelPicture(canvas, LONGEST_S); // it measures the canvas, which is on the page now
    live.focus();
  }

  /** @param {Take & {sound: import('../sound/recording.js').Sound, complaints: string[], problem: unknown}} recorded */
  function drawReview(recorded) {
    const { label, sound: { samples, rate } } = recorded;
    review = recordReview(state.prompt.labels, recorded, reads, canvas, {
      says: (said) => send({ what: 'said', said }),
      keep: () => send({ what: 'keep' }),
      again: () => send({ what: 'again' }),
      drop: () => send({ what: 'drop' }),
      async save() {
        const { wav } = await client.request('to_wav', { samples, channels: 1, rate });
        saveFile(`${clipName(state.prompt.labels[label]).replaceAll(':', '-')}.wav`, wav, 'audio/wav');
      },
    });
    stage.replaceChildren(review.element);
    review.focus();
    announce(review.said);
    if (recorded.problem !== null) review.cutShort(recorded.problem);
  }

  /** @param {import('./record-steps.js').Effect} effect */
  function perform(effect) {
    switch (effect) {
      // Tells the others in the room; nothing depends on it.
      case 'busy': return client.request('recording', { on: true }).catch(() => {});
      case 'idle': return client.request('recording', { on: false }).catch(() => {});
      case 'hush': return stopPlaying();
      case 'open': return open();
      case 'wait': return wait();
      case 'begin': return begin();
      case 'stop': return recording?.stop();
      case 'forget': return recording?.cancel();
      case 'judge': return judge();
      case 'store': stored = store();
    }
  }

  async function open() {
    const mine = new Recording(LONGEST_S, (level, length) => picture.add(level, length));
    recording = mine;
    try {
      await mine.open();
      if (recording !== mine) return;
      send({ what: 'opened' });
      const { problem = null, ...sound } = await mine.finished;
      if (recording === mine) send({ what: 'heard', sound, problem });
    } catch (problem) {
      if (recording === mine) send({ what: 'failed', problem });
    }
  }

  function wait() {
    const mine = recording;
    setTimeout(() => {
      if (recording === mine) send({ what: 'second' });
    }, 1000);
  }

  function begin() {
    picture.clear();
    recording?.begin();
  }

  async function judge() {
    const found = undecided(state);
    if (!found) return;
    const { samples, rate } = found.sound;
    // Without an answer there is no advice, and the person's own ears decide.
    const { complaints } = await client.request('quality', { samples, channels: 1, rate }).catch(() => ({ complaints: [] }));
    send({ what: 'judged', complaints });
  }

  async function store() {
    const { at, prompt: { labels } } = state;
    if (at.is !== 'storing') return;
    const { label, replaces, said, sound: { samples, rate } } = at;
    try {
      await client.request('add_pcm', { name: clipName(labels[label]), samples, channels: 1, rate, label, text: reads ? composed(said) : null });
      if (replaces !== null) await client.request('remove', { clips: [replaces] });
      send({ what: 'kept' });
    } catch (problem) {
      send({ what: 'refused', problem });
    }
  }

  // In another language the page begins anew, but what was recorded and not decided about is there again.
  beforeLeaving(async () => {
    if (state.at.is === 'recording' && recording) {
      send({ what: 'stop' });
      await recording.finished.catch(() => {});
    }
    await stored;
    const found = undecided(state);
    if (found) keepRecording({ room, ...found });
  });

  function restore() {
    const kept = takeRecording(room);
    if (!kept || kept.take.label >= state.prompt.labels.length) return;
    canvas = levelCanvas();
    stage.replaceChildren(h('div', { class: 'stage' }, canvas));
    picture = new LevelPicture(canvas, LONGEST_S);
    drawLevels(picture, kept.sound);
    send({ what: 'restored', take: kept.take, sound: kept.sound });
  }

  return {
    /** @param {State} view */
    update({ room: { code, labels, prompts, reads: nowReads }, clips }) {
      const first = state === START;
      room = code;
      reads = nowReads;
      show(byId('record-reads'), reads);
      const same = labels.join('\n') === state.prompt.labels.join('\n');
      const counts = labels.map((_, index) => clips.filter(({ label }) => label === index).length);
      send({ what: 'room', labels: same ? state.prompt.labels : labels, prompts, counts });
      if (first) restore();
    },

    /**
     * Records a clip anew; once the new one is kept, the old one goes.
     * @param {number} label
     * @param {number} clip
     */
    again(label, clip) {
      // A recording that is on, or not decided about, is not thrown away: it is shown.
      if (state.at.is === 'choosing') {
        send({ what: 'other_sentence' });
        record(label, clip);
      }
      stage.scrollIntoView({ block: 'center' });
    },
  };
}

function levelCanvas() {
  return h('canvas', { class: 'level', 'aria-hidden': 'true' });
}

/**
 * The loudness of a whole recording.
 * @param {LevelPicture} picture
 * @param {import('../sound/recording.js').Sound} sound
 */
function drawLevels(picture, { samples, rate }) {
  const block = Math.ceil(rate / 50);
  for (let at = 0; at < samples.length; at += block) picture.add(loudness(samples.subarray(at, at + block)), at / rate);
}

/** @param {string} label */
function clipName(label) {
  return `${label} ${new Date().toLocaleString('sv')}`;
}
