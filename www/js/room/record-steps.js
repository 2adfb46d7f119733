// The steps of recording a clip, from a prompt to a kept clip: what the person, the microphone and the worker do goes in, the
// next state and what is to be done come out. Pure: no page, no microphone, no clock, no words.

import { nextLabel } from './prompts.js';

/** Seconds that are counted down before the microphone's sound is kept. */
export const COUNT_FROM = 3;

/** @typedef {import('../sound/recording.js').Sound} Sound */

/**
 * @typedef {object} Prompt what to record next
 * @property {string[]} labels of the room
 * @property {string[][]} prompts of the room for each label, where it has its own
 * @property {number[]} counts clips of each label
 * @property {number} wanted the label of the prompt
 * @property {number} turn chooses the sentence
 * @property {number[]} skipped labels that the person did not want since the last clip
 */

/**
 * @typedef {{label: number, replaces: number | null, said: string}} Take a recording of a label; once it is kept, the clip that it
 * replaces goes; `said` is the sentence that was to be said, or what the person made of it
 */

/**
 * @typedef {{is: 'choosing', problem: unknown}
 *   | Take & {is: 'opening' | 'recording'}
 *   | Take & {is: 'counting', left: number}
 *   | Take & {is: 'judging', sound: Sound, problem: unknown}
 *   | Take & {is: 'reviewing' | 'storing', sound: Sound, complaints: string[], problem: unknown}} Step
 * `problem` is what was thrown, or ended the recording before its time, or null
 */

/** @typedef {{prompt: Prompt, at: Step}} State */

/**
 * @typedef {{what: 'room', labels: string[], prompts?: string[][], counts: number[]}
 *   | {what: 'other_sentence' | 'skip' | 'opened' | 'second' | 'stop' | 'cancel' | 'keep' | 'kept' | 'drop' | 'again'}
 *   | {what: 'record', label: number, replaces: number | null, said: string}
 *   | {what: 'said', said: string}
 *   | {what: 'heard', sound: Sound, problem: unknown}
 *   | {what: 'failed' | 'refused', problem: unknown}
 *   | {what: 'judged', complaints: string[]}
 *   | {what: 'restored', take: Take, sound: Sound}} Event
 */

/**
 * What is to be done: `busy` and `idle` tell the others in the room, `hush` ends what plays, `open` opens the microphone, `wait`
 * waits a second, `begin` keeps its sound, `stop` ends the recording and `forget` throws it away; `judge` asks how good it is,
 * `store` keeps it.
 * @typedef {'busy' | 'idle' | 'hush' | 'open' | 'wait' | 'begin' | 'stop' | 'forget' | 'judge' | 'store'} Effect
 */

/** @type {State} */
export const START = { prompt: { labels: [], prompts: [], counts: [], wanted: 0, turn: 0, skipped: [] }, at: { is: 'choosing', problem: null } };

/**
 * The sound that is recorded and neither kept nor thrown away yet.
 * @param {State} state
 * @returns {{take: Take, sound: Sound} | null}
 */
export function undecided({ at }) {
  return at.is === 'judging' || at.is === 'reviewing' ? { take: takeOf(at), sound: at.sound } : null;
}

/**
 * An event that does not belong to the present step changes nothing.
 * @param {State} state
 * @param {Event} event
 * @returns {{state: State, effects: Effect[]}}
 */
