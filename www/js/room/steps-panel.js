// The steps of the lesson in the bar. A wide window shows all of them, and a press goes there; a narrow one shows the step that is
// next or was chosen, and the others are one press away (css/room.css).

import { byId, h, setAttribute } from '../common/element.js';
import { words } from '../common/language.js';
import { STEPS, nextStep } from './next-step.js';

/** @typedef {import('./next-step.js').Step} Step */

export function stepsPanel() {
  const links = new Map(STEPS.map((step, index) => [step, h('a', { id: `step-${step}`, href: `#${step}`, 'data-test': `step-${step}`, onclick: () => choose(step) }, words.room.stepNames[index])]));
  byId('steps').append(...links.values());
  /** @type {Step | null} */
  let shown = STEPS.find((step) => location.hash === `#${step}`) ?? null;

  /** @param {Step} step */
  function choose(step) {
    shown = step;
    document.body.dataset.step = step;
    for (const [other, link] of links) setAttribute(link, 'aria-current', other === step ? 'step' : null);
  }

  return {
    /** @param {import('../worker/messages.js').RoomState} state */
    update(state) {
      const next = nextStep(state);
      if (shown === null) choose(next);
      for (const [step, link] of links) setAttribute(link, 'data-next', step === next);
    },
  };
}
