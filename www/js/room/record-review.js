// A recording that waits to be decided about: listen, say what was said where the model reads that, keep, record again, delete, and
// save it where it cannot be kept.

import { h, setText } from '../common/element.js';
import { seconds } from '../common/format.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { explain, labelName, words } from '../common/language.js';
import { FIELD } from '../common/transcript.js';
import { microphoneProblem } from '../sound/microphone-problem.js';
import { play, stopPlaying } from '../sound/player.js';
import { adviceBanner, adviceOn } from './quality-advice.js';

/**
 * @param {string[]} labels of the room
 * @param {{label: number, said: string, sound: import('../sound/recording.js').Sound, complaints: string[]}} recorded
 * @param {boolean} reads whether the room's model reads what is said
 * @param {HTMLCanvasElement} canvas the picture of the recording
 * @param {{says: (said: string) => void, keep: () => void, again: () => void, drop: () => void, save: () => Promise<void>}} wishes
 */
export function recordReview(labels, { label, said, sound, complaints }, reads, canvas, wishes) {
  const advice = adviceBanner(complaints);
  const question = words.record.review(labelName(labels[label]), seconds(sound.samples.length / sound.rate));
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
    }).catch((error) => tell(explain(words.files.errors, error)));
  });
  const keep = h('button', { class: advice ? '' : 'primary', type: 'button', 'data-test': 'keep-clip', onclick: wishes.keep }, icon('good'), words.record.keep);
  const again = h('button', { type: 'button', 'data-test': 'record-again', class: advice ? 'primary' : '', onclick: wishes.again }, icon('microphone'), words.record.again);
  const drop = h('button', { type: 'button', 'data-test': 'drop-clip', onclick: wishes.drop }, icon('bin'), words.record.drop);
  const field = h('input', { ...FIELD, id: 'review-text', value: said, 'data-test': 'review-text', 'aria-describedby': 'review-text-hint' });
  field.addEventListener('input', () => wishes.says(field.value));
  const asksText = reads && h('div', { class: 'field said-field' }, h('label', { for: 'review-text' }, words.said.review), field,
    h('p', { id: 'review-text-hint', class: 'hint' }, words.said.reviewHint));
  const save = h('button', { type: 'button', 'data-test': 'save-recording' }, icon('download'), words.takeHome.recording);
  save.addEventListener('click', () => wishes.save().catch((error) => tell(explain(words.files.errors, error))));

  /** @param {string} text */
  function tell(text) {
    setText(problem, text);
    problem.hidden = false;
  }

  return {
    element: h('div', { class: 'stage' },
      h('p', { class: 'stage-line' }, labelIcon(labels, label), question), canvas, asksText, advice, problem,
      h('div', { class: 'stage-buttons' }, ...(advice ? [again, keep] : [keep, again]), listen, drop)),
    /** What is read out. */
    said: advice ? `${question} ${adviceOn(complaints).join(' ')}` : question,
    focus: () => (advice ? again : keep).focus(),
    storing: () => keep.setAttribute('aria-disabled', 'true'),
    /** The recording ended before its time. @param {unknown} error */
    cutShort: (error) => tell(microphoneProblem(error)),

    /** It could not be stored: it can still be saved, and nothing is lost. @param {unknown} error */
    refused(error) {
      keep.removeAttribute('aria-disabled');
      tell(explain({ ...words.files.errors, storage_full: words.problems.storage_full }, error));
      if (!save.isConnected) keep.after(save);
    },
  };
}
