// The control of one room: how to join, what goes on, who is here, what came out, and the room itself.

import { showSigns } from '../common/labels.js';
import { invitePanel } from './invite-panel.js';
import { managePanel } from './manage-panel.js';
import { resultsPanel } from './results-panel.js';
import { standingOutPanel } from './standing-out-panel.js';
import { steerPanel } from './steer-panel.js';
import { studentsPanel } from './students-panel.js';

/** @typedef {import('../live/api-shapes.js').HostRoom} HostRoom */

/**
 * @typedef {object} Does what the panels may ask for; each gives what went wrong, or nothing
 * @property {(code: string, command: Record<string, unknown>, outcome: string) => Promise<string>} act
 * @property {(room: HostRoom) => Promise<string>} remove
 * @property {(code: string) => Promise<string>} session saves the session file of a room
 */

/** @param {Does} does */
export function controlPanel(does) {
  const steer = steerPanel(does);
  const panels = [invitePanel(), steer, studentsPanel(does), standingOutPanel(does), resultsPanel(does), managePanel(does)];
  return {
    /** @param {HostRoom} room */
    update(room) {
      showSigns(room.room.labels, room.room.signs);
      for (const panel of panels) panel.update(room);
    },
    /** Forgets what was said about another room. */
    clear: () => steer.clear(),
  };
}
