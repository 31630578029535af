// Files on their way to attachments: in pieces, over as many connections as it takes, and on from where they were after a
// reload (draft-ietf-httpbis-resumable-upload, as docs/uploads.md has it).
//
// Owns the uploads of this page, which go on while other views are shown, and the notes of those that were cut short. After
// a reload the file has to be chosen once more, since a page may not open files by itself.

import {call, path, send} from '../api.js';

const SMALL = 256 * 1024; // bytes that go in one request
const FIRST_PIECE = 256 * 1024;
const LARGEST_PIECE = 16 * 1024 * 1024;
const PIECE_TIME = 1000; // milliseconds that a piece should take
const LONGEST_WAIT = 20_000;
const NOTES = 'docstore-uploads';

const running = new Set();

// Uploads of a document, those that run and the notes of others: `{db, id, name, size, sent, error, done}`.
export const uploadsOf = (db, id) => [...running].filter((one) => one.db === db && one.id === id);
export const interrupted = (db, id) => notes().filter((note) => note.db === db && note.id === id && !uploadsOf(db, id).some((one) => one.name === note.name));

export const attachmentPath = (db, id, name) => path(db, id, name);

// Begin to upload a file, or go on with the one that was cut short. `rev` is the document's revision, null for none; `told(upload)`
// hears of each step. Resolves with the new revision.
export async function upload({db, id, rev, file, name = file.name}, told) {
  const one = {db, id, name, size: file.size, sent: 0, error: null, control: new AbortController()};
  running.add(one);
  const step = () => told(one);
  step();
  try {
    const made = file.size <= SMALL ? await inOne(one, file, rev) : await inPieces(one, file, rev, step);
    forget(one);
    return made;
  } finally {
    running.delete(one);
    step();
  }
}

// Give up an upload that was cut short, here and at the server.
export async function giveUp(note) {
  forget(note);
  await call('DELETE', path(note.db, '_uploads', note.uuid)).catch(() => {});
}

const typeOf = (file) => file.type || 'application/octet-stream';

async function inOne(one, file, rev) {
  const reply = await send('PUT', attachmentPath(one.db, one.id, one.name), {query: {rev}, body: file, type: typeOf(file), signal: one.control.signal});
  one.sent = one.size;
  return reply.rev;
}

async function inPieces(one, file, rev, step) {
  const known = notes().find((note) => isSame(note, one) && note.size === file.size && note.modified === file.lastModified);
  let offset = known ? await offsetOf(one.db, known.uuid).catch(() => null) : null;
  const uuid = offset === null ? await begin(one, file, rev) : known.uuid;
  offset ??= 0;
  let piece = FIRST_PIECE;
  let wait = 500;
  for (;;) {
    one.sent = offset;
    step();
    const end = Math.min(file.size, offset + piece);
    const started = performance.now();
    try {
      const reply = await append(one, uuid, file, offset, end, rev);
      one.error = null;
      wait = 500;
      if (end === file.size) return reply;
      offset = end;
      piece = nextPiece(piece, performance.now() - started);
    } catch (error) {
      if (one.control.signal.aborted || (error.status && error.status < 500 && error.status !== 409)) throw error;
      if (error.status === 409 && error.problem['expected-offset'] === undefined) return complete(one, uuid);
      one.error = error.message;
      step();
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT);
      offset = await offsetOf(one.db, uuid).catch((failure) => {
        if (failure.status === 404) throw failure;
        return offset;
      });
    }
  }
}

const nextPiece = (piece, took) => Math.min(LARGEST_PIECE, Math.max(FIRST_PIECE, took < PIECE_TIME / 2 ? piece * 2 : took > PIECE_TIME * 2 ? piece / 2 : piece));

async function begin(one, file, rev) {
  const reply = await call('POST', attachmentPath(one.db, one.id, one.name), {
    query: {rev}, body: new Blob([]), type: typeOf(file), signal: one.control.signal,
    headers: {'Upload-Complete': '?0', 'Upload-Length': String(file.size)},
  });
  const uuid = reply.headers.get('Location').split('/').pop();
  const {db, id, name, size} = one;
  keep({db, id, name, size, uuid, modified: file.lastModified});
  return uuid;
}

// The next bytes; with the last ones the attachment is made, and the document's new revision is the answer.
async function append(one, uuid, file, offset, end, rev) {
  const isLast = end === file.size;
  const reply = await call('PATCH', path(one.db, '_uploads', uuid), {
    query: isLast ? {rev} : {}, body: file.slice(offset, end), type: 'application/partial-upload', signal: one.control.signal,
    headers: {'Upload-Offset': String(offset), 'Upload-Complete': isLast ? '?1' : '?0'},
  });
  return isLast ? (await reply.json()).rev : null;
}

// All bytes are there, but the document has changed meanwhile: the attachment goes to its newest revision.
async function complete(one, uuid) {
  const {rows: [row]} = await send('POST', `${path(one.db)}/_all_docs`, {json: {keys: [one.id]}});
  const rev = row.value?.deleted ? null : row.value?.rev;
  return (await send('POST', path(one.db, '_uploads', uuid), {query: {rev}})).rev;
}

async function offsetOf(db, uuid) {
  const reply = await call('HEAD', path(db, '_uploads', uuid));
  return Number(reply.headers.get('Upload-Offset'));
}

// How far the server has come with an upload that was cut short; null if it does not know it any more.
export const progressOf = (note) => offsetOf(note.db, note.uuid).catch(() => null);

// --- notes of what is under way

const isSame = (a, b) => a.db === b.db && a.id === b.id && a.name === b.name;

function notes() {
  try {
    return JSON.parse(localStorage.getItem(NOTES)) ?? [];
  } catch {
    return [];
  }
}

function write(all) {
  try {
    localStorage.setItem(NOTES, JSON.stringify(all));
  } catch {
    // then it cannot be resumed after a reload
  }
}

const keep = (note) => write([...notes().filter((one) => !isSame(one, note)), note]);
const forget = (note) => write(notes().filter((one) => !isSame(one, note)));

addEventListener('beforeunload', (event) => {
  if (running.size) event.preventDefault();
});

