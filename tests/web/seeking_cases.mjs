// Searches among ids of a few kinds: each place is found, in few guesses. Arguments: how many ids, how many searches.

import {between, compare} from '../../docstore/web/js/documents/between.js';
import {Seeker} from '../../docstore/web/js/documents/seeking.js';

let seed = 1;
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
const number = Number(process.argv[2]);
const searches = Number(process.argv[3]);
const hex = (length) => Array.from({length}, () => Math.floor(random() * 16).toString(16)).join('');
const KINDS = {
  hex: () => hex(32),
  counted: (at) => `doc-${String(at).padStart(9, '0')}`,
  uncounted: (at) => `n${at}`,
  prefixed: (at) => `${['user', 'film', 'Ä', '_design/x'][at % 4]}:${hex(8)}`,
  skewed: (at) => (at % 1000 ? `a${hex(20)}` : hex(3) + at),
  words: () => Array.from({length: 1 + Math.floor(random() * 8)}, () => 'abeilnorstvxyzäö😀'.at(Math.floor(random() * 15))).join(''),
};

for (const [kind, make] of Object.entries(KINDS)) {
  const ids = [...new Set(Array.from({length: number}, (_, at) => make(at)))].sort(compare);
  let asked = 0;
  const placeOf = (id) => {
    let low = 0;
    let high = ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(ids[middle], id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const probe = async (id) => {
    asked += 1;
    return {place: placeOf(id), id: ids[placeOf(id)] ?? null};
  };
  const seeker = new Seeker();
  ids.slice(0, 100).forEach((id, place) => seeker.note(place, id));
  seeker.note(ids.length - 1, ids.at(-1));
  for (let at = 0; at < searches; at += 1) {
    const target = Math.floor(random() * ids.length);
    const found = await seeker.seek(() => target, 100, probe);
    const place = found === null ? -1 : placeOf(found);
    if (place < 0 || place > target || target - place > 100) throw new Error(`${kind}: ${found} for ${target} of ${ids.length}`);
  }
  for (let at = 0; at < 300; at += 1) {
    const [low, high] = [Math.floor(random() * ids.length), Math.floor(random() * ids.length)].sort((a, b) => a - b);
    if (low === high) continue;
    const guess = between(ids[low], ids[high], random());
    if (!(compare(guess, ids[low]) > 0 && compare(guess, ids[high]) <= 0)) throw new Error(`${kind}: ${guess} between ${ids[low]} and ${ids[high]}`);
  }
  console.log(kind, (asked / searches).toFixed(1));
}
