// What goes on in the room now, and the buttons that steer it. What makes no sense now says why.

import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { percent } from '../common/format.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';
import { divergedAdvice, noiseMeter, roomSentence, roundLine, waitSentence } from '../live/said.js';
import { sharedResults } from '../live/shared-results.js';
import { ask } from './dialog.js';
import { leastForm } from './least-form.js';
import { askRestart } from './restart-dialog.js';
import { steering } from './steering.js';

/** @typedef {import('../live/api-shapes.js').HostRoom} HostRoom */

/** @param {import('./control-panel.js').Does} does */
export function steerPanel(does) {
  const { act } = does;
  const least = leastForm(does);
  let toldAt = 0;
  const place = byId('steer');
  const problem = byId('steer-problem');
  const bar = /** @type {HTMLProgressElement} */ (byId('now-bar'));
  /** @type {HostRoom | null} */
  let room = null;
  /** @type {{element: HTMLElement, update: (button: import('./steering.js').Button) => void}[]} */
  const buttons = [];

  function makeButton() {
    const id = `steer-${buttons.length}`;
    const picture = h('span', { class: 'steer-icon' });
    const name = h('span');
    const meaning = h('p', { id, class: 'hint' });
    const why = h('strong');
    const button = h('button', { type: 'button', 'aria-describedby': id }, picture, name);
    const element = h('div', { class: 'steer-item' }, button, meaning);
    /** @type {import('./steering.js').Button | null} */
    let now = null;
    button.addEventListener('click', () => {
      if (now && button.getAttribute('aria-disabled') !== 'true') press(now, button);
    });
    /** @param {import('./steering.js').Button} next */
    function update(next) {
      if (now?.icon !== next.icon) picture.replaceChildren(icon(next.icon));
      now = next;
      setText(name, next.name);
      setAttribute(button, 'data-test', next.command);
      setAttribute(button, 'aria-disabled', next.why ? 'true' : null);
      button.classList.toggle('primary', next.likely);
      setText(why, next.why);
      const said = `${next.why}\n${next.meaning}`;
      if (meaning.dataset.said !== said) meaning.replaceChildren(...(next.why ? [why, ' '] : []), next.meaning);
      meaning.dataset.said = said;
    }
    return { element, update };
  }

  /**
   * @param {import('./steering.js').Button} button
   * @param {HTMLElement} element
   */
  async function press({ command }, element) {
    if (!room) return;
    const { steer } = words.teach;
    const { code } = room.room;
    tell('');
    if (command === 'restart') {
      askRestart(room, act);
    } else if (command === 'end') {
      ask({
        title: steer.endTitle, text: steer.endText(room.status.model_version), confirm: steer.endButton, danger: true, test: 'end-dialog',
        submit: () => act(code, { command }, steer.done.end),
      });
    } else {
      setAttribute(element, 'aria-busy', 'true');
      const wrong = await act(code, { command }, /** @type {Record<string, string>} */ (/** @type {unknown} */ (steer.done))[command]);
      setAttribute(element, 'aria-busy', null);
      tell(wrong);
    }
  }

  function tick() {
    tellIn(byId('waited-for'), room ? waitSentence(room.status, performance.now() - toldAt, words) : '');
  }
  setInterval(tick, 1000);

  /** @param {string} wrong */
  function tell(wrong) {
    tellIn(problem, wrong);
  }

  /** @param {HostRoom} next */
  function update(next) {
    room = next;
    const { status } = room;
    const { phase, received, goal } = status;
    toldAt = performance.now();
    tick();
    least.update(room);
    show(byId('paused'), Boolean(status.paused) && phase !== 'finished');
    show(byId('locked'), Boolean(status.locked));
    show(byId('held'), Boolean(status.held));
    tellIn(byId('diverged'), divergedAdvice(sharedResults(room).map(({ loss }) => loss), room, words));
    setText(byId('now-round'), roundLine(status, words));
    setText(byId('now-sentence'), roomSentence({ ...status, room: room.room }, words));
    tellIn(byId('noise-meter'), noiseMeter(status.budget, words));
    const working = phase === 'collecting' || phase === 'normalising';
    show(bar, working);
    bar.max = Math.max(goal, 1);
    bar.value = received;
    setAttribute(bar, 'aria-valuetext', percent(received / Math.max(goal, 1)));
    steering(room, words).forEach((button, index) => {
      if (!buttons[index]) {
        buttons[index] = makeButton();
        place.append(buttons[index].element);
      }
      buttons[index].update(button);
    });
  }

  return { update, clear: () => tell('') };
}
