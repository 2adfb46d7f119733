// "That was wrong. I was sad": one tap makes a clip of the last moments, with the label that they should have had.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { colourAs, labelIcon, wordsOn } from '../common/labels.js';
import { explain, labelName, words } from '../common/language.js';
import { areMoods } from '../common/moods.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

/** @param {import('../worker/client.js').Client} client */
export function correctionPanel(client) {
  const done = byId('correction-done');
  const problem = byId('correction-problem');
  const undo = byId('correction-undo');
  const place = byId('correction-labels');
  /** @type {string[]} */
  let labels = [];
  /** The clip of the last correction, while it can be taken back here.
   * @type {number | null} */
  let last = null;
  undo.append(icon('undo'), words.try.correctionUndo);

  undo.addEventListener('click', async () => {
    if (last === null) return;
    try {
      await client.request('remove', { clips: [last] });
      last = null;
      setText(byId('correction-text'), words.try.correctionDeleted);
      show(undo, false);
      place.querySelector('button')?.focus();
      announce(words.try.correctionUndone);
    } catch (error) {
      tell(explain(words.try.errors, error));
    }
  });

  /** @param {number} label */
  async function correct(label) {
    tell('');
    const name = labelName(labels[label]);
    try {
      const { clip } = await client.request('correct', { name: `${labels[label]} ${new Date().toLocaleString('sv')}`, label });
      last = clip;
      setText(byId('correction-text'), words.try.corrected(name));
      show(done, true);
      show(undo, true);
      announce(words.try.corrected(name));
    } catch (error) {
      show(done, false);
      tell(explain(words.try.errors, error));
    }
  }

  /** @param {string} text */
  function tell(text) {
    tellIn(problem, text);
  }

  return {
    show: () => show(byId('correction'), true),
    hide() {
      show(byId('correction'), false);
      show(done, false);
      tell('');
    },
    /** @param {State} state */
    update({ room, clips, finished }) {
      setText(byId('correction-hint'), finished ? words.try.correctionFinished : words.try.correction);
      // Deleted in the list, it is taken back there.
      if (last !== null && !clips.some(({ id }) => id === last)) show(undo, false);
      if (labels.join('\n') === room.labels.join('\n')) return;
      labels = room.labels;
      setText(byId('correction-title'), areMoods(labels, words) ? words.try.wrong : words.try.wrongThing);
      place.replaceChildren(...labels.map((label, index) => {
        const button = h('button', {
          type: 'button', class: 'correction-label', 'data-test': `correct-${index}`, onclick: () => correct(index),
        }, labelIcon(labels, index), ...wordsOn(words.try.wrongAs(labelName(label)), labelName(label)));
        colourAs(button, labels, index);
        return button;
      }));
    },
  };
}
