// What the server holds of everyone at this moment, byte for byte: a class sees that a plain result can be read, and that a masked one is
// chance. The server shows no more than everyone may see (crates/federation/src/coordinator/holding.rs).

import { byId, h, setText, show, svg } from '../common/element.js';
import { figures, grouped } from '../common/format.js';
import { KeyedList } from '../common/keyed-list.js';
import { words } from '../common/language.js';
import { shownNames } from '../live/laptop-state.js';

/** @typedef {import('../live/api-shapes.js').Held} Held */
/** @typedef {import('../live/api-shapes.js').Holding} Holding */
/** @typedef {{holding: Holding, round: number}} Seen the last of something of which the beginning was shown, and in which round */
/** @typedef {{client: number, called: string, holds: Holding[], round: number}} Shown */

const EVERY_MS = 500;
const NUMBERS = 8;
const BYTES = 32;
const text = words.board.held;

/** @param {string} code the room's */
export function heldPanel(code) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('held'));
  const open = byId('held-open');
  const about = byId('held-about');
  const away = byId('held-away');
  const together = part();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {import('../live/api-shapes.js').PublicRoom | null} */
  let room = null;

  byId('held-together').append(together.element);
  /** @type {KeyedList<Shown>} */
  const list = new KeyedList(byId('held-clients'), ({ client }) => String(client), () => {
    const name = h('bdi');
    const one = part();
    return {
      element: h('li', { class: 'held-client', 'data-test': 'held-client' }, h('h4', {}, name), one.element),
      update({ called, holds, round }) {
        setText(name, called);
        one.update(holds, round);
      },
    };
  });

  open.addEventListener('click', () => {
    dialog.showModal();
    ask();
  });
  byId('held-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => clearTimeout(timer));

  async function ask() {
    clearTimeout(timer);
    const answer = await fetch(`/api/rooms/${encodeURIComponent(code)}/held`).catch(() => null);
    show(away, !answer?.ok);
    if (answer?.ok) draw(await answer.json());
    if (dialog.open) timer = setTimeout(ask, EVERY_MS);
  }

  /** @param {Held} held */
  function draw({ round, together: all, clients }) {
    const settings = room?.room;
    setText(about, settings?.masking ? text.masked : settings?.noise ? text.noised : text.plain);
    together.update(all, round);
    const names = shownNames(clients, words);
    list.render(clients.map(({ client, holds }, index) => ({ client, called: names[index], holds, round })));
    show(byId('held-nobody'), clients.length === 0);
  }

  return {
    /** @param {import('../live/api-shapes.js').PublicRoom} next */
    update(next) {
      room = next;
      show(open, true);
    },
  };
}

/** What is held of one laptop, or of all together: a list, and how the vector among it begins. */
function part() {
  const list = h('ul', { class: 'held-list' });
  const begins = h('div', { class: 'held-begins', 'data-test': 'held-begins', hidden: true });
  let listed = '';
  let drawn = '';
  /** @type {Seen | null} */
  let seen = null;

  /**
   * @param {Holding[]} holds
   * @param {number} round
   */
  function update(holds, round) {
    const lines = holds.map(lineOf);
    if (listed !== lines.join('\n')) list.replaceChildren(...lines.map((line) => h('li', {}, line)));
    listed = lines.join('\n');
    const now = holds.find((holding) => holding.begins && holding.of !== 0);
    if (now) seen = { holding: now, round };
    show(begins, seen !== null);
    if (!seen) return;
    const key = `${seen.holding.begins?.hex}/${Boolean(now)}/${seen.round}`;
    if (drawn !== key) begins.replaceChildren(...beginningOf(seen, !now));
    drawn = key;
  }

  return { element: h('div', {}, list, begins), update };
}

/** @param {Holding} holding */
function lineOf({ what, bytes, of }) {
  const kinds = /** @type {Record<string, string>} */ (text.kinds);
  const many = of === undefined ? '' : what === 'rounds' ? text.ofRounds(of) : text.ofLaptops(of);
  const line = [kinds[what] ?? what, many].filter((part) => part).join(' ');
  return bytes === 0 ? line : `${line}: ${text.bytes(grouped(bytes))}`;
}

/**
 * @param {Seen} seen
 * @param {boolean} gone whether it is not held any more
 */
function beginningOf({ holding: { what, begins }, round }, gone) {
  if (!begins) return [];
  const { hex, numbers, spread, range } = begins;
  const masked = what === 'masked_sum';
  const shown = numbers.slice(0, NUMBERS).map((number) => (masked ? grouped(number) : figures(number)));
  const pairs = hex.slice(0, 2 * BYTES).match(/../g) ?? [];
  const bits = [
    h('p', { class: 'held-hex', translate: 'no' }, h('span', { class: 'hint' }, text.first(pairs.length), ' '), h('code', {}, pairs.join(' '))),
    h('p', { class: 'held-numbers' }, h('span', { class: 'hint' }, masked ? text.wouldBe : text.numbers, ' '), h('code', {}, shown.join('  '))),
    spreadPicture(spread, masked ? text.spreadMasked : text.spread),
    h('p', { class: 'held-range hint', 'aria-hidden': 'true' }, h('span', {}, masked ? grouped(-range) : figures(-range)), h('span', {}, '0'), h('span', {}, masked ? grouped(range) : figures(range))),
  ];
  return gone ? [h('p', { class: 'hint', 'data-test': 'held-gone' }, text.gone(round)), ...bits] : bits;
}

/**
 * @param {number[]} spread
 * @param {string} label
 */
function spreadPicture(spread, label) {
  const most = Math.max(1, ...spread);
  return svg('svg', { class: 'held-spread', viewBox: `0 0 ${spread.length} 12`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    ...spread.map((count, at) => svg('rect', { x: at + 0.06, y: 12 - (12 * count) / most, width: 0.88, height: (12 * count) / most })));
}
