// The rows of `_all_docs` by their place, read by key alone.
//
// Owns which rows are known and how others are found. A page is asked for from the nearest known key. For a place far from
// all of them (the scroll bar was dragged) a key is searched that stands there: a guess between two known keys, whose
// `offset` the server tells without counting, until the place is near. So no request skips rows, and the millionth costs
// what the first does.

import {json, key, path} from '../api.js';
import {Seeker} from './seeking.js';

const PAGE = 100;
const NEAR = 10 * PAGE; // as far as rows are read on from a known key
const AHEAD = 15; // as many moves like the last one are read in advance
const MOST_KEPT = 20_000;

export class KeyedRows {
  #known = new Map(); // place -> {id, rev}
  #busy = false;
  #wanted = null;
  #base = 0; // rows before the range
  #seeker = new Seeker();
  #ends = null; // promise that the last row is known
  #first = 0; // of those that were wanted last

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
    if (this.count > PAGE) this.#ends ??= this.#readEnd().catch(() => { this.#ends = null; }); // for guesses, before the bar is dragged
  }

  get(place) {
    return this.#known.get(place) ?? null;
  }

  // The beginning of the id that a row may have which is not known yet; empty if there is nothing to guess by.
  guess(place) {
    return this.#seeker.guess(place);
  }

  // Let the rows of these places be read, and some on both sides; what was wanted before and is not read yet is given up.
  want(first, last) {
    const ahead = Math.max(-NEAR / 2, Math.min((first - this.#first) * AHEAD, NEAR / 2));
    this.#first = first;
    this.#wanted = [Math.max(0, first - PAGE / 2 + Math.min(0, ahead)), Math.min(this.count - 1, last + PAGE / 2 + Math.max(0, ahead))];
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
    const id = await this.#search();
    return id !== null && (this.get(this.#wanted[0]) !== null || this.#take(await this.#ask(id, {limit: 2 * PAGE + last - first}), 1));
  }

  #nearest(place, step) {
    for (let at = place; Math.abs(at - place) <= NEAR; at += step) if (this.#known.has(at)) return at;
    return null;
  }

  // An id whose place is that of the first wanted row or little before it. Both ends are known before a guess is made.
  async #search() {
    this.#ends ??= this.#readEnd();
    await this.#ends;
    return this.#seeker.seek(() => this.#wanted[0], PAGE, async (id) => {
      this.signal.throwIfAborted();
      const reply = await this.#ask(id, {limit: 3 * PAGE}); // what is wanted comes with the guess that is near
      this.#take(reply, 1);
      this.changed();
      return {place: reply.offset - this.#base, id: reply.rows[0]?.id ?? null};
    });
  }

  async #readEnd() {
    const {rows} = await this.#ask(this.range.end, {limit: 2, descending: true});
    for (const {id} of rows.filter((row) => row.id !== this.range.end).slice(0, 1)) this.#seeker.note(this.count - 1, id);
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
    if (rows.length && first >= 0 && first < this.count) this.#seeker.note(first, rows[0].id);
    return rows.length > 0;
  }
}
