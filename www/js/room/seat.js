// Remembers for this tab which seat it has in a room, so that a reload finds its own clips and name again, and a second
// tab does not take them.

/** @param {string} code */
const key = (code) => `chorus.seat.${code}`;

/**
 * @param {string} code the room's
 * @returns {string | null}
 */
export function recallSeat(code) {
  try {
    return sessionStorage.getItem(key(code));
  } catch {
    return null; // storage may be switched off; the worker then gives a new seat
  }
}

/** @param {string} code of a room in which this tab has no seat any more */
export function forgetSeat(code) {
  try {
    sessionStorage.removeItem(key(code));
  } catch {
    // As above.
  }
}

/**
 * @param {string} code the room's
 * @param {string} seat
 */
export function rememberSeat(code, seat) {
  try {
    sessionStorage.setItem(key(code), seat);
  } catch {
    // As above.
  }
}
