// A feed of `_changes` as a stream: what is there at the end, then what comes.
//
// Owns the requests: long polls with a filter, so that a pause is one request given up, and no more rows in one reply than the page
// can take. After a failure it tries again, each time later. It must not know the page.

import {json, path, send} from '../api.js';

const AT_FIRST = 50;
const AT_ONCE = 500;
const HEARTBEAT = 30_000;
const PATIENCE = [1000, 2000, 5000, 10_000, 30_000];

// `wanted` is `{selector, ids, conflicts, design}`, each perhaps missing; the selector is its text. `onRows(rows, pending)` gets rows
// oldest first, `onState(words)` what is wrong, or null. Runs until the signal is aborted; answers the sequence that it came to.
export async function follow(db, wanted, since, {onRows, onState}, signal) {
  const {query, body} = filterOf(wanted);
  const ask = (more) => (body === null ? json(path(db, '_changes'), {query: {...query, ...more}, signal})
    : send('POST', path(db, '_changes'), {query: {...query, ...more}, body, signal}));
  let at = since;
  for (let failures = 0; !signal.aborted;) {
    try {
      if (at === null) {
        const last = await ask({descending: true, limit: AT_FIRST});
        onRows(last.results.reverse(), 0);
        at = last.results.at(-1)?.seq ?? last.last_seq;
      }
      onState(null);
      const {results, last_seq: last, pending} = await ask({feed: 'longpoll', since: at, limit: AT_ONCE, heartbeat: HEARTBEAT});
      if (results.length) onRows(results, pending ?? 0);
      at = last;
      failures = 0;
    } catch (error) {
      if (signal.aborted) break;
      if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
      onState(`${error.message} Tried again.`);
      await pause(PATIENCE[Math.min(failures, PATIENCE.length - 1)], signal);
      failures += 1;
    }
  }
  return at;
}

// The parameters and the body of a filter.
export function filterOf({selector, ids, conflicts, design}) {
  const query = conflicts ? {conflicts_only: 'true', style: 'all_docs'} : {};
  if (selector) return {query: {...query, filter: '_selector'}, body: `{"selector":${selector}}`};
  if (ids?.length) return {query: {...query, filter: '_doc_ids'}, body: JSON.stringify({doc_ids: ids})};
  if (design) return {query: {...query, filter: design}, body: null};
  return {query, body: null};
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, {once: true});
  });
}
