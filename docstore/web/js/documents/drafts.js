// What was typed into a document's editor and is not saved: kept in the tab, so that neither another view nor a reload
// loses it. A draft is `{text, base}`, `base` the revision that it began with, null for a new document.

const held = new Map();
const PREFIX = 'docstore-draft:';
const MOST = 2_000_000; // characters of a text that are kept over a reload
const name = (db, id) => `${PREFIX}${db}\n${id}`;

// Drafts of merges stand beside those of edits. No database is called so.
export const mergesOf = (db) => `merge of ${db}`;

export function draftOf(db, id) {
  const key = name(db, id);
  if (held.has(key)) return held.get(key);
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

// Whether it would outlive a reload.
export function keepDraft(db, id, draft) {
  held.set(name(db, id), draft);
  try {
    if (Object.values(draft).some((one) => one?.length > MOST)) throw new RangeError();
    sessionStorage.setItem(name(db, id), JSON.stringify(draft));
    return true;
  } catch {
    forget(db, id); // the storage is full or forbidden: the draft lasts as long as the page, and an older one is none
    return false;
  }
}

export function dropDraft(db, id) {
  held.delete(name(db, id));
  forget(db, id);
}

function forget(db, id) {
  try {
    sessionStorage.removeItem(name(db, id));
  } catch {
    // there was none
  }
}

function isAnyStored() {
  try {
    return Object.keys(sessionStorage).some((key) => key.startsWith(PREFIX));
  } catch {
    return false;
  }
}

addEventListener('beforeunload', (event) => {
  if (held.size || isAnyStored()) event.preventDefault();
});
