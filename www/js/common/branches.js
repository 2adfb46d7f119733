// What voice and text each say of a clip, and how far the network's gate trusts them.

import { h, setText, show } from './element.js';
import { percent } from './format.js';
import { colourAs, labelIcon } from './labels.js';
import { labelName, words } from './language.js';
import { likeliest } from './probability-bars.js';

/**
 * What voice and text each say by themselves: of each label, 0 to 1; none where there is nothing to hear or to read. `gate` is how far
 * the voice is trusted, 0 to 1, and the text with the rest.
 * @typedef {{voice: Probabilities | null, text: Probabilities | null, gate: number}} Branches
 * @typedef {import('./probability-bars.js').Probabilities} Probabilities
 */

const text = words.said;

/** @param {HTMLElement} place is shown with the first answer of a network that reads */
export function branchesPicture(place) {
  const rows = /** @type {const} */ (['voice', 'text']).map((side) => {
    const sign = h('span', { class: 'branch-sign' });
    const says = h('span');
    const fill = h('span', { class: 'trust-fill' });
    const trust = h('span', { class: 'branch-trust' });
    const element = h('li', { class: 'branch', 'data-side': side, 'data-test': `branch-${side}` },
      h('strong', {}, text.sides[side]), h('span', { class: 'branch-says' }, sign, says),
      h('span', { class: 'share-track', 'aria-hidden': 'true' }, fill), trust);
    place.append(element);
    return { side, sign, says, fill, trust, element };
  });

  /**
   * @param {string[]} labels the room's
   * @param {Branches | null} branches
   */
  function draw(labels, branches) {
    show(place, branches !== null);
    if (!branches) return;
    for (const { side, sign, says, fill, trust, element } of rows) {
      const probabilities = branches[side];
      const share = side === 'voice' ? branches.gate : 1 - branches.gate;
      const most = probabilities ? Array.from(probabilities).indexOf(Math.max(...probabilities)) : -1;
      if (element.dataset.says !== (labels[most] ?? '')) {
        sign.replaceChildren(...(most < 0 ? [] : [labelIcon(labels, most)]));
        element.dataset.says = labels[most] ?? '';
        if (most >= 0) colourAs(element, labels, most);
      }
      setText(says, probabilities && most >= 0 ? text.says(labelName(labels[most]), percent(probabilities[most])) : text.nothing[side]);
      fill.style.width = `${(share * 100).toFixed(1)}%`;
      element.dataset.trust = share.toFixed(6);
      setText(trust, text.trusted(percent(share)));
    }
  }

  return { draw };
}

/**
 * The same in a sentence; an empty one of a network that only hears.
 * @param {string[]} labels
 * @param {Branches | null} branches
 */
export function branchesSentence(labels, branches) {
  if (!branches) return '';
  const { voice, text: read, gate } = branches;
  if (!voice || !read) return text.onlyOne[voice ? 'voice' : 'text'];
  return `${text.both(text.says(...likeliest(labels, voice)), text.says(...likeliest(labels, read)))} ${text.trusts(percent(gate), percent(1 - gate))}`;
}
