// Taking part in the group's training, and how far it is: this step, this epoch, this round.

import { announce } from '../common/announcer.js';
import { byId, h, setAttribute, setText, show, tellIn } from '../common/element.js';
import { icon } from '../common/icons.js';
import { words } from '../common/language.js';
import { divergedSentence, laptopSays, noCurve, noiseMeter, roundLine, waitSentence } from '../live/said.js';
import { isMeasured, latestScore } from '../live/score.js';
import { saveCard } from './room-card.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function trainPanel(client, tell) {
  const button = byId('take-part');
  const status = byId('status-line');
  const waited = byId('waited-for');
  let toldAt = 0;
  const roundBar = /** @type {HTMLProgressElement} */ (byId('round-bar'));
  const workPlace = byId('work');
  const epoch = barRow('epoch');
  const step = barRow('step');
  const task = barRow('task');
  const result = h('p');
  workPlace.append(epoch.row, step.row, task.row);
  setAttribute(roundBar, 'aria-labelledby', 'round-text');
  /** @type {State | null} */
  let before = null;

  button.addEventListener('click', async () => {
    if (!before || button.getAttribute('aria-disabled') === 'true') return;
    const on = !before.taking_part;
    button.setAttribute('aria-disabled', 'true');
    await client.request('take_part', { on }).then(() => announce(on ? words.train.joined : words.train.left), tell);
    button.removeAttribute('aria-disabled');
  });

  function tick() {
    tellIn(waited, before?.connection === 'open' ? waitSentence(before, performance.now() - toldAt, words) : '');
  }
  setInterval(tick, 1000);

  /** @param {State} state */
  function update(state) {
    const said = laptopSays(state, words);
    setText(button, state.taking_part ? words.train.stop : words.train.start);
    button.classList.toggle('primary', !state.taking_part);
    show(button, said.button !== null);
    setText(status, said.sentence);
    show(status, !state.finished || state.connection === 'closed');
    setText(byId('round-text'), roundLine(state, words));
    show(byId('progress'), state.connection !== 'closed' && state.phase !== null);
    fill(roundBar, state.model_version, state.rounds);
    tellIn(byId('diverged'), divergedSentence(state.history.map(({ shared_loss: loss }) => loss), state.room.labels.length, state.clients, words));
    tellIn(byId('noise-meter'), noiseMeter(state.budget, words));
    tellIn(byId('no-charts'), noCurve(state, isMeasured(state.history), words));

    const { work } = state;
    show(workPlace, state.taking_part && !state.finished);
    const training = work !== null && work.what === 'training' && work.epoch !== null;
    show(epoch.row, training);
    show(step.row, training);
    show(task.row, work !== null && !training);
    if (training) {
      const { epoch: nth = 0, epochs = 0, step: done = 0, steps = 0 } = /** @type {Record<string, number>} */ (/** @type {unknown} */ (work));
      setText(epoch.text, words.train.epoch(nth, epochs));
      fill(epoch.bar, nth - 1 + (steps ? done / steps : 0), epochs);
      setText(step.text, words.train.step(done, steps));
      fill(step.bar, done, steps);
    } else if (work) {
      setText(task.text, words.train.workLabel);
      fill(task.bar, work.fraction, 1);
    }
    tellChanges(state);
    if (state.finished) {
      if (!before?.finished) byId('finished').replaceChildren(h('h3', {}, words.train.finishedTitle), result, ...takeHome(state.room, tell));
      // It grows as one laptop after the other has said how the finished model does; the links stay, with the focus on them.
      setText(result, words.train.finishedText(state.model_version, latestScore(state.history, words)));
    }
    show(byId('finished'), state.finished);
    if (waits(state) !== (before && waits(before))) toldAt = performance.now();
    before = state;
    tick();
  }

  /** @param {State} state */
  function tellChanges(state) {
    if (!before) return;
    if (state.history.length > before.history.length) {
      const score = latestScore(state.history, words);
      const { round } = state.history[state.history.length - 1];
      announce(score ? words.train.roundDone(round, score) : words.train.roundDoneOnly(round));
    }
    if (state.finished && !before.finished) announce(words.train.status.finished);
  }

  return { update };
}

/**
 * For whom the room waited, and how long, when it was last heard of.
 * @param {State} state
 */
function waits({ clients }) {
  return clients.map(({ waited_ms: left }) => left ?? '').join();
}

/**
 * The links to the finished model, and what they are.
 * @param {State['room']} room
 * @param {(error: unknown) => void} tell
 */
function takeHome(room, tell) {
  return [
    ...[
      ['safetensors', words.train.download, 'download'],
      ['onnx', words.train.downloadOnnx, 'download-onnx'],
      ['json', words.train.downloadJson, 'download-json'],
    ].map(([format, text, test]) =>
      h('a', { class: 'button', href: `/api/rooms/${encodeURIComponent(room.code)}/model.${format}`, download: `chorus-${room.code}.${format}`, 'data-test': test },
        icon('download'), text)),
    h('button', { type: 'button', 'data-test': 'download-card', onclick: () => saveCard(room.code).catch(tell) }, icon('download'), words.card.button),
    h('p', { class: 'hint' }, `${words.train.downloadHint} ${words.card.hint}`),
  ];
}

/** @param {string} name */
function barRow(name) {
  const id = `${name}-text`;
  const text = h('span', { id });
  const bar = h('progress', { max: 1, value: 0, 'aria-labelledby': id });
  return { row: h('div', { class: 'bar-row', 'data-test': name, hidden: true }, text, bar), text, bar };
}

/**
 * @param {HTMLProgressElement} bar
 * @param {number} value
 * @param {number} max
 */
function fill(bar, value, max) {
  bar.max = Math.max(max, 1e-6);
  bar.value = Math.min(Math.max(value, 0), bar.max);
}
