// Queries that were run, newest first, in the browser's storage; for each database its own.

const MOST = 30;
const LONGEST = 20_000;
const key = (db) => `docstore-queries:${db}`;

export function pastQueries(db) {
  try {
    const kept = JSON.parse(localStorage.getItem(key(db)));
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function rememberQuery(db, text) {
  if (text.length > LONGEST) return;
  try {
    localStorage.setItem(key(db), JSON.stringify([text, ...pastQueries(db).filter((one) => one !== text)].slice(0, MOST)));
  } catch {
    // not kept then
  }
}
