// Says in words why the microphone did not open, and what to do.

import { words } from '../common/language.js';
import { log } from '../common/problem.js';
import { MicrophoneError } from './microphone.js';

/**
 * @param {unknown} error
 * @returns {string}
 */
export function microphoneProblem(error) {
  const reason = error instanceof MicrophoneError ? error.reason : 'other';
  if (reason === 'other') log(error);
  return words.record.errors[reason];
}
