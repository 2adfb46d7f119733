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

/**
 * @param {string} name
 * @returns {string} the name as it is used: trimmed and not too long
 */
export function rememberName(name) {
  const used = [...name.trim()].slice(0, LONGEST_NAME).join('');
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