export function step(state, event) {
  const { prompt, at } = state;
  /**
   * @param {Step} next
   * @param {Effect[]} effects
   */
  const to = (next, ...effects) => ({ state: { prompt, at: next }, effects });
  /**
   * @param {Partial<Prompt>} change
   */
  const prompted = (change) => ({ state: { prompt: { ...prompt, ...change }, at }, effects: /** @type {Effect[]} */ ([]) });
  const stay = { state, effects: /** @type {Effect[]} */ ([]) };

  switch (event.what) {
    case 'room': return room(state, event);
    case 'other_sentence': return prompted({ turn: prompt.turn + 1 });
    case 'skip': {
      // The last label that is left cannot be skipped: it begins anew.
      const skipped = [...(prompt.skipped.length + 1 >= prompt.labels.length ? [] : prompt.skipped), prompt.wanted];
      return prompted({ skipped, wanted: nextLabel(prompt.counts, skipped), turn: prompt.turn + 1 });
    }
    case 'record': {
      if (at.is !== 'choosing') return stay;
      return { state: { prompt: { ...prompt, wanted: event.label }, at: { is: 'opening', ...takeOf(event) } }, effects: ['hush', 'busy', 'open'] };
    }
    case 'opened': return at.is === 'opening' ? to({ ...at, is: 'counting', left: COUNT_FROM }, 'wait') : stay;
    case 'second': {
      if (at.is !== 'counting') return stay;
      if (at.left > 1) return to({ ...at, left: at.left - 1 }, 'wait');
      return to({ is: 'recording', ...takeOf(at) }, 'begin');
    }
    case 'stop': return at.is === 'recording' ? to(at, 'stop') : stay;
    case 'heard': return at.is === 'recording' ? to({ ...at, is: 'judging', sound: event.sound, problem: event.problem }, 'idle', 'judge') : stay;
    case 'failed': return isLive(at) ? to({ is: 'choosing', problem: event.problem }, 'forget', 'idle') : stay;
    case 'cancel': return isLive(at) ? to({ is: 'choosing', problem: null }, 'forget', 'idle') : stay;
    case 'restored': return at.is === 'choosing' ? to({ ...event.take, is: 'judging', sound: event.sound, problem: null }, 'judge') : stay;
    case 'judged': return at.is === 'judging' ? to({ ...at, is: 'reviewing', complaints: event.complaints }) : stay;
    case 'keep': return at.is === 'reviewing' ? to({ ...at, is: 'storing' }, 'hush', 'store') : stay;
    case 'refused': return at.is === 'storing' ? to({ ...at, is: 'reviewing', problem: event.problem }) : stay;
    case 'said': return at.is === 'reviewing' ? to({ ...at, said: event.said }) : stay;
    case 'drop': return at.is === 'reviewing' ? to({ is: 'choosing', problem: null }, 'hush') : stay;
    case 'again': return at.is === 'reviewing' ? to({ is: 'opening', ...takeOf(at) }, 'hush', 'busy', 'open') : stay;
    case 'kept': {
      if (at.is !== 'storing') return stay;
      // The worker's own count comes a moment later, and is the same.
      const counts = prompt.counts.map((count, index) => count + (index === at.label && at.replaces === null ? 1 : 0));
      const next = { ...prompt, counts, skipped: [], wanted: nextLabel(counts), turn: prompt.turn + 1 };
      return { state: { prompt: next, at: { is: 'choosing', problem: null } }, effects: [] };
    }
  }
}

/**
 * The room's labels, and how many clips of each there are now. While nothing is recorded, the prompt follows.
 * @param {State} state
 * @param {{labels: string[], prompts?: string[][], counts: number[]}} room
 * @returns {{state: State, effects: Effect[]}}
 */
function room({ prompt, at }, { labels, prompts = [], counts }) {
  const same = labels.join('\n') === prompt.labels.join('\n');
  const moved = !same || (at.is === 'choosing' && counts.join() !== prompt.counts.join());
  const wanted = moved ? nextLabel(counts, prompt.skipped) : prompt.wanted;
  return { state: { prompt: { ...prompt, labels, prompts, counts, wanted }, at }, effects: [] };
}

/**
 * @param {Take} take or what holds one
 * @returns {Take}
 */
function takeOf({ label, replaces, said }) {
  return { label, replaces, said };
}

/**
 * Whether the microphone is wanted.
 * @param {Step} at
 * @returns {at is Extract<Step, {is: 'opening' | 'counting' | 'recording'}>}
 */
function isLive({ is }) {
  return is === 'opening' || is === 'counting' || is === 'recording';
}
