// Room codes as people type them. Pure functions.

/**
 * A code without regard to spaces, dashes and small letters; a whole link is understood too.
 * @param {string} typed
 * @returns {string}
 */
export function normaliseCode(typed) {
  const link = /\/room\/([^/?#]+)/i.exec(typed);
  let code = link ? link[1] : typed;
  try {
    code = decodeURIComponent(code);
  } catch {
    // A stray % is no letter of a code anyway and falls out below.
  }
  return code.normalize('NFKC').toUpperCase().replace(/[^A-Z0-9]/g, '');
}

/**
 * The code in the address of a room's page, `/room/CODE`.
 * @param {string} pathname
 * @returns {string}
 */
export function codeOfPath(pathname) {
  return /^\/room\/./.test(pathname) ? normaliseCode(pathname) : '';
}
