// The model card of the room's model or of a copy of it, saved beside the model. What everyone may see of the room comes from the server.

import { announce } from '../common/announcer.js';
import { day } from '../common/format.js';
import { labelName, words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { modelCard } from '../live/model-card.js';

/**
 * The card as Markdown.
 * @param {string} code the room's
 * @param {Parameters<typeof modelCard>[1]} [own] of a person's own model
 * @returns {Promise<string>}
 * @throws where the server does not answer
 */
export async function roomCard(code, own = null) {
  const answer = await fetch(`/api/rooms/${encodeURIComponent(code)}`).catch(() => null);
  if (!answer?.ok) throw { code: 'unreachable', message: `${answer?.status ?? ''}` };
  /** @type {import('../live/api-shapes.js').PublicRoom} */
  const shared = await answer.json();
  return modelCard(shared, own, { labels: shared.room.labels.map(labelName), date: day(Date.now()) }, words);
}

/**
 * Saves it.
 * @param {string} code
 * @param {Parameters<typeof modelCard>[1]} [own]
 */
export async function saveCard(code, own = null) {
  saveFile(`chorus-${code}${own ? '-mine' : ''}-card.md`, await roomCard(code, own), 'text/markdown');
  announce(words.card.saved);
}
