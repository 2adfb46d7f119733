// The secret of whoever runs the program: read from a link, kept for this tab only.

const KEY = 'chorus.host';

/**
 * The secret in what a person pasted: the link that the program printed, or the secret alone.
 * @param {string} typed
 * @returns {string} empty where there is none
 */
export function tokenOf(typed) {
  const text = typed.trim();
  const hash = text.lastIndexOf('#');
  if (hash < 0 && /^\w+:\/\//.test(text)) return ''; // a link without its secret
  const token = text.slice(hash + 1);
  return /^[\x21-\x7e]{16,}$/.test(token) ? token : ''; // what may stand in a header, and is long enough
}

/**
 * Takes the secret out of the address bar, so that nobody who looks on can read it.
 * @returns {string}
 */
export function takeToken() {
  const token = tokenOf(location.hash);
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  if (token) rememberToken(token);
  return token || recallToken();
}

/** @param {string} token */
export function rememberToken(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // Storage may be switched off; the link is then opened again after a reload.
  }
}

function recallToken() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}
