// Functions of a design document, tried on chosen documents before it is saved.
//
// Owns how: copies of the documents and the design document go into a database that is made for it and deleted afterwards, so nothing but
// the public API is used and the real database is not touched. Making one takes a server admin. One that was left behind, since
// the page was closed meanwhile, is deleted by a later try.

import {call, json, key, path, send, text} from '../api.js';
import {viewReply} from './document-rows.js';

const PREFIX = 'docstore-tryout-';
const OWN = /^docstore-tryout-([0-9a-z]{8})-[0-9a-f]{8}$/; // nothing else is deleted, whatever it is called
const STALE = 3_600_000;
const FIRST = Date.UTC(2026, 0);

// What comes of the function at `at` (as of `functionsOf`), with the texts of the documents: `{kind: 'rows', rows}` of a view, `{kind: 'each',
// rows: [{id, passed, reason}]}` of a filter or a validation, `{kind: 'none'}` of others, which take a request.
export async function tryOut({design, id, at, documents}, signal) {
  const db = `${PREFIX}${Date.now().toString(36)}-${Math.random().toString(16).slice(2, 10).padEnd(8, '0')}`; // crypto.randomUUID is for https alone
  const ddoc = id.slice('_design/'.length);
  await removeStale(signal);
  await call('PUT', path(db), {signal});
  try {
    await call('PUT', path(db, '_security'), {json: {members: {roles: ['_admin']}}, signal}); // whatever the server's default is
    const isRule = at[0] === 'validate_doc_update';
    if (!isRule) await putAll(db, documents, signal);
    await call('PUT', path(db, id), {body: withoutRev(design), signal});
    if (isRule) return {kind: 'each', rows: await validated(db, documents, signal)};
    if (at[0] === 'views') return {kind: 'rows', rows: await mapped(db, ddoc, at[1], at[2] === 'reduce', signal)};
    if (at[0] === 'filters') return {kind: 'each', rows: await filtered(db, `${ddoc}/${at[1]}`, documents, signal)};
    return {kind: 'none'};
  } finally {
    await call('DELETE', path(db)).catch(() => {}); // also when the view was left
  }
}

async function removeStale(signal) {
  const names = await json('_all_dbs', {query: {startkey: key(PREFIX), endkey: key(`${PREFIX}\ufff0`)}, signal});
  for (const name of names) {
    const made = parseInt(OWN.exec(name)?.[1], 36);
    if (made > FIRST && Date.now() - made > STALE) await call('DELETE', path(name), {signal}).catch(() => {});
  }
}

const withoutRev = (body) => {
  const {_rev, ...others} = JSON.parse(body);
  return JSON.stringify(others);
};

async function putAll(db, documents, signal) {
  await call('POST', path(db, '_bulk_docs'), {body: `{"new_edits":false,"docs":[${documents.map(bare).join(',')}]}`, signal});
}

// Attachments stay behind: their bytes are not copied.
function bare(body) {
  if (!body.includes('"_attachments"')) return body;
  const {_attachments, ...others} = JSON.parse(body);
  return JSON.stringify(others);
}

async function mapped(db, ddoc, view, reduces, signal) {
  const query = reduces ? {group: true} : {reduce: false};
  return viewReply(await text(path(db, '_design', ddoc, '_view', view), {query, signal})).rows;
}

async function validated(db, documents, signal) {
  const results = await send('POST', path(db, '_bulk_docs'), {body: `{"docs":[${documents.map((body) => JSON.stringify(asNew(body))).join(',')}]}`, signal});
  return results.map((row) => ({id: row.id, passed: !row.error, reason: row.error ? `${row.error}: ${row.reason}` : ''}));
}

function asNew(body) {
  const {_rev, _attachments, ...others} = JSON.parse(body);
  return others;
}

async function filtered(db, filter, documents, signal) {
  const {results} = await json(path(db, '_changes'), {query: {filter}, signal});
  const passed = new Set(results.map((row) => row.id));
  return documents.map((body) => JSON.parse(body)._id).map((id) => ({id, passed: passed.has(id), reason: ''}));
}
