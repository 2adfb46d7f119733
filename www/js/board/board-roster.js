// Every laptop as a card: who, what it does now, which clips it holds, and which way its last update points.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { KeyedList } from '../common/keyed-list.js';
import { fillShapedStrip } from '../common/label-strip.js';
import { labelIcon } from '../common/labels.js';
import { labelName, words } from '../common/language.js';
import { doingOf, isolated, shownNames, shownState, stateIcon } from '../live/laptop-state.js';
import { maskedWords } from '../live/masked-words.js';
import { hereLine, nobodySentence } from '../live/said.js';
import { agreementDial } from './agreement-dial.js';
import { columnsFor } from './roster-grid.js';

/** @typedef {import('../live/api-shapes.js').ClientSummary & {called: string}} Laptop */

/** So many cards have room in one row. */
const FEW = 8;
/** More cards than this take some of the charts' room. */
const MANY = 36;
const WITH_BAR = ['training', 'uploading', 'normalising', 'waiting'];

export function boardRoster() {
  const roster = byId('roster');
  /** @type {string[]} */
  let labels = [];
  let legendOf = '';
  /** @type {Set<number> | null} */
  let known = null;
  let count = 0;
  const showMasked = maskedWords(words.masked.compareAll);

  byId('agreement-legend').append(...agreementLegend());

  /** @type {KeyedList<Laptop>} */
  const list = new KeyedList(roster, ({ client }) => String(client), () => {
    const name = h('bdi');
    const whole = h('strong', { class: 'laptop-name' }, name);
    const dial = agreementDial();
    const doing = h('span');
    const picture = h('span', { class: 'laptop-icon' });
    const bar = h('progress', { max: 1, value: 0, 'aria-hidden': 'true' });
    const strip = h('span', { class: 'strip', 'aria-hidden': 'true' });
    const clips = h('span', { class: 'laptop-clips' });
    const element = h('li', { class: 'laptop', 'data-test': 'laptop' },
      h('span', { class: 'laptop-head' }, whole, dial.element),
      h('span', { class: 'laptop-doing' }, picture, doing),
      bar,
      h('span', { class: 'laptop-holds' }, strip, clips));
    let drawn = '';
    return {
      element,
      update(laptop) {
        const { fraction, examples, called } = laptop;
        const state = shownState(laptop);
        setText(name, called);
        setAttribute(whole, 'title', called);
        dial.update(laptop.agreement);
        setAttribute(element, 'data-state', state);
        setText(doing, doingOf(laptop, words.board));
        if (drawn !== state) picture.replaceChildren(icon(stateIcon(state)));
        drawn = state;
        bar.classList.toggle('unseen', !WITH_BAR.includes(state));
        bar.value = fraction ?? 0;
        fillShapedStrip(strip, labels, laptop.labels.length ? laptop.labels : labels.map(() => 0));
        setAttribute(strip, 'data-empty', examples === 0 || laptop.labels.length === 0);
        const holds = examples ? words.board.clips(examples) : words.board.noClips;
        setText(clips, laptop.behind === undefined ? holds : `${words.board.edges.behind(laptop.behind)} · ${holds}`);
        // In a masked room nobody says how many of each label it has.
        const told = examples > 0 && laptop.labels.length > 0;
        const held = told ? labels.map((label, i) => words.board.holds(labelName(label), laptop.labels[i] ?? 0)).join(', ') : null;
        setAttribute(clips, 'title', held);
        setAttribute(clips, 'aria-label', held);
        setAttribute(clips, 'role', held && 'img');
      },
    };
  });

  function arrange() {
    const { clientWidth: width, clientHeight: height } = roster;
    if (!count || !width || !height) return;
    const columns = columnsFor(count, { width, height });
    roster.style.setProperty('--columns', String(columns));
    roster.style.setProperty('--rows', String(Math.ceil(count / columns)));
  }
  new ResizeObserver(arrange).observe(roster);

  /** @param {import('../live/api-shapes.js').PublicRoom} room */
  function update({ room, status, masked_together: together }) {
    const { clients } = status;
    labels = room.labels;
    showMasked(Boolean(room.masking), together);
    if (legendOf !== labels.join('\n')) {
      legendOf = labels.join('\n');
      byId('legend').replaceChildren(...labels.map((label, index) => h('li', { class: 'label-tag' }, labelIcon(labels, index), labelName(label))));
    }
    tellIn(byId('nobody'), nobodySentence(status, room.edges ? words.board.edges : words.board));
    show(byId('agreement-legend'), clients.some(({ agreement }) => agreement !== undefined));
    setText(byId('people-count'), hereLine({ room, clients }, words));
    const names = shownNames(clients, words);
    list.render(clients.map((client, index) => ({ ...client, called: names[index] })));
    if (count !== clients.length) {
      count = clients.length;
      byId('content').toggleAttribute('data-few', count <= FEW);
      byId('content').toggleAttribute('data-many', count > MANY);
      arrange();
    }
    clients.forEach(({ client }, index) => known && !known.has(client) && announce(words.board.newcomer(isolated(names[index]))));
    known = new Set(clients.map(({ client }) => client));
  }

  return { update };
}

/** The sentence that explains the compasses, and one compass of each kind. */
function agreementLegend() {
  const samples = /** @type {['with' | 'own' | 'against', number][]} */ ([['with', 0.4], ['own', -0.4], ['against', -0.9]]);
  return [
    h('span', {}, words.board.agreement.meaning),
    ...samples.map(([way, cosine]) => {
      const dial = agreementDial();
      dial.update(cosine);
      dial.element.setAttribute('aria-hidden', 'true');
      return h('span', { class: 'agreement-sample' }, dial.element, words.board.agreement[way]);
    }),
  ];
}
