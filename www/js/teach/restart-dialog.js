// From which stored version of the model to go on, and for how many rounds.

import { h, setText } from '../common/element.js';
import { words } from '../common/language.js';
import { scoreOf } from '../live/score.js';
import { sharedResults } from '../live/shared-results.js';
import { ask } from './dialog.js';

const MOST_ROUNDS = 1000;
const MORE = 10; // rounds that are offered where the room has none left

/**
 * @param {import('../live/api-shapes.js').HostRoom} room
 * @param {import('./control-panel.js').Does['act']} act
 */
export function askRestart({ room, status, history, versions }, act) {
  const { restart, steer } = words.teach;
  const present = status.model_version;
  const left = Math.max(status.rounds - present, 0);
  const scores = new Map(sharedResults({ history, status }).map((result) => [result.version, scoreOf(result, words)]));
  const newest = [...versions].sort((a, b) => b.version - a.version);
  let chosen = newest.some(({ version }) => version === present) ? present : newest[0]?.version ?? 0;

  const more = h('input', { id: 'more-rounds', inputmode: 'numeric', autocomplete: 'off', value: left || MORE, 'data-test': 'more-rounds', 'aria-describedby': 'more-total' });
  const total = h('p', { id: 'more-total', class: 'hint' });
  const rounds = () => (/^\d+$/.test(more.value.trim()) ? Number(more.value) : 0);
  const tell = () => setText(total, rounds() > 0 ? restart.total(chosen + rounds()) : '');
  more.addEventListener('input', tell);
  tell();

  const list = h('fieldset', { class: 'versions' }, h('legend', { class: 'visually-hidden' }, restart.title),
    ...newest.map(({ version, best }) => h('label', { class: 'choice version', 'data-test': `version-${version}` },
      h('input', { type: 'radio', name: 'version', value: version, checked: version === chosen, onchange: () => {
        chosen = version;
        tell();
      } }),
      h('span', { class: 'version-name' }, restart.version(version), ' ',
        version === present && h('span', { class: 'tag' }, restart.present), ' ', best && h('span', { class: 'tag best' }, restart.best)),
      h('span', { class: 'hint' }, version === 0 ? restart.zero : scores.has(version) ? restart.accuracy(scores.get(version) ?? '') : restart.unmeasured))));

  ask({
    title: status.phase === 'finished' ? steer.more[0].replace(/\s*…$/, '') : restart.title,
    text: restart.text,
    fields: [list, h('div', { class: 'field more' }, h('label', { for: 'more-rounds' }, restart.more), more, total)],
    confirm: restart.button,
    test: 'restart-dialog',
    async submit() {
      const most = MOST_ROUNDS - chosen;
      if (rounds() < 1 || rounds() > most) return restart.wrong(most);
      return act(room.code, { command: 'restart', version: chosen, rounds: chosen + rounds() }, steer.done.restart(chosen));
    },
  });
}
