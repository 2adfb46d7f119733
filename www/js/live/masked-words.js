// The four words of a masked room: the same on every screen, unless the server has put a place of its own among the laptops'.

import { byId, h, setText, show } from '../common/element.js';
import { words } from '../common/language.js';

/** @typedef {{words: string[], seats: number}} MaskedTogether */

/**
 * @param {(seats: number) => string} compare what to do with the words
 * @returns {(masked: boolean, together: MaskedTogether | null | undefined) => void} shows those of a room
 */
export function maskedWords(compare) {
  const place = byId('masked');
  const said = h('p', { class: 'masked-said', translate: 'no', 'data-test': 'masked-words' });
  const meaning = h('p', { class: 'hint' });
  place.append(h('h3', {}, words.masked.title), said, meaning);
  return (masked, together) => {
    show(place, masked);
    show(said, Boolean(together));
    setText(said, together?.words.join(' ') ?? '');
    setText(meaning, together ? compare(together.seats) : words.masked.before);
  };
}
