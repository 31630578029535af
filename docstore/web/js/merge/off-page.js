// Merges and diffs, computed beside the page so that megabytes do not hold it up.
//
// Owns the thread: one for each task, which ends with it or with its signal. Small texts are computed at once.

import {outcome} from './tasks.js';

const AT_ONCE = 100_000;

// The result of a task of `tasks.js`. Throws an Error with `at` where a text is no JSON, and AbortError.
export async function compute(name, input, signal) {
  signal?.throwIfAborted();
  const size = Object.values(input).reduce((sum, text) => sum + (text?.length ?? 0), 0);
  const {result, error} = size <= AT_ONCE ? outcome(name, input) : await inThread(name, input, signal);
  if (error) throw Object.assign(new Error(error.message), {at: error.at});
  return result;
}

function inThread(name, input, signal) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {type: 'module'});
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), {once: true});
    worker.addEventListener('message', ({data}) => resolve(data), {once: true});
    worker.addEventListener('error', () => resolve(outcome(name, input)), {once: true}); // its code was not to be had
    worker.postMessage({name, input});
  }).finally(() => worker.terminate());
}
