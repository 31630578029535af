// What the server does in the background, in words and numbers: active tasks and replications.
//
// Owns the reading of `_active_tasks` and `_scheduler`. It must not know the page.

import {decode} from '../router.js';

const KINDS = {indexer: 'Index', view_compaction: 'Compaction of an index', database_compaction: 'Compaction', replication: 'Replication'};

// `{key, title, detail, done, total, share}` of a task; `share` from 0 to 1, null if nobody knows; `done` counts what rates are made of.
export function readTask(task) {
  const where = [task.database, task.design_document].filter(Boolean).join(' ');
  const total = task.total_changes ?? null;
  const share = total ? Math.min(1, task.changes_done / total) : typeof task.progress === 'number' ? task.progress / 100 : null;
  return {key: `${task.type} ${task.pid} ${where}`, title: `${KINDS[task.type] ?? task.type.replaceAll('_', ' ')} ${where}`, done: task.changes_done ?? null, total, share};
}

const STATES = {
  initializing: 'is being prepared', running: 'runs', pending: 'waits for its turn', crashing: 'failed, and will be tried again',
  error: 'cannot begin now, and will be tried again', failed: 'failed for good', completed: 'is complete',
};
const DANGER = new Set(['crashing', 'error', 'failed']);

// `{key, database, docId, jobId, source, target, state, words, error, isBad, read, written, failures, pending, share}` of a row of `_scheduler/docs`, or of
// `_scheduler/jobs` without a document.
export function readReplication(row) {
  const info = row.info ?? {};
  const state = row.state ?? 'running';
  const through = info.changes_pending !== undefined && info.changes_pending !== null && info.revisions_checked !== undefined
    ? info.revisions_checked / Math.max(1, info.revisions_checked + info.changes_pending) : null;
  return {
    key: row.doc_id ? `${row.database}/${row.doc_id}` : row.id, database: row.database, docId: row.doc_id, jobId: row.id, source: row.source, target: row.target,
    state, words: STATES[state] ?? state, error: info.error ? String(info.error) : '', errorCount: row.error_count ?? 0, isBad: DANGER.has(state),
    read: info.docs_read ?? 0, written: info.docs_written ?? 0, failures: info.doc_write_failures ?? 0, pending: info.changes_pending ?? null,
    checked: info.revisions_checked ?? 0, share: state === 'completed' ? 1 : through, started: row.start_time,
  };
}

// An end as it is shown: without what is the same for all, and without secrets.
export function endName(url, root) {
  const own = String(root);
  const told = String(url).replace(/\/$/, '').replace(/\/\/[^/]*@/, '//');
  return told.startsWith(own) ? `${decode(told.slice(own.length))} (here)` : told;
}

// Why a replication fails, told by somebody who wants to help.
export function errorWords(error) {
  const text = String(error);
  const hints = [
    [/could not open|db_not_found/, 'A database is not there, or may not be read.'],
    [/unauthorized|forbidden/i, 'The user may not, or the password is wrong.'],
    [/unreachable|nxdomain|econnrefused|timeout/i, 'The other server does not answer.'],
    [/too_many_requests/, 'The other server asks for patience.'],
    [/instance_start_time/, 'A database was deleted and made anew.'],
    [/filter_fetch_error/, 'Its filter is not there.'],
  ];
  const hint = hints.find(([pattern]) => pattern.test(text));
  return hint ? `${hint[1]} (${text})` : text;
}
