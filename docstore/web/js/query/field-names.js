// The names of fields that the documents of a database have, as a sample of them tells.
//
// Owns the sample: rows at both ends of `_all_docs`, read once a database as far as a bound goes, row by row, while nobody waits. Values
// are looked at for names alone. It must not know what names are for.

import {call, path} from '../api.js';

const DOCUMENTS = 50; // at each end
const MOST_CHARACTERS = 400_000; // at each end; a row that goes beyond is not looked at
const MOST_NAMES = 1000;
const MOST_SAMPLES = 20;
const DEEPEST = 6;
const LONGEST = 100; // characters of a name
const ITEMS = 10; // of an array

const samples = new Map(); // database -> promise of its names

// A Map of names -> how often they were met. `a.b` is b within a, `a[].b` b of the items of a; a dot in a name is `\.`.
export function fieldNames(db) {
  if (samples.size > MOST_SAMPLES) samples.clear();
  if (!samples.has(db)) {
    samples.set(db, sample(db));
    samples.get(db).then((names) => names.size || samples.delete(db)); // there may be documents another time
  }
  return samples.get(db);
}

async function sample(db) {
  const names = new Map();
  for (const descending of [false, true]) await readEnd(db, descending, names).catch(() => {}); // then there are none to offer
  return names;
}

async function readEnd(db, descending, names) {
  const reply = await call('GET', path(db, '_all_docs'), {query: {include_docs: true, limit: DOCUMENTS, descending}});
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let left = MOST_CHARACTERS; left > 0;) {
    const {done, value} = await reader.read();
    if (done) return;
    left -= value.length;
    const lines = (rest + value).split('\n'); // a line is a row
    rest = lines.pop();
    lines.forEach((line) => collect(names, documentOf(line), '', 0));
  }
  reader.cancel();
}

// The document of a row; none where there is no row, or one of the server's own.
function documentOf(line) {
  try {
    const {id, doc} = JSON.parse(line.trim().replace(/,$/, ''));
    return id.startsWith('_design/') ? {} : doc ?? {};
  } catch {
    return {};
  }
}

function collect(names, object, outer, depth) {
  for (const [name, value] of Object.entries(object)) {
    if (name.length > LONGEST || name.startsWith('$') || (!depth && name.startsWith('_') && name !== '_id')) continue;
    const at = outer + name.replaceAll('\\', '\\\\').replaceAll('.', '\\.');
    if (!names.has(at) && names.size >= MOST_NAMES) return;
    names.set(at, (names.get(at) ?? 0) + 1);
    const isArray = Array.isArray(value);
    if (depth < DEEPEST) {
      for (const inner of isArray ? value.slice(0, ITEMS) : [value]) {
        if (inner !== null && typeof inner === 'object') collect(names, inner, `${at}${isArray ? '[]' : ''}.`, depth + 1);
      }
    }
  }
}
