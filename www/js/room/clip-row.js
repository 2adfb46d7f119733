// One clip in the list: its picture, its label, what is said in it, how it is heard, corrected and deleted.

import { h, setAttribute, setText, show } from '../common/element.js';
import { seconds } from '../common/format.js';
import { icon } from '../common/icons.js';
import { colourAs, labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { FIELD, composed } from '../common/transcript.js';
import { play, stopPlaying } from '../sound/player.js';
import { adviceOn } from './quality-advice.js';
import { drawSpectrogram } from './spectrogram-picture.js';
import { drawWaveform } from './waveform-picture.js';

/** @typedef {import('../worker/messages.js').Clip & {number: number}} NumberedClip counted from the oldest, which is 1 */

/**
 * @param {NumberedClip} first
 * @param {() => string[]} labelsNow the room's labels
 * @param {() => boolean} readsNow whether the room's model reads what is said
 * @param {object} wishes
 * @param {(clip: number, label: number) => void} wishes.relabel
 * @param {(clip: number, text: string) => Promise<boolean>} wishes.transcribe gives whether it is kept
 * @param {(clip: number) => void} wishes.remove
 * @param {(label: number, clip: number) => void} wishes.recordAgain
 * @param {(clip: number) => Promise<ArrayBuffer>} wishes.sound gives the clip's WAV file
 * @param {(error: unknown) => void} wishes.tell
 * @returns {import('../common/keyed-list.js').Row<NumberedClip>}
 */
export function clipRow(first, labelsNow, readsNow, wishes) {
  let clip = first;
  /** What the field was last given from the list. */
  let written = first.transcript ?? '';
  let playing = false;
  const canvas = h('canvas', { class: 'spectrogram', role: 'img' });
  drawSpectrogram(canvas, first.spectrogram);
  const wave = h('canvas', { class: 'waveform', 'aria-hidden': 'true' });
  drawWaveform(wave, first.waveform);
  const iconPlace = h('span', { class: 'clip-icon' });
  const select = h('select', { 'data-test': 'relabel', onchange: () => { wishes.relabel(clip.id, select.selectedIndex); } });
  const length = h('span', { class: 'clip-length' });
  const heldBack = h('span', { class: 'tag', title: words.clips.heldBackHint }, words.clips.heldBack);
  const madeUp = h('span', { class: 'tag', title: words.clips.madeUpHint }, words.clips.madeUp);
  const corrected = h('span', { class: 'tag', title: words.clips.correctedHint }, words.clips.corrected);
  const unseen = h('span', { class: 'tag', title: words.said.unseenHint, 'data-test': 'unseen' }, words.said.unseen);
  const said = h('input', {
    ...FIELD, class: 'clip-text', value: written, placeholder: words.said.placeholder, 'data-test': 'clip-text',
    onchange: async () => {
      const kept = await wishes.transcribe(clip.id, composed(said.value));
      // What is refused stays, so that one can shorten it.
      setAttribute(said, 'aria-invalid', kept ? null : 'true');
    },
  });
  const advice = h('p');
  const again = h('button', { type: 'button', 'data-test': 'again', onclick: () => wishes.recordAgain(clip.label, clip.id) }, icon('microphone'), words.quality.again);
  const faults = h('div', { class: 'clip-advice', 'data-test': 'clip-advice', hidden: true }, advice, again);
  const playButton = h('button', { type: 'button', class: 'icon-button play', 'data-test': 'play', onclick: toggle }, icon('play'));
  const removeButton = h('button', {
    type: 'button', class: 'icon-button quiet', 'data-test': 'delete',
    onclick: () => wishes.remove(clip.id),
  }, icon('bin'));
  const element = h('li', { class: 'clip', 'data-test': 'clip', 'data-id': first.id, title: first.name },
    h('div', { class: 'clip-picture' }, wave, canvas, playButton, h('span', { class: 'clip-tags' }, heldBack, unseen, madeUp, corrected), length),
    h('div', { class: 'clip-foot' }, h('span', { class: 'clip-label' }, iconPlace, select), removeButton), said, faults);

  async function toggle() {
    if (playing) return stopPlaying();
    setPlaying(true);
    try {
      await play({ wav: await wishes.sound(clip.id) }, () => setPlaying(false));
    } catch (error) {
      setPlaying(false);
      wishes.tell(error);
    }
  }

  /** @param {boolean} now */
  function setPlaying(now) {
    playing = now;
    playButton.replaceChildren(icon(now ? 'stop' : 'play'));
    nameButton();
  }

  function nameButton() {
    const name = labelName(labelsNow()[clip.label] ?? '');
    setAttribute(playButton, 'aria-label', (playing ? words.clips.stop : words.clips.play)(name, clip.number));
    setAttribute(removeButton, 'aria-label', words.clips.remove(name, clip.number));
    setAttribute(select, 'aria-label', words.clips.label(clip.number));
    setAttribute(said, 'aria-label', words.said.clip(clip.number));
    setAttribute(again, 'aria-label', words.quality.againFor(name, clip.number));
    setAttribute(canvas, 'aria-label', words.clips.spectrogram(name, seconds(clip.seconds)));
  }

  return {
    element,
    /** @param {NumberedClip} now */
    update(now) {
      const labels = labelsNow();
      if (now.label !== clip.label || !iconPlace.hasChildNodes()) {
        iconPlace.replaceChildren(labelIcon(labels, now.label));
        colourAs(element, labels, now.label);
      }
      clip = now;
      if (select.options.length !== labels.length) {
        select.replaceChildren(...labels.map((label, index) => h('option', { value: index }, labelName(label))));
      }
      if (select.selectedIndex !== now.label && document.activeElement !== select) select.selectedIndex = now.label;
      element.dataset.label = labels[now.label] ?? '';
      setText(length, words.clips.seconds(seconds(now.seconds)));
      show(heldBack, now.held_back);
      show(unseen, now.unseen);
      show(said, readsNow());
      const kept = now.transcript ?? '';
      if (kept !== written && document.activeElement !== said) {
        written = kept;
        said.value = kept;
      }
      setAttribute(said, 'title', kept || null);
      show(madeUp, now.made_up);
      show(corrected, now.corrected);
      show(faults, now.complaints.length > 0);
      setText(advice, adviceOn(now.complaints).join(' '));
      element.dataset.complaints = now.complaints.join(' ');
      setAttribute(element, 'data-corrected', now.corrected);
      nameButton();
    },
  };
}
