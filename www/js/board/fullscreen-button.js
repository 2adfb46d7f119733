// Fills the screen with the page and takes it back. Browsers that cannot do so get no button.

import { setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';

/** @param {HTMLButtonElement} button */
export function fullscreenButton(button) {
  const text = document.createElement('span');
  button.append(icon('full'), text);
  const tell = () => setText(text, document.fullscreenElement ? words.board.fullscreenEnd : words.board.fullscreen);
  show(button, document.fullscreenEnabled);
  button.addEventListener('click', () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    change.catch(() => {}); // the browser has refused; the board stays as it is
  });
  document.addEventListener('fullscreenchange', tell);
  tell();
}
