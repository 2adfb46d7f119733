// The charts of a room that this page only watches: asked of the worker when there is something new to draw.

import { placeChart } from '../common/chart-svg.js';
import { show } from '../common/element.js';
import { labelName, words } from '../common/language.js';
import { Client } from '../worker/client.js';
import { sharedResults } from './shared-results.js';

/** @typedef {{accuracy: HTMLElement, recall: HTMLElement, confusion: HTMLElement, broken: HTMLElement}} Places */

/** @param {Places} places where the charts go; `broken` says so where they cannot be drawn */
export function roomCharts(places) {
  /** @type {Client | null} */
  let client = null;
  let drawn = '';

  /**
   * @param {import('./api-shapes.js').PublicRoom | import('./api-shapes.js').HostRoom} room
   */
  async function update(room) {
    const results = sharedResults(room);
    const key = JSON.stringify([room.room.code, room.room.labels, results]);
    if (key === drawn) return;
    drawn = key;
    if (results.length === 0) {
      for (const place of [places.accuracy, places.recall, places.confusion]) show(place, false);
      return;
    }
    client ??= worker();
    const charts = await client.request('charts', {
      history: results.map(({ version, loss, accuracy }) => ({ version, loss, accuracy })),
      confusion: results.at(-1)?.confusion ?? null,
      labels: room.room.labels.map(labelName),
      words: words.board.onCharts,
    }).catch(() => null);
    if (key !== drawn) return; // a newer drawing is on its way
    show(places.broken, charts === null);
    placeChart(places.accuracy, charts?.accuracy ?? null);
    placeChart(places.recall, charts?.recall ?? null);
    placeChart(places.confusion, charts?.confusion ?? null);
  }

  function worker() {
    const started = new Client('/js/worker/worker.js');
    started.on('crashed', () => {
      client = null; // the next results are drawn afresh
      show(places.broken, true);
    });
    return started;
  }

  return { update };
}
