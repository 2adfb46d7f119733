// What leaves this laptop: a receipt for every message, and the search for one's own voice in all of them.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show } from '../common/element.js';
import { bytes, grouped, timeOfDay } from '../common/format.js';
import { icon } from '../common/icons.js';
import { KeyedList } from '../common/keyed-list.js';
import { words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { areNumbers, nameOf, receiptRow } from './receipt-row.js';

/**
 * @typedef {import('../worker/messages.js').RoomState} State
 * @typedef {import('../worker/messages.js').Receipt} Receipt
 */

const SHOWN = 12;
const LOOK_AGAIN_MS = 1000;
const text = words.receipts;

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function receiptPanel(client, tell) {
  const searchButton = byId('search-voice');
  const searchBar = /** @type {HTMLProgressElement} */ (byId('search-progress'));
  const showAll = byId('receipts-all');
  /** @type {Receipt[]} */
  let receipts = [];
  let forgotten = 0;
  let sentBytes = 0;
  /** @type {string | null} the one kind that is shown */
  let only = null;
  let all = false;
  let asked = -1;
  let askedAt = 0;
  let timer = 0;
  let room = '';
  let largest = 1;

  searchButton.append(icon('wave'), text.search);
  byId('save-receipt').append(icon('download'), text.save);
  byId('receipt-others').append(...text.others.map((sentence) => h('li', {}, sentence)));

  /** @type {KeyedList<{kind: string | null, count: number}>} */
  const filter = new KeyedList(byId('receipt-filter'), ({ kind }) => kind ?? '', ({ kind }) => {
    const number = h('strong');
    const button = h('button', {
      type: 'button', class: 'receipt-chip', 'data-test': `receipts-${kind ?? 'all'}`,
      onclick: () => {
        only = kind;
        draw();
        announce(text.shown(receipts.filter(chosen).length));
      },
    }, kind === null ? text.all : nameOf(kind), ' ', number);
    return {
      element: button,
      update({ count }) {
        setText(number, grouped(count));
        setAttribute(button, 'aria-pressed', only === kind ? 'true' : 'false');
      },
    };
  });

  /** @type {KeyedList<Receipt>} */
  const list = new KeyedList(byId('receipt-list'), ({ number }) => String(number), (receipt) => receiptRow(receipt, () => largest, (number) => client.request('receipt_picture', { number }), tell));

  /** @param {Receipt} receipt */
  function chosen({ kind }) {
    return only === null || kind === only;
  }

  function draw() {
    const counts = new Map([...new Set(receipts.map(({ kind }) => kind))].map((kind) => [kind, 0]));
    for (const { kind, count } of receipts) counts.set(kind, (counts.get(kind) ?? 0) + (areNumbers(kind) ? 1 : count));
    largest = receipts.reduce((most, { bytes: size }) => Math.max(most, size), 1);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    filter.render([{ kind: null, count: total }, ...[...counts].map(([kind, count]) => ({ kind, count }))]);
    const rows = receipts.filter(chosen).reverse();
    list.render(all ? rows : rows.slice(0, SHOWN));
    show(showAll, rows.length > SHOWN);
    setText(showAll, all ? text.showFewer : text.showAll(rows.length));
    show(byId('no-receipts'), receipts.length === 0);
    setText(byId('receipt-total'), text.total(bytes(sentBytes)));
    setText(byId('receipts-forgotten'), text.forgotten(grouped(forgotten)));
    show(byId('receipts-forgotten'), forgotten > 0);
  }

  showAll.addEventListener('click', () => {
    all = !all;
    draw();
  });

  async function refresh() {
    askedAt = performance.now();
    try {
      const answer = await client.request('receipts');
      ({ receipts, forgotten } = answer);
      sentBytes = answer.sent_bytes;
      draw();
    } catch {
      // The worker is gone, and the page says so in another place.
    }
  }

  searchButton.addEventListener('click', async () => {
    if (searchButton.getAttribute('aria-disabled') === 'true') return;
    searchButton.setAttribute('aria-disabled', 'true');
    searchBar.value = 0;
    show(searchBar, true);
    announce(text.searching);
    try {
      await refresh();
      tellResult(await client.request('search_voice'));
    } catch (error) {
      tell(error);
    }
    show(searchBar, false);
    searchButton.removeAttribute('aria-disabled');
  });

  /** @param {import('../worker/messages.js').Searched} result */
  function tellResult({ clips, sound_bytes: sound, feature_bytes: features, searched_bytes: searched, proved, found, texts, short_texts: short, text_proved: textProved, found_text: foundText }) {
    const place = byId('search-result');
    const times = (/** @type {[number, number][]} */ all) => all.map(([number]) => timeOfDay(receipts.find((receipt) => receipt.number === number)?.at ?? 0)).join(', ');
    const [level, headline] = clips === 0 ? ['info', text.searchNoClips]
      : found.length > 0 ? ['bad', text.searchFound(times(found))]
        : foundText.length > 0 ? ['bad', words.said.searchFound(times(foundText))]
          : proved && (textProved || texts === 0) ? ['good', texts > 0 ? words.said.searchNothing : text.searchNothing] : ['fair', text.searchUnproved];
    const searchedAll = searched >= sentBytes;
    place.dataset.level = level;
    place.dataset.found = String(found.length);
    place.dataset.proved = String(proved);
    place.dataset.texts = String(texts);
    place.dataset.foundText = String(foundText.length);
    place.dataset.textProved = String(textProved);
    place.dataset.searched = String(searched);
    place.replaceChildren(h('div', {},
      h('p', { class: 'search-headline' }, icon(level === 'good' ? 'good' : level === 'info' ? 'wave' : 'fair'), headline),
      clips > 0 && h('ul', {},
        h('li', {}, searchedAll ? text.searchedAll(bytes(searched)) : text.searchedSome(bytes(searched), bytes(sentBytes))),
        h('li', {}, text.searchedFor(clips, bytes(sound), bytes(features))),
        texts + short > 0 && h('li', {}, words.said.searchedFor(texts, short)),
        proved && h('li', {}, text.searchProved),
        textProved && h('li', {}, words.said.searchProved)),
      h('p', { class: 'hint' }, text.searchLimit),
      texts + short > 0 && h('p', { class: 'hint' }, words.said.searchLimit)));
    announce(headline);
  }

  byId('save-receipt').addEventListener('click', async () => {
    await refresh();
    const receipt = { about: text.fileAbout, room, page: location.origin, saved_at: new Date().toISOString(), sent_bytes: sentBytes, older_receipts_dropped: forgotten, receipts };
    saveFile(`chorus-${room}-receipt.json`, JSON.stringify(receipt, null, 2), 'application/json');
  });

  return {
    /** @param {State} state */
    update(state) {
      room = state.room.code;
      if (state.bytes.sent === asked || timer) return;
      timer = window.setTimeout(() => {
        timer = 0;
        asked = state.bytes.sent;
        refresh();
      }, Math.max(0, askedAt + LOOK_AGAIN_MS - performance.now()));
    },

    /** @param {{fraction: number}} event */
    searching({ fraction }) {
      searchBar.value = fraction;
    },
  };
}
