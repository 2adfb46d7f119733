// The prompt of the next recording: which label, what to say and how; and below it a button for each label.

import { h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { colourAs, labelIcon, wordsOn } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { areMoods } from '../common/moods.js';
import { microphoneProblem } from '../sound/microphone-problem.js';
import { promptFor } from './prompts.js';

/** @typedef {import('./record-steps.js').Prompt} Prompt */

/**
 * @param {Prompt} prompt
 * @param {number} label
 */
export function promptOf({ labels, prompts, turn }, label) {
  return promptFor(labels[label], labelName(labels[label]), turn, words, prompts[label]);
}

/**
 * Its elements stay while the stage shows it, so that the keyboard's focus does.
 * @param {{record: () => void, otherSentence: () => void, skip: () => void}} wishes
 */
export function recordPrompt(wishes) {
  const sign = h('span', { class: 'prompt-icon' });
  const name = h('strong');
  const say = h('p', { id: 'prompt-say', class: 'prompt-say', dir: 'auto', 'data-test': 'prompt-say' });
  const how = h('p', { id: 'prompt-how', class: 'hint' });
  const record = h('button', { class: 'primary big', type: 'button', 'data-test': 'record-next', 'aria-describedby': 'prompt-say prompt-how', onclick: wishes.record }, icon('microphone'), words.prompts.record);
  const otherSentence = h('button', { type: 'button', 'data-test': 'other-sentence', onclick: wishes.otherSentence }, words.prompts.sentence);
  const skip = h('button', { type: 'button', 'data-test': 'skip-prompt', onclick: wishes.skip }, words.prompts.skip);
  const element = h('div', { class: 'prompt', 'data-test': 'prompt' },
    h('p', { class: 'prompt-next' }, h('span', {}, words.prompts.next), sign, name), say, how,
    h('div', { class: 'stage-buttons' }, record, otherSentence, skip));

  return {
    element,
    focus: () => record.focus(),

    /** @param {Prompt} prompt */
    update(prompt) {
      const { labels, wanted } = prompt;
      const label = labels[wanted];
      if (label === undefined) return;
      if (element.dataset.label !== label) {
        sign.replaceChildren(labelIcon(labels, wanted));
        colourAs(element, labels, wanted);
        element.dataset.label = label;
        setText(name, labelName(label));
        setAttribute(record, 'aria-label', words.prompts.recordThis(labelName(label)));
      }
      const said = promptOf(prompt, wanted);
      setText(say, said.say);
      setText(how, said.how);
      show(otherSentence, said.others);
      show(skip, labels.length > 1);
    },
  };
}

/**
 * What stands below the prompt.
 * @param {string[]} labels of the room
 * @param {unknown} problem why there is no recording, or null
 * @param {(label: number) => void} record
 */
export function recordChoice(labels, problem, record) {
  const buttons = labels.map((label, index) => {
    const button = h('button', {
      class: 'record-button', type: 'button', 'data-test': `record-${index}`,
      onclick: () => record(index),
    }, labelIcon(labels, index), ...wordsOn(words.record.button(labelName(label)), labelName(label)));
    colourAs(button, labels, index);
    return button;
  });
  return [
    ...(problem === null ? [] : [h('p', { class: 'problem', role: 'alert', 'data-test': 'record-problem' }, microphoneProblem(problem))]),
    h('p', { class: 'hint' }, words.record.choose),
    h('div', { class: 'record-buttons' }, ...buttons),
    h('p', { class: 'hint why' }, areMoods(labels, words) ? words.record.why : words.record.whyOther),
  ];
}
