// What was typed into a document's editor and is not saved: kept in the tab, so that neither another view nor a reload
// loses it. A draft is `{text, base}`, `base` the revision that it began with, null for a new document.

const held = new Map();
const name = (db, id) => `docstore-draft:${db}\n${id}`;

export function draftOf(db, id) {
  const key = name(db, id);
  if (held.has(key)) return held.get(key);
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

export function keepDraft(db, id, draft) {
  held.set(name(db, id), draft);
  try {
    sessionStorage.setItem(name(db, id), JSON.stringify(draft));
  } catch {
    // the storage is full or forbidden: the draft lasts as long as the page
  }
}

export function dropDraft(db, id) {
  held.delete(name(db, id));
  try {
    sessionStorage.removeItem(name(db, id));
  } catch {
    // there was none
  }
}

addEventListener('beforeunload', (event) => {
  if (held.size) event.preventDefault();
});
