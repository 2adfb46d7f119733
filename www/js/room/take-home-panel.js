// What a person takes home: their clips as one zip file, and the model as one page that works without a server. And how
// safe the clips are in this browser meanwhile.

import { announce } from '../common/announcer.js';
import { byId, setText, show } from '../common/element.js';
import { bytes, day } from '../common/format.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { latestScore } from '../live/score.js';
import { base64, offlineFile } from './offline-file.js';
import { roomCard } from './room-card.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

const text = words.takeHome;

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function takeHomePanel(client, tell) {
  /** @type {State | null} */
  let present = null;
  let clips = -1;

  saver('save-clips', text.clips, text.packing, text.packed, async ({ room }) => {
    const { zip } = await client.request('pack_clips');
    saveFile(`chorus-${room.code}-clips.zip`, zip, 'application/zip');
  });

  saver('save-model', text.model, text.packingModel, text.packedModel, async ({ room, history }) => {
    const { architecture, version, hears, reads, speeds, ...numbers } = await client.request('offline_model');
    const [parameters, mean, deviation] = await Promise.all([numbers.parameters, numbers.mean, numbers.deviation].map(base64));
    const page = await offlineFile({
      name: room.name, labels: room.labels, signs: room.signs, architecture, hears, reads, speeds, rounds: Number(version), score: latestScore(history, words),
      date: day(Date.now()), card: await roomCard(room.code), parameters, mean, deviation,
    });
    saveFile(`chorus-${room.code}-model.html`, page, 'text/html');
  });

  /**
   * A button that makes a file.
   * @param {string} id
   * @param {string} name
   * @param {string} meanwhile its name while the file is made
   * @param {string} done what is announced then
   * @param {(state: State) => Promise<void>} save
   */
  function saver(id, name, meanwhile, done, save) {
    const button = byId(id);
    button.replaceChildren(icon('download'), name);
    button.addEventListener('click', async () => {
      if (!present || button.getAttribute('aria-disabled') === 'true') return;
      button.setAttribute('aria-disabled', 'true');
      button.replaceChildren(icon('download'), meanwhile);
      try {
        await save(present);
        announce(done);
      } catch (error) {
        tell(error);
      }
      button.replaceChildren(icon('download'), name);
      button.removeAttribute('aria-disabled');
    });
  }

  return {
    /** @param {State} state */
    update(state) {
      present = state;
      show(byId('offline'), state.has_model);
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
