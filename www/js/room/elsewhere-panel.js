// Clips of other rooms on this laptop: a second lesson need not begin with the first one's recordings made anew.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show } from '../common/element.js';
import { words } from '../common/language.js';
import { nameOf } from '../live/laptop-state.js';

const text = words.elsewhere;

/**
 * @param {import('../worker/client.js').Client} client that has opened its room
 * @param {(error: unknown) => void} tell
 */
export async function elsewherePanel(client, tell) {
  const { seats } = await client.request('elsewhere').catch(() => ({ seats: [] }));
  show(byId('elsewhere'), seats.length > 0);
  byId('elsewhere-seats').replaceChildren(...seats.map(({ seat, room, name, clips }) => {
    const called = nameOf(name ?? '', words);
    const label = called ? text.of(clips, called, room) : text.ofNobody(clips, room);
    const button = h('button', { type: 'button', 'data-test': `bring-${room}` }, label);
    button.addEventListener('click', async () => {
      if (button.getAttribute('aria-disabled') === 'true') return;
      button.setAttribute('aria-disabled', 'true');
      try {
        const { brought, left } = await client.request('bring', { seat });
        const said = left ? `${text.brought(brought)} ${text.left(left)}` : text.brought(brought);
        setText(byId('elsewhere-said'), said);
        announce(said);
      } catch (error) {
        tell(error);
      }
      button.removeAttribute('aria-disabled');
    });
    return button;
  }));
}
