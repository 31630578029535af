// Faults that people often want, to begin with: [label, rule].

export const PRESETS = [
  ['503 three times, then well', {match: {}, action: {type: 'answer', status: 503, retry_after: 1}, times: 3}],
  ['429 for every fourth request', {match: {every: 4}, action: {type: 'answer', status: 429, retry_after: 1}}],
  ['Each write is done, and its reply is lost once', {match: {method: ['PUT', 'POST']}, action: 'drop_reply', times: 1}],
  ['Slow: half a second, up to one', {match: {}, action: {type: 'delay', seconds: 0.5, jitter: 0.5}}],
  ['The connection is reset, one in ten', {match: {probability: 0.1}, action: 'reset'}],
  ['JSON that breaks off', {match: {method: 'GET'}, action: 'truncate', times: 1}],
  ['A feed that tells rows twice', {match: {endpoint: '_changes'}, action: 'repeat_rows'}],
  ['A feed that goes back', {match: {endpoint: '_changes'}, action: {type: 'rewind', by: 10}, times: 1}],
  ['A write becomes a conflict', {match: {endpoint: 'document', method: 'PUT'}, action: {type: 'spurious_conflict', rival: {other: true}}, times: 1}],
  ['The session is over', {match: {}, action: 'expire_session', times: 1}],
  ['Cloudant\'s smallest throughput', {match: {}, action: {type: 'throttle', reads: 20, writes: 10, queries: 5}}],
  ['Nothing is answered until this is taken away', {match: {}, action: 'stall'}],
];
