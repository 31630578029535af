// What somebody typed and the server has not got yet: nothing of it is lost when the page is left or loaded anew.
//
// Owns where drafts are kept: in the tab's storage, and beside it in memory, since the storage may be full or forbidden.

const held = new Map();
const key = (db, id) => `docstore-merge:${db}\n${id}`;

// The draft of a document, null if there is none: `{mine, base, revs, choices, result}`, all but `mine` perhaps missing.
export function draftOf(db, id) {
  const name = key(db, id);
  if (held.has(name)) return held.get(name);
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

// Whether the draft will also be there after the page was loaded anew.
export function keepDraft(db, id, draft) {
  const name = key(db, id);
  held.set(name, draft);
  try {
    sessionStorage.setItem(name, JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(db, id) {
  held.delete(key(db, id));
  try {
    sessionStorage.removeItem(key(db, id));
  } catch {
    // there was none
  }
}
