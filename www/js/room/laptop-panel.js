// What this laptop sends and receives, what it trains with, and the one setting there is.

import { announce } from '../common/announcer.js';
import { byId, h, setText } from '../common/element.js';
import { bytes, grouped } from '../common/format.js';
import { words } from '../common/language.js';
import { ownSlownessOf, quickerOf } from '../live/too-slow.js';

/** @typedef {import('../worker/messages.js').RoomState} State */

const CHOICES = /** @type {const} */ (['auto', 'webgpu', 'cpu']);

/**
 * @param {import('../worker/client.js').Client} client
 * @param {(error: unknown) => void} tell
 */
export function laptopPanel(client, tell) {
  const choices = byId('backend-choice');
  for (const choice of CHOICES) {
    const radio = h('input', {
      type: 'radio', name: 'backend', value: choice, 'data-test': `backend-${choice}`,
      onchange: () => client.request('backend', { choice }).then(() => announce(words.laptop.backendChanged), tell),
    });
    choices.append(h('label', { class: 'choice' }, radio, words.laptop[choice]));
  }

  return {
    /** @param {State} state */
    update({ bytes: traffic, backend, room }) {
      setText(byId('bytes-sent'), bytes(traffic.sent));
      setText(byId('bytes-received'), bytes(traffic.received));
      setText(byId('backend'), backendSentence(backend));
      setText(byId('quicker'), quickerOf(backend, words));
      const { slow } = backend;
      setText(byId('too-slow'), slow ? ownSlownessOf(slow, words) : '');
      byId('backend').dataset.kind = backend.kind ?? '';
      byId('backend').dataset.threads = String(backend.threads ?? 1);
      for (const radio of choices.querySelectorAll('input')) radio.checked = radio.value === backend.choice;
      setText(byId('model'), words.laptop.model(room.model, grouped(room.parameters)));
    },
  };
}

/** @param {State['backend']} backend */
function backendSentence({ kind, name, threads, reasons }) {
  if (kind === null) return words.laptop.backendNone;
  const processor = threads === null ? words.laptop.backendCpu : words.laptop.backendThreads(threads);
  const plain = kind === 'webgpu' ? words.laptop.backendWebGpu(name ?? '') : processor;
  const why = reasons.map((reason) => words.laptop.backendReasons[reason]);
  return why.length ? `${plain}. ${why.join(' ')}` : plain;
}
