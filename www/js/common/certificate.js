// The page that says how a device comes to trust a server that made its certificate itself.

import { h } from './element.js';

/** Whether this server has such a page: only one that made its certificate itself does. */
export async function hasCertificatePage() {
  if (location.protocol !== 'https:') return false;
  try {
    return (await fetch('/certificate.crt', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

/**
 * A link to it, in the language that this page is in.
 * @param {string} text
 */
export function certificateLink(text) {
  return h('a', { href: `/certificate?lang=${document.documentElement.lang}`, target: '_blank', rel: 'noopener', 'data-test': 'certificate' }, text);
}
