// A replication is tried before it is saved: are both ends there, and may they be read and written?
//
// Owns the trial: each end with itself, of one document that there is not, without checkpoints, so nothing is written. The server asks
// them, since a page may not ask other servers.

import {send} from '../api.js';

const TRIAL = {doc_ids: ['docstore-is-this-end-there'], use_checkpoints: false, retries_per_request: 1, connection_timeout: 10_000};

// Answers a list of problems in words, empty if there are none.
export async function problemsOf({source, target, create_target: makes}, signal) {
  const problems = [];
  for (const [name, end] of [['source', source], ['target', target]]) {
    try {
      await send('POST', '_replicate', {json: {...TRIAL, source: end, target: end}, signal});
    } catch (error) {
      if (signal?.aborted) throw error;
      if (name === 'target' && makes && /could not open|not_found/.test(`${error.error} ${error.reason}`)) continue;
      problems.push(`The ${name} ${end.url.replace(/\/\/[^/]*@/, '//')} cannot be used: ${error.reason}`);
    }
  }
  return problems;
}
