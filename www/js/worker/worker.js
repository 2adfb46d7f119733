// Runs the Rust of Chorus off the page, so that the page never freezes. It loads the program, hands it the page's
// commands in order of arrival and sends back the replies; events go to the page from the program itself.

import init, { handle } from '/pkg/client.js';
import { problemOf } from '../common/problem.js';

// The listener stands before the program has loaded; commands that come early wait for this promise.
const ready = init({ module_or_path: '/pkg/client_bg.wasm' });
ready.catch(crashed);

// What a person does while the room is still being opened waits until it is.
/** @type {Promise<unknown>} */
let opened = Promise.resolve();

self.addEventListener('message', async ({ data: { id, type, ...fields } }) => {
  try {
    await ready;
    if (type !== 'open') await opened;
    const answer = handle(type, fields);
    if (type === 'open') opened = answer.catch(() => {}); // whoever asked for it is told below
    const reply = await answer;
    self.postMessage({ ...reply, id, ok: true });
  } catch (error) {
    if (!refusal(error)) crashed(error);
    const { code = 'crashed', message = String(error) } = problemOf(error);
    self.postMessage({ id, ok: false, error: { code, message } });
  }
});

// A panic in the program traps outside of any command.
self.addEventListener('error', ({ error, message }) => crashed(error ?? message));
self.addEventListener('unhandledrejection', ({ reason }) => crashed(reason));

/**
 * Whether this is a plain no to a command, with its reason, and not the end of the program.
 * @param {unknown} error
 */
function refusal(error) {
  return typeof problemOf(error).code === 'string';
}

/** @param {unknown} error */
function crashed(error) {
  self.postMessage({ type: 'crashed', message: String(problemOf(error).message ?? error) });
}
