// How well the shared model does, and how much went over the network for it.

import { announce } from '../common/announcer.js';
import { byId, setText, tellIn } from '../common/element.js';
import { bytes } from '../common/format.js';
import { words } from '../common/language.js';
import { roomCharts } from '../live/room-charts.js';
import { noCurve } from '../live/said.js';
import { scoreOf } from '../live/score.js';
import { sharedResults } from '../live/shared-results.js';

/** A photo of a phone, bytes: the size that most have, 12 megapixels as JPEG. */
const PHOTO = 3_000_000;

export function boardLearning() {
  const charts = roomCharts({
    accuracy: byId('chart-accuracy'), recall: byId('chart-recall'), confusion: byId('chart-confusion'), broken: byId('no-charts'),
  });
  let rounds = -1;

  /** @param {import('../live/api-shapes.js').PublicRoom} room */
  function update(room) {
    const { status, history } = room;
    const latest = sharedResults(room).at(-1);
    tellIn(byId('no-learning'), noCurve(status, Boolean(latest), words));
    setText(byId('accuracy-now'), latest ? words.board.accuracyNow(scoreOf(latest, words)) : '');
    const { bytes_up: up = 0, bytes_down: down = 0 } = status;
    setText(byId('traffic'), up + down > 0 ? trafficSentence(up, down) : '');
    charts.update(room);
    if (rounds >= 0 && history.length > rounds) {
      announce(words.board.roundDone(history[history.length - 1].round, latest ? scoreOf(latest, words) : ''));
    }
    rounds = history.length;
  }

  return { update };
}

/**
 * @param {number} up bytes
 * @param {number} down bytes
 */
function trafficSentence(up, down) {
  const photos = Math.round((up + down) / PHOTO);
  const { traffic, up: sent, down: received, photos: asPhotos, lessThanPhoto, noSound } = words.board;
  return `${traffic}: ${sent(bytes(up))}, ${received(bytes(down))} (${photos ? asPhotos(photos) : lessThanPhoto}), ${noSound}.`;
}
