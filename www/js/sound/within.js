// A wait that comes to an end: with what is waited for, when its time is over, or when nobody waits any more.

/**
 * @template Value
 * @param {Promise<Value>} promise
 * @param {number} milliseconds
 * @param {() => Error} late makes what the wait fails with once its time is over
 * @param {AbortSignal} [signal] ends the wait; it fails with the signal's reason
 * @returns {Promise<Value>}
 */
export function within(promise, milliseconds, late, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(reject, late()), milliseconds);
    const aborted = () => settle(reject, signal?.reason);
    /**
     * @template Outcome
     * @param {(outcome: Outcome) => void} how
     * @param {Outcome} outcome
     */
    const settle = (how, outcome) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      how(outcome);
    };
    signal?.addEventListener('abort', aborted);
    promise.then((value) => settle(resolve, value), (error) => settle(reject, error));
    if (signal?.aborted) aborted();
  });
}
