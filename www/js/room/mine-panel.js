// Mine against ours: makes the personal model and puts it beside the shared one, clip by clip.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { explain, labelName, words } from '../common/language.js';
import { saveFile } from '../common/save-file.js';
import { expectedSentence } from './expected.js';
import { saveCard } from './room-card.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

/** @param {import('../worker/client.js').Client} client */
export function minePanel(client) {
  const button = byId('tune');
  const problem = byId('mine-problem');
  const bar = /** @type {HTMLProgressElement} */ (byId('mine-bar'));
  const body = h('tbody');
  const columns = [words.mine.clip, words.mine.mine, words.mine.ours];
  byId('mine-table').append(h('table', { class: 'compared' },
    h('thead', {}, h('tr', {}, ...columns.map((title) => h('th', { scope: 'col' }, title)))), body));
  let busy = false;
  let code = '';
  let shown = '';
  /** @type {Parameters<typeof saveCard>[1]} what the card says of the own model */
  let own = null;

  button.addEventListener('click', async () => {
    tell('');
    if (busy) {
      client.request('stop_tuning').catch(() => {}); // it may just be done
      return;
    }
    try {
      await client.request('tune');
      announce(words.mine.made);
    } catch (error) {
      tell(explain({}, error));
    }
  });

  for (const format of /** @type {const} */ (['safetensors', 'onnx', 'json'])) {
    const save = h('button', { type: 'button', 'data-test': `save-mine-${format}` }, icon('download'), words.mine.download[format]);
    save.addEventListener('click', async () => {
      tell('');
      try {
        const { file } = await client.request('personal_file', { format });
        saveFile(`chorus-${code}-mine.${format}`, file, 'application/octet-stream');
        announce(words.mine.saved);
      } catch (error) {
        tell(explain({}, error));
      }
    });
    byId('mine-files').append(save);
  }

  byId('mine-files').append(h('button', {
    type: 'button', 'data-test': 'save-mine-card',
    onclick: () => {
      tell('');
      saveCard(code, own).catch((error) => tell(explain({}, error)));
    },
  }, icon('download'), words.card.button));

  /** @param {string} text */
  function tell(text) {
    tellIn(problem, text);
  }

  /** @param {State} state */
  function update({ has_model: hasModel, personal, expectation, tuning, finished, clips, room }) {
    code = room.code;
    show(byId('mine-none'), !hasModel && personal === null);
    busy = tuning !== null;
    const wanted = busy ? words.common.cancel : personal ? words.mine.again : words.mine.make;
    setText(button, wanted);
    button.classList.toggle('primary', !busy && !personal && finished);
    show(button, hasModel);
    show(byId('mine-expected'), hasModel && expectation !== null);
    setText(byId('mine-expected'), expectation ? expectedSentence(expectation, words) : '');
    show(byId('mine-progress'), busy);
    bar.value = tuning ?? 0;
    show(byId('mine-result'), personal !== null);
    if (personal) showPersonal(personal, clips, room.labels);
  }

  /**
   * @param {import('../worker/messages.js').Personal} personal
   * @param {import('../worker/messages.js').Clip[]} clips
   * @param {string[]} labels
   */
  function showPersonal(personal, clips, labels) {
    const { version, shared_version: shared, compared, score } = personal;
    const rows = compared ?? [];
    const { all, mine, ours } = score ?? { all: 0, mine: 0, ours: 0 };
    own = { epochs: personal.epochs, clips: personal.clips, right: mine, tested: all };
    for (const [who, right] of /** @type {const} */ ([['mine', mine], ['ours', ours]])) {
      setText(byId(`score-${who}`), all ? words.common.score(right, all) : '–');
      setText(byId(`right-${who}`), all ? words.mine.right(all) : '');
    }
    setText(byId('about-mine'), words.mine.from(version, personal.epochs, personal.clips));
    setText(byId('about-ours'), shared === null ? '' : words.mine.shared(shared));
    setText(byId('mine-verdict'), sentence(personal));
    byId('mine-verdict').dataset.verdict = score?.verdict ?? '';
    show(byId('mine-clips'), all > 0);
    const key = JSON.stringify([rows, clips.map(({ id }) => id)]);
    if (key === shown) return;
    shown = key;
    body.replaceChildren(...rows.map(({ clip, label, mine: heard, ours: heardOurs }) => {
      const number = clips.findIndex(({ id }) => id === clip) + 1;
      return h('tr', { 'data-test': 'compared' },
        h('th', { scope: 'row' }, h('span', { class: 'label-tag' }, labelIcon(labels, label), words.mine.clipName(number, name(label)))),
        answer(heard, label), answer(heardOurs, label));
    }));

    /** @param {number} label */
    function name(label) {
      return labelName(labels[label] ?? '');
    }

    /**
     * @param {number} heard
     * @param {number} label
     */
    function answer(heard, label) {
      const right = heard === label;
      const cell = h('td', { 'data-right': String(right) }, h('span', { class: 'answer' }, icon(right ? 'good' : 'missing'), h('span', { 'aria-hidden': 'true' }, name(heard)),
        h('span', { class: 'visually-hidden' }, (right ? words.mine.heardRight : words.mine.heardWrong)(name(heard)))));
      return cell;
    }
  }

  return { update };
}

/** @param {import('../worker/messages.js').Personal} personal */
function sentence({ version, shared_version: shared, score }) {
  if (shared === null) return words.mine.waiting;
  if (!score) return words.mine.comparing;
  const { all, verdict } = score;
  const said = verdict === 'few' ? words.mine.verdict.few(all) : words.mine.verdict[verdict];
  return shared > version ? `${said} ${words.mine.older(version, shared)}` : said;
}
