// Which choices of the form go with masks. Pure; the rules are the server's (`Masking::check` in crates/protocol), which has the
// last word.

import { FEWEST_MASKED } from '../live/said.js';
import { numberOf } from './room-settings.js';

/** Most laptops of a masked room, by how its numbers travel. */
const MOST = { masked32: 200, masked24: 64, masked16: 64 };

/** @typedef {'few' | 'many' | 'strategy' | 'aggregation' | 'influence_limit' | 'asynchronous' | 'selection' | 'goal' | 'stragglers' | 'encoding'} Conflict */

/**
 * The first choice with which a room cannot be masked; nothing where it can.
 * @param {(name: string) => string} chosen what stands in a setting's field
 * @returns {{conflict: Conflict, most: number} | null} with the most laptops that a masked room takes
 */
export function unmaskedBy(chosen) {
  const most = MOST[/** @type {keyof typeof MOST} */ (chosen('masking_encoding'))] ?? MOST.masked32;
  const typed = (/** @type {string} */ name) => chosen(name).trim() !== '';
  const number = (/** @type {string} */ name) => numberOf(chosen(name));
  /** @type {[Conflict, boolean][]} */
  const rules = [
    ['few', ['least', 'max_clients'].some((name) => (number(name) ?? FEWEST_MASKED) < FEWEST_MASKED)],
    ['many', (number('max_clients') ?? 0) > most],
    ['strategy', chosen('strategy') === 'scaffold'],
    ['aggregation', !['', 'mean'].includes(chosen('aggregation'))],
    ['influence_limit', typed('influence_limit') && number('influence_limit') !== 0],
    ['asynchronous', typed('asynchronous')],
    ['selection', typed('selection')],
    ['goal', typed('goal') && number('goal') !== 0],
    ['stragglers', chosen('stragglers') === 'fewer_steps'],
    ['encoding', !['', 'f32'].includes(chosen('encoding'))],
  ];
  const [conflict] = rules.find(([, holds]) => holds) ?? [];
  return conflict ? { conflict, most } : null;
}
