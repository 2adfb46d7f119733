// Recordings that this browser keeps of any room: a room may be over, and they are still here to be heard, saved and deleted.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show, tellIn } from '../common/element.js';
import { dayAndTime, seconds } from '../common/format.js';
import { icon } from '../common/icons.js';
import { explain, labelName, words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { isolated, nameOf } from '../live/laptop-state.js';
import { play, stopPlaying } from '../sound/player.js';
import { Client } from '../worker/client.js';

/** @typedef {import('../worker/messages.js').KeptSeat} KeptSeat */

const text = words.join.kept;

/** Shows them, where there are any. */
export async function keptPanel() {
  // Where nothing was ever kept, the program that reads it need not be loaded. Some browsers do not tell.
  const databases = await globalThis.indexedDB?.databases?.().catch(() => null);
  if (databases && !databases.some(({ name }) => name === 'chorus')) return;
  const client = new Client('/js/worker/worker.js');
  const { seats } = await client.request('kept').catch(() => ({ seats: [] }));
  if (seats.length === 0) return client.end();
  byId('kept-seats').append(...seats.map((kept) => seatRow(client, kept)));
  show(byId('kept'), true);
}

/** @param {unknown} error */
function tell(error) {
  tellIn(byId('kept-problem'), error ? explain({}, error) : '');
}

/**
 * @param {Client} client
 * @param {KeptSeat} kept
 */
function seatRow(client, { seat, room, name, clips, opened_at: openedAt, open }) {
  const called = isolated(nameOf(name ?? '', words));
  const what = called ? words.elsewhere.of(clips, called, room) : words.elsewhere.ofNobody(clips, room);
  const state = h('p', { class: 'hint' }, open ? text.open : '');
  const goOn = h('a', { class: 'button', href: `/room/${encodeURIComponent(room)}`, hidden: true, 'data-test': 'kept-room' }, text.goOn);
  const save = h('button', { type: 'button', 'data-test': 'kept-save', 'aria-label': `${words.takeHome.clips}: ${what}` }, icon('download'), words.takeHome.clips);
  const remove = h('button', { type: 'button', class: 'danger-quiet', 'data-test': 'kept-delete', hidden: open, 'aria-label': `${text.remove}: ${what}` }, icon('bin'), text.remove);
  const list = h('ul', { class: 'kept-clips' });
  const details = h('details', { 'data-test': 'kept-listen' }, h('summary', {}, text.listen), list);
  const yes = h('button', { type: 'button', class: 'danger-quiet', 'data-test': 'kept-delete-sure' }, words.forget.yes);
  const no = h('button', { type: 'button' }, words.common.cancel);
  const sure = h('div', { class: 'banner', 'data-level': 'warning', hidden: true }, h('div', {}, h('p', {}, text.sure(clips)), h('div', { class: 'kept-buttons' }, yes, no)));
  const row = h('li', { class: 'kept-seat', 'data-test': `kept-${room}` },
    h('div', {}, h('strong', {}, what), h('p', { class: 'hint' }, text.lastUsed(dayAndTime(openedAt))), state),
    h('div', { class: 'kept-buttons' }, goOn, save, remove), sure, details);

  fetch(`/api/rooms/${encodeURIComponent(room)}`).then(({ ok, status }) => {
    show(goOn, ok);
    if (status === 404) setText(state, text.over);
  }, () => {}); // the server is away; that is said where it matters

  save.addEventListener('click', async () => {
    tell(null);
    try {
      const { zip } = await client.request('pack_kept', { seat });
      saveFile(`chorus-${room}-clips.zip`, zip, 'application/zip');
      announce(words.takeHome.packed);
    } catch (error) {
      tell(error);
    }
  });

  remove.addEventListener('click', () => {
    show(sure, true);
    announce(text.sure(clips));
    no.focus();
  });
  no.addEventListener('click', () => {
    show(sure, false);
    remove.focus();
  });
  yes.addEventListener('click', async () => {
    tell(null);
    stopPlaying();
    try {
      const { forgotten } = await client.request('forget_kept', { seat });
      show(sure, false);
      if (!forgotten) {
        setText(state, text.open);
        return;
      }
      row.remove();
      announce(text.removed);
      show(byId('kept'), byId('kept-seats').childElementCount > 0);
      (byId('kept').hidden ? byId('content') : byId('kept-title')).focus();
    } catch (error) {
      tell(error);
    }
  });

  details.addEventListener('toggle', async () => {
    if (!details.open || list.hasChildNodes()) return;
    try {
      const { clips: kept } = await client.request('kept_clips', { seat });
      list.replaceChildren(...kept.map((clip, index) => h('li', {}, playButton(client, seat, clip, index + 1))));
    } catch (error) {
      tell(error);
    }
  });
  return row;
}

/**
 * @param {Client} client
 * @param {string} seat
 * @param {import('../worker/messages.js').KeptClip} clip
 * @param {number} number counted from 1
 */
function playButton(client, seat, { clip, label, seconds: length, transcript }, number) {
  const picture = h('span', { class: 'laptop-icon' }, icon('play'));
  const name = labelName(label);
  const shown = `${name}, ${words.clips.seconds(seconds(length))}${transcript ? `: ${isolated(transcript)}` : ''}`;
  const button = h('button', { type: 'button', 'data-test': 'kept-play' }, picture, shown);
  let playing = false;
  const now = (/** @type {boolean} */ plays) => {
    playing = plays;
    picture.replaceChildren(icon(plays ? 'stop' : 'play'));
    button.setAttribute('aria-label', `${shown}: ${(plays ? words.clips.stop : words.clips.play)(name, number)}`);
  };
  now(false);
  button.addEventListener('click', async () => {
    if (playing) return stopPlaying();
    tell(null);
    now(true);
    try {
      const { wav } = await client.request('kept_sound', { seat, clip });
      await play({ wav }, () => now(false));
    } catch (error) {
      now(false);
      tell(error);
    }
  });
  return button;
}
