// What the server sees: an update of this laptop's own in three ways, and what an attacker on this laptop finds in each.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { decimal } from '../common/format.js';
import { icon } from '../common/icons.js';
import { explain, labelName, words } from '../common/language.js';
import { play } from '../sound/player.js';
import { drawUpdate } from './update-picture.js';

/**
 * @typedef {import('../worker/messages.js').RoomState} State
 * @typedef {import('../worker/messages.js').Exposed} Exposed
 * @typedef {import('../worker/messages.js').Heard} Heard
 * @typedef {import('../worker/messages.js').UpdatePicture} UpdatePicture
 */

/** Features that are more alike than this are recognised: by chance they are alike by less than a tenth (docs/exposure.md). */
const RECOGNISED = 0.25;
/** What is right in at least this share of the tries is found out. */
const FOUND = 0.8;
const text = words.exposure;

/** @param {import('../worker/client.js').Client} client */
export function exposurePanel(client) {
  const form = /** @type {HTMLFormElement} */ (byId('exposure-form'));
  const choice = /** @type {HTMLSelectElement} */ (byId('exposure-clip'));
  const button = byId('expose');
  const bar = /** @type {HTMLProgressElement} */ (byId('exposure-progress'));
  const problem = byId('exposure-problem');
  const result = byId('exposure-result');
  let offered = '';
  /** @type {string[]} */
  let labels = [];

  button.append(icon('eye'), text.button);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.getAttribute('aria-disabled') === 'true') return;
    setAttribute(button, 'aria-disabled', 'true');
    tellIn(problem, '');
    bar.value = 0;
    show(bar, true);
    announce(text.working);
    try {
      const clip = choice.value === 'all' ? null : Number(choice.value);
      showResult(await client.request('expose', { clip }));
    } catch (error) {
      tellIn(problem, explain(words.problems, error));
    }
    show(bar, false);
    setAttribute(button, 'aria-disabled', null);
  });

  /** @param {Exposed} exposed */
  function showResult({ counts, voices, truth, ways }) {
    const clips = counts.reduce((sum, count) => sum + count, 0);
    result.replaceChildren(
      h('p', {}, clips === 1 ? text.about.one : text.about.many(clips)),
      h('div', { class: 'exposure-ways' },
        card('truth', text.truth, text.truthHint,
          h('h4', {}, text.labels.title), h('p', {}, countsInWords(counts)),
          ...(truth ? [h('h4', {}, text.sound.title), ...soundOf(truth, text.sound.ofTruth, tell)] : [])),
        ...ways.map((way, index) => {
          const name = /** @type {const} */ (['plain', 'masked', 'noised'])[index];
          const [title, hint] = text.ways[name];
          return card(name, title, hint,
            picture(way.picture, text.update),
            h('h4', {}, text.labels.title), guess([countsInWords(way.counts), triesInWords(way.labels_right, way.tries)], way.labels_right >= FOUND * way.tries, `${name}-labels`, way.labels_right / way.tries),
            h('h4', {}, text.voice.title),
            way.voice_right === null ? h('p', { class: 'hint' }, text.voice.none)
              : guess([way.tries > 1 ? '' : text.voice.first[way.voice_right ? 'yours' : 'other'], triesInWords(way.voice_right, way.tries)], way.voice_right >= FOUND * way.tries, `${name}-voice`, way.voice_right / way.tries),
            way.heard && h('h4', {}, text.sound.title),
            ...(way.heard ? soundOf(way.heard, text.sound.ofGuess, tell) : []),
            way.alike !== null && guess([text.sound.alike(decimal(way.alike, 2))], way.alike > RECOGNISED, `${name}-sound`, way.alike));
        })),
      ...(truth ? [h('p', { class: 'hint' }, text.sound.order)] : []),
      h('p', { class: 'hint' }, text.chance(labels.length, voices)));
    show(result, true);
    result.focus();
    announce(text.done);
  }

  /** @param {unknown} error */
  const tell = (error) => tellIn(problem, explain(words.problems, error));

  /** @param {number[]} counts */
  const countsInWords = (counts) => counts.flatMap((count, label) => (count ? [text.labels.count(count, labelName(labels[label] ?? ''))] : [])).join(', ');

  /**
   * @param {number} right
   * @param {number} tries
   */
  const triesInWords = (right, tries) => (tries > 1 ? text.tries(right, tries) : '');

  return {
    /** @param {State} state */
    update({ room, clips, has_model: hasModel }) {
      labels = room.labels;
      // There is nothing to look at before there is a clip, and a page that begins is to be short.
      show(byId('exposure'), clips.length > 0 || hasModel);
      const trained = clips.filter(({ held_back: held }) => !held);
      const why = room.model !== 'compact' ? text.otherModel : trained.length === 0 ? words.problems.no_clips : hasModel ? '' : text.noModel;
      setText(byId('exposure-none'), why);
      show(byId('exposure-none'), why !== '');
      show(form, why === '');
      const now = trained.map(({ id, label, seconds }) => `${id} ${label} ${seconds}`).join();
      if (now === offered) return;
      offered = now;
      const chosen = choice.value;
      const options = trained.map(({ id, label, seconds }, index) => h('option', { value: String(id) }, text.clip(index + 1, labelName(room.labels[label] ?? ''), decimal(seconds, 1))));
      choice.replaceChildren(...options, h('option', { value: 'all' }, text.all(trained.length)));
      if ([...choice.options].some(({ value }) => value === chosen)) choice.value = chosen;
    },

    /** @param {{fraction: number}} event */
    working({ fraction }) {
      bar.value = fraction;
    },
  };
}

/**
 * @param {string} way
 * @param {string} title
 * @param {string} hint
 * @param {(Node | false | null)[]} inside
 */
function card(way, title, hint, ...inside) {
  return h('section', { class: 'exposure-way', 'data-way': way, 'data-test': `exposure-${way}` }, h('h3', {}, title), h('p', { class: 'hint' }, hint), ...inside);
}

/**
 * @param {string[]} said
 * @param {boolean} found whether the attacker is right
 * @param {string} test
 * @param {number} [value]
 */
function guess(said, found, test, value) {
  return h('p', { class: 'exposure-guess', 'data-test': test, 'data-value': value }, h('span', {}, said.filter(Boolean).join('; ')),
    h('strong', { class: 'exposure-verdict', 'data-found': String(found) }, found ? text.found : text.missed));
}

/**
 * @param {UpdatePicture} drawn
 * @param {string} label
 */
function picture(drawn, label) {
  const canvas = /** @type {HTMLCanvasElement} */ (h('canvas', { class: 'exposure-picture', role: 'img', 'aria-label': label }));
  drawUpdate(canvas, drawn);
  return canvas;
}

/**
 * @param {Heard} heard
 * @param {string} label
 * @param {(error: unknown) => void} tell
 */
function soundOf({ picture: drawn, wav }, label, tell) {
  const button = h('button', { type: 'button', class: 'quiet', onclick: () => { play({ wav: wav.buffer }, () => {}).catch(tell); } }, icon('play'), text.sound.play);
  return [picture(drawn, label), button];
}
