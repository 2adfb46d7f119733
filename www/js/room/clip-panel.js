// The list of clips: hear them, give them another label, delete them and take that back; and how many of each label.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { KeyedList } from '../common/keyed-list.js';
import { colourAs, labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { areMoods } from '../common/moods.js';
import { clipRow } from './clip-row.js';
import { GOAL, balance } from './prompts.js';

/**
 * @typedef {import('../worker/messages.js').RoomState} State
 * @typedef {import('../worker/messages.js').Clip} Clip
 * @typedef {import('./clip-row.js').NumberedClip} NumberedClip
 */

// Of the newest clips, until all are asked for: the training below should stay in reach.
const SHOWN = 12;
const SHOWN_ON_A_PHONE = 6;

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 * @param {(label: number, clip: number) => void} recordAgain
 */
export function clipPanel(client, tell, recordAgain) {
  /** @type {string[]} */
  let labels = [];
  let reads = false;
  /** @type {number[]} */
  let removed = [];
  /** @type {Clip[]} */
  let clips = [];
  let all = false;
  /** Whether deleting took the focused button away, so that the focus must go to `undo`. */
  let focusUndo = false;
  /** The clip that was brought back by `undo`, which may be hidden now: the focus goes to that clip.
   * @type {number | null} */
  let focusClip = null;

  const undo = byId('undo');
  undo.append(icon('undo'), words.clips.undo);
  undo.addEventListener('click', async () => {
    const count = removed.length;
    if (count === 0) return;
    focusClip = removed[count - 1];
    await client.request('undo').then(() => announce(words.clips.restored(count)), tell);
  });
  const removeAll = byId('remove-all');
  removeAll.append(icon('bin'), words.clips.removeAll);
  removeAll.addEventListener('click', () => {
    focusUndo = true;
    client.request('remove', { clips: clips.map(({ id }) => id) }).catch(tell);
  });
  const narrow = matchMedia('(max-width: 40rem)');
  narrow.addEventListener('change', draw);
  const showAll = byId('show-all');
  showAll.addEventListener('click', () => {
    all = !all;
    draw();
  });

  /** @type {KeyedList<NumberedClip>} */
  const list = new KeyedList(byId('clip-list'), ({ id }) => String(id), (first) => clipRow(first, () => labels, () => reads, {
    relabel: (clip, label) => client.request('relabel', { clip, label }).catch(tell),
    async transcribe(clip, text) {
      try {
        await client.request('transcribe', { clip, text });
        announce(text.trim() ? words.said.kept : words.said.removed);
        return true;
      } catch (error) {
        tell(error);
        return false;
      }
    },
    remove(clip) {
      focusUndo = true;
      client.request('remove', { clips: [clip] }).catch(tell);
    },
    recordAgain,
    sound: async (clip) => (await client.request('sound', { clip })).wav,
    tell,
  }));

  function draw() {
    const shown = narrow.matches ? SHOWN_ON_A_PHONE : SHOWN;
    const numbered = clips.map((clip, index) => ({ ...clip, number: index + 1 })).reverse();
    const visible = all ? numbered : numbered.slice(0, shown);
    list.render(visible);
    show(showAll, numbered.length > shown);
    setText(showAll, all ? words.clips.showFewer : words.clips.showAll(numbered.length));
    setText(byId('clip-list-title'), words.clips.listTitle(numbered.length));
    show(byId('no-clips'), numbered.length === 0);
    show(removeAll, numbered.length > 1);
    show(byId('clip-pictures'), numbered.length > 0);
    show(byId('clip-legend'), visible.some((clip) => clip.held_back));
  }

  /** @type {KeyedList<{label: string, index: number, count: number}>} */
  const counts = new KeyedList(byId('label-counts'), ({ label }) => label, ({ label, index }) => {
    const number = h('strong', { 'aria-hidden': 'true' });
    const name = h('span', { class: 'visually-hidden' });
    // A place for each clip that the goal wants; those that are there are filled.
    const places = Array.from({ length: GOAL }, () => h('i', {}, labelIcon(labels, index)));
    const element = h('li', { class: 'label-count' },
      h('span', { class: 'label-name', 'aria-hidden': 'true' }, labelName(label)),
      h('span', { class: 'goal', 'aria-hidden': 'true' }, ...places), number, name);
    colourAs(element, labels, index);
    return {
      element,
      update({ count }) {
        setText(number, String(count));
        setText(name, words.clips.countOf(labelName(label), count, GOAL));
        places.forEach((place, nth) => setAttribute(place, 'data-filled', nth < count));
        setAttribute(element, 'data-reached', count >= GOAL);
        element.dataset.count = String(count);
      },
    };
  });

  /** After a deletion or its undoing the keyboard goes on beside where it was. */
  function moveFocus() {
    const lost = [document.body, undo, removeAll].includes(/** @type {HTMLElement} */ (document.activeElement));
    if (focusUndo && removed.length > 0) {
      focusUndo = false;
      if (lost) undo.focus();
      announce(words.clips.removed(removed.length));
    }
    const back = focusClip === null ? null : list.rows.get(String(focusClip));
    if (back) {
      focusClip = null;
      if (lost && removed.length === 0) back.element.querySelector('button')?.focus();
    }
  }

  return {
    /** @param {State} state */
    update(state) {
      labels = state.room.labels;
      reads = state.room.reads;
      clips = state.clips;
      removed = state.removed;
      draw();
      setText(byId('clips-intro'), areMoods(labels, words) ? words.clips.intro : words.clips.introOther);
      const perLabel = labels.map((label, index) => ({ label, index, count: clips.filter((clip) => clip.label === index).length }));
      counts.render(perLabel);
      setText(byId('balance'), balanceSentence(perLabel));
      show(byId('undo-bar'), removed.length > 0);
      setText(byId('undo-text'), words.clips.removed(removed.length));
      moveFocus();
    },
  };
}

/** @param {{label: string, count: number}[]} perLabel */
function balanceSentence(perLabel) {
  const found = balance(perLabel.map(({ count }) => count));
  const name = (/** @type {number} */ index) => labelName(perLabel[index].label);
  switch (found.what) {
    case 'nothing': return '';
    case 'missing': return words.clips.missing(found.labels.map(name));
    case 'uneven': return words.clips.uneven(name(found.many), name(found.few), found.times);
    case 'few': return words.clips.few(name(found.label), found.missing);
    case 'balanced': return words.clips.balanced;
  }
}
