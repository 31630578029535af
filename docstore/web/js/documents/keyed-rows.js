// The rows of `_all_docs` by their place, read by key alone.
//
// Owns which rows are known and how others are found. A page is asked for from the nearest known key. For a place far from
// all of them (the scroll bar was dragged) a key is searched that stands there: a guess between two known keys, whose
// `offset` the server tells without counting, until the place is near. So no request skips rows, and the millionth costs
// what the first does.

import {json, key, path} from '../api.js';
import {between} from './between.js';

const PAGE = 100;
const NEAR = 3 * PAGE; // as far as rows are read on from a known key
const GUESSES = 40;
const MOST_KEPT = 20_000;

export class KeyedRows {
  #known = new Map(); // place -> {id, rev}
  #busy = false;
  #wanted = null;
  #base = 0; // rows before the range

  // `range` is `{start, end}`, ids or null; `changed()` is called when rows have come or the count is another one;
  // `failed(error)` when a request was refused.
  constructor(db, {start = null, end = null}, signal, {changed, failed}) {
    this.where = `${path(db)}/_all_docs`;
    this.range = {start, end};
    this.signal = signal;
    this.changed = changed;
    this.failed = failed;
    this.count = 0;
    this.total = 0;
  }

  // The first page, and how many rows there are.
  async open() {
    const {start, end} = this.range;
    const first = await this.#ask(start, {limit: PAGE});
    const behind = end === null ? null : await this.#ask(end, {limit: 0});
    this.total = first.total_rows;
    this.#base = start === null ? 0 : first.offset;
    this.count = Math.max(0, (behind ? behind.offset : first.total_rows) - this.#base);
    this.#take(first, 1);
  }

  get(place) {
    return this.#known.get(place) ?? null;
  }

  // Let the rows of these places be read, and some on both sides; what was wanted before and is not read yet is given up.
  want(first, last) {
    this.#wanted = [Math.max(0, first - PAGE / 2), Math.min(this.count - 1, last + PAGE / 2)];
    if (!this.#busy) this.#work();
  }

  // The place that an id has or would have.
  async placeOf(id) {
    const {offset} = await this.#ask(id, {limit: 0});
    return Math.max(0, Math.min(offset - this.#base, this.count - 1));
  }

  // Rows are gone or others have come: forget what is known.
  async reset() {
    this.#known.clear();
    await this.open();
    this.changed();
  }

  async #work() {
    this.#busy = true;
    try {
      let before = '';
      for (let gap = this.#gap(); gap !== null && !this.signal.aborted; gap = this.#gap()) {
        if (before === String(gap) || !(await this.#fill(gap))) break; // what does not come is not asked for for ever
        before = String(gap);
        this.changed();
      }
    } catch (error) {
      if (!this.signal.aborted) this.failed(error);
    } finally {
      this.#busy = false;
    }
  }

  // The first wanted places that are not known.
  #gap() {
    if (this.#wanted === null) return null;
    let [first, last] = this.#wanted;
    while (first <= last && this.#known.has(first)) first += 1;
    while (last >= first && this.#known.has(last)) last -= 1;
    return first > last ? null : [first, last];
  }

  // Reads rows of a gap. False if there was nothing to be read.
  async #fill([first, last]) {
    const before = this.#nearest(first, -1);
    if (before !== null) {
      return this.#take(await this.#ask(this.get(before).id, {limit: Math.max(PAGE, last - before + 2)}), 1);
    }
    const behind = this.#nearest(last, 1);
    if (behind !== null) {
      return this.#take(await this.#ask(this.get(behind).id, {limit: Math.max(PAGE, behind - first + 2), descending: true}), -1);
    }
    const id = await this.#search(first);
    return id !== null && this.#take(await this.#ask(id, {limit: PAGE + last - first}), 1);
  }

  #nearest(place, step) {
    for (let at = place; Math.abs(at - place) <= NEAR; at += step) if (this.#known.has(at)) return at;
    return null;
  }

  // An id whose place is `target` or little before it.
  async #search(target) {
    let [low, high] = await this.#bounds(target);
    for (let guesses = 0; guesses < GUESSES; guesses += 1) {
      this.signal.throwIfAborted();
      if (this.#wanted[0] !== target) return null; // scrolled on meanwhile
      const share = guesses % 3 === 2 ? 0.5 : (target - low.place) / Math.max(1, high.place - low.place);
      const guess = between(low.id, high.id, share);
      const {rows, offset} = await this.#ask(guess, {limit: 1});
      const place = offset - this.#base;
      if (!rows.length || place > target) high = {place, id: guess};
      else low = {place, id: rows[0].id};
      if (place <= target && target - place <= PAGE) return rows[0].id;
      if (high.place - low.place <= 1 || guess === high.id && place > target && guesses > GUESSES / 2) return low.id;
    }
    return low.id;
  }

  // Known rows on both sides of a place.
  async #bounds(target) {
    let low = null;
    let high = null;
    for (const [place, {id}] of this.#known) {
      if (place <= target && (low === null || place > low.place)) low = {place, id};
      if (place > target && (high === null || place < high.place)) high = {place, id};
    }
    if (low === null) {
      const {rows} = await this.#ask(this.range.start, {limit: 1});
      low = {place: 0, id: rows[0]?.id ?? ''};
    }
    if (high === null) {
      const {rows} = await this.#ask(this.range.end, {limit: 1, descending: true, inclusive_end: undefined});
      high = {place: this.count - 1, id: rows[0]?.id ?? '\u{10ffff}'};
    }
    return [low, high];
  }

  async #ask(from, {limit, descending}) {
    const {start, end} = this.range;
    const until = descending ? start : end;
    const query = {limit, descending, startkey: from === null ? null : key(from)};
    if (until !== null && limit > 1) Object.assign(query, {endkey: key(until), inclusive_end: descending ? null : false});
    return json(this.where, {query, signal: this.signal});
  }

  // Keeps the rows of a reply; `step` is -1 for a descending one.
  #take({rows, offset, total_rows: total}, step) {
    // While others write, each reply is right about its own rows; what is known of others may be a few places off.
    this.count = Math.max(0, this.count + total - this.total);
    this.total = total;
    if (this.#known.size > MOST_KEPT) this.#known.clear();
    const first = step > 0 ? offset - this.#base : this.total - 1 - offset - this.#base;
    rows.forEach(({id, value}, at) => {
      const place = first + step * at;
      if (place >= 0 && place < this.count) this.#known.set(place, {id, rev: value.rev});
    });
    return rows.length > 0;
  }
}
