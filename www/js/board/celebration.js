// What the board shows when all rounds are done: quiet joy, without a sound.

import { announce } from '../common/announcer.js';
import { byId, h, show } from '../common/element.js';
import { colourAs } from '../common/labels.js';
import { words } from '../common/language.js';
import { scoreOf } from '../live/score.js';
import { sharedResults } from '../live/shared-results.js';

const BARS = 28;

export function celebration() {
  const place = byId('finished');
  let shown = '';

  /** @param {import('../live/api-shapes.js').PublicRoom} room */
  function update(room) {
    const { status, room: { labels } } = room;
    const finished = status.phase === 'finished';
    show(place, finished);
    if (!finished) {
      shown = '';
      return;
    }
    const results = sharedResults(room);
    const [first, last] = [results[0], results.at(-1)];
    const known = first && last && first !== last && last.accuracy > first.accuracy;
    const accuracy = known
      ? words.board.finishedAccuracy(scoreOf(first, words), scoreOf(last, words))
      : last ? words.board.finishedAccuracyOnly(scoreOf(last, words)) : '';
    const laptops = Math.max(0, ...room.history.map(({ clients }) => clients));
    const key = `${accuracy}/${status.model_version}/${laptops}`;
    if (key === shown) return;
    if (!shown) announce(words.board.finishedTitle);
    shown = key;
    place.replaceChildren(
      voices(labels),
      h('div', {},
        h('h2', {}, words.board.finishedTitle),
        h('p', {}, words.board.finishedText(laptops, status.model_version), ' ', accuracy)));
  }

  return { update };
}

/**
 * A sound wave in the colours of the labels; css/board.css lets it breathe where people like motion.
 * @param {string[]} labels
 */
function voices(labels) {
  const bars = Array.from({ length: BARS }, (_, i) => {
    const bar = h('i');
    colourAs(bar, labels, i % Math.max(labels.length, 1));
    // Two waves one over the other, higher in the middle, as a voice looks.
    const height = Math.sin((Math.PI * (i + 0.5)) / BARS) * (0.55 + 0.45 * Math.abs(Math.sin(i * 1.9)));
    bar.style.height = `${Math.round(height * 100)}%`;
    bar.style.animationDelay = `${(i % 7) * -0.37}s`;
    return bar;
  });
  return h('span', { class: 'celebration-wave', 'aria-hidden': 'true' }, ...bars);
}
