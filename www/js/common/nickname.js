// Remembers the nickname in this browser, so that it is typed once.

const KEY = 'chorus.nickname';
export const LONGEST_NAME = 40;

/** @returns {string} */
export function recallName() {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return ''; // storage may be switched off; the name is then typed again
  }
}

/** What no name may have: it turns the text around it, or is seen as nothing. docs/protocol.md has the list. */
const REFUSED = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
/** A name has something of this, or looks like none. */
const SEEN = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{M}\u2800]/u;

/**
 * @param {string} name
 * @returns {boolean} whether anything of it can be seen
 */
export function isSeen(name) {
  return SEEN.test(name);
}

/**
 * @param {string} name as it was typed
 * @returns {string} the name as the server takes it: trimmed, not too long, nothing unseen; empty where nothing is left
 */
export function usedName(name) {
  const used = [...name.replace(REFUSED, '').trim()].slice(0, LONGEST_NAME).join('').trim();
  return isSeen(used) ? used : '';
}

/**
 * @param {string} name
 * @returns {string} the name as it is used
 */
export function rememberName(name) {
  const used = usedName(name);
  try {
    localStorage.setItem(KEY, used);
  } catch {
    // As above.
  }
  return used;
}

/** Forgets it, for whoever sits here next. */
export function forgetName() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}
