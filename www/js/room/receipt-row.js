// One receipt: what was sent, why, how large it was, and what is in it.

import { h, setText, show } from '../common/element.js';
import { bytes, figures, grouped, timeOfDay } from '../common/format.js';
import { words } from '../common/language.js';
import { drawUpdate } from './update-picture.js';

/**
 * @typedef {import('../worker/messages.js').Receipt} Receipt
 * @typedef {import('../worker/messages.js').Commands['receipt_picture']['answer']} Picture
 */

const text = words.receipts;

/**
 * @param {Receipt} receipt
 * @param {() => number} largest bytes of the largest of all receipts
 * @param {(number: number) => Promise<Picture>} pictureOf
 * @param {(error: unknown) => void} tell
 * @returns {import('../common/keyed-list.js').Row<Receipt>}
 */
export function receiptRow(receipt, largest, pictureOf, tell) {
  const time = h('span', { class: 'receipt-time' });
  const size = h('span', { class: 'receipt-bytes' });
  const bar = h('span', { class: 'receipt-bar', 'aria-hidden': 'true' });
  const title = h('strong', { class: 'receipt-kind' });
  const facts = h('dl', { class: 'receipt-facts' });
  const json = h('pre', { class: 'receipt-json', tabindex: 0, 'aria-label': text.json });
  const numbers = h('div', { class: 'receipt-numbers' });
  const details = h('details', { 'data-test': 'receipt', 'data-kind': receipt.kind },
    h('summary', {}, time, title, size, bar),
    h('div', { class: 'receipt-body' }, h('p', {}, whyOf(receipt.kind)), numbers, json, facts));
  details.addEventListener('toggle', () => {
    if (details.open && receipt.numbers && !numbers.hasChildNodes()) picture(receipt, numbers, pictureOf).catch(tell);
  });
  return {
    element: h('li', {}, details),
    /** @param {Receipt} now */
    update(now) {
      receipt = now;
      setText(time, timeOfDay(now.at));
      setText(title, text.title(nameOf(now.kind), areNumbers(now.kind) ? 1 : now.count));
      setText(size, bytes(now.bytes));
      // A square root: beside the numbers of an update, all messages would be invisible.
      bar.style.width = `${Math.max(1, 100 * Math.sqrt(now.bytes / largest())).toFixed(1)}%`;
      setText(json, now.json);
      show(json, now.json !== '');
      const rows = [
        [text.when, now.until - now.at >= 1000 ? text.span(timeOfDay(now.at), timeOfDay(now.until)) : timeOfDay(now.at)],
        [text.size, text.exactly(grouped(now.bytes), now.count, areNumbers(now.kind))],
        [!areNumbers(now.kind) && now.count > 1 ? text.hashOfLast : text.hash, now.sha256],
      ];
      facts.replaceChildren(...rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
    },
  };
}

/**
 * @param {Receipt} receipt
 * @param {HTMLElement} place
 * @param {(number: number) => Promise<Picture>} pictureOf
 */
async function picture({ number, numbers }, place, pictureOf) {
  if (!numbers) return;
  place.append(
    h('p', { class: 'receipt-meaning' }, text.numbersMeaning(grouped(numbers.count))),
    h('p', { class: 'hint' }, text.range(figures(numbers.smallest), figures(numbers.largest), figures(numbers.norm))));
  const drawn = await pictureOf(number);
  if (drawn.pixels) {
    const canvas = h('canvas', { class: 'receipt-picture', role: 'img', 'aria-label': text.picture(grouped(numbers.count)) });
    drawUpdate(canvas, drawn);
    place.append(canvas, h('p', { class: 'hint' }, text.pictureLegend));
  } else {
    place.append(h('p', { class: 'hint' }, text.pictureGone));
  }
}

/**
 * Whether these are the frames of an update, masked or not, and no messages.
 * @param {string} kind
 */
export const areNumbers = (kind) => kind === 'numbers' || kind === 'masked_numbers';

/** @param {string} kind */
export function nameOf(kind) {
  const names = /** @type {Record<string, string>} */ (text.kinds);
  return Object.hasOwn(names, kind) ? names[kind] : kind;
}

/** @param {string} kind */
function whyOf(kind) {
  const why = /** @type {Record<string, string>} */ (text.why);
  return Object.hasOwn(why, kind) ? why[kind] : text.whyOther;
}
