// Says in words why the microphone did not open, and what to do.

import { words } from '../common/language.js';
import { MicrophoneError } from './microphone.js';

/**
 * @param {unknown} error
 * @returns {string}
 */
export function microphoneProblem(error) {
  if (!(error instanceof MicrophoneError)) return words.record.errors.other(/** @type {Error} */ (error).message);
  const known = words.record.errors[error.reason];
  return typeof known === 'function' ? known(error.message) : known;
}
