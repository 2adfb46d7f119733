// What a person takes home: their clips as one zip file. And how safe the clips are in this browser meanwhile.

import { announce } from './announcer.js';
import { byId, setText, show } from './element.js';
import { bytes } from './format.js';
import { icon } from './icons.js';
import { words } from './language.js';
import { saveFile } from './save-file.js';

/** @typedef {import('./messages.js').RoomState} State */

const text = words.takeHome;

/**
 * @param {import('./client.js').Client} client
 * @param {(error: any) => void} tell
 */
export function takeHomePanel(client, tell) {
  const button = byId('save-clips');
  let room = '';
  let clips = -1;
  nameButton(text.clips);

  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    nameButton(text.packing);
    try {
      const { zip } = await client.request('pack_clips');
      saveFile(`chorus-${room}-clips.zip`, zip, 'application/zip');
      announce(text.packed);
    } catch (error) {
      tell(error);
    }
    nameButton(text.clips);
    button.removeAttribute('aria-disabled');
  });

  /** @param {string} label */
  function nameButton(label) {
    button.replaceChildren(icon('download'), label);
  }

  return {
    /** @param {State} state */
    update(state) {
      room = state.room.code;
      if (state.clips.length === clips) return;
      clips = state.clips.length;
      show(byId('take-home'), clips > 0);
      if (clips > 0) tellStorage();
    },
  };
}

/** Asks the browser, once there is something to lose, to keep it; and says how much room is left. */
async function tellStorage() {
  const { storage } = navigator;
  if (!storage?.estimate) return; // plain http on a network: the browser does not say
  try {
    const kept = await storage.persisted() || await storage.persist();
    const { quota, usage } = await storage.estimate();
    const left = typeof quota === 'number' ? text.left(bytes(Math.max(0, quota - (usage ?? 0)))) : '';
    setText(byId('storage-left'), `${kept ? text.kept : text.notKept} ${left}`);
  } catch {
    setText(byId('storage-left'), text.notKept);
  }
}
