// The rows of the documents that a selector finds, read on as far as one scrolls. The selector stays the text that was typed.
//
// Owns the pages of `_find`; offers what `keyed-rows.js` does.

import {json, path, send} from '../api.js';

const PAGE = 100;

export class FoundRows {
  #rows = [];
  #bookmark = null;
  #reading = null;

  constructor(db, selector, signal, {changed, failed}) {
    this.where = `${path(db)}/_all_docs`;
    Object.assign(this, {db, selector, signal, changed, failed, total: 0, isComplete: false});
  }

  get count() {
    return this.#rows.length;
  }

  get(place) {
    return this.#rows[place] ?? null;
  }

  async open() {
    this.total = (await json(path(this.db), {signal: this.signal})).doc_count;
    await this.#read();
  }

  want(first, last) {
    if (last + PAGE / 2 < this.count || this.isComplete || this.#reading) return;
    this.#read().then(() => this.changed(), (error) => this.signal.aborted || this.failed(error));
  }

  // The ids of all that is found.
  async ids() {
    while (!this.isComplete) await this.#read();
    return this.#rows.map(({id}) => id);
  }

  async placeOf(id) {
    const place = (await this.ids()).findIndex((one) => one.startsWith(id));
    if (place < 0) throw new Error('Nothing of that was found.');
    return place;
  }

  async reset() {
    this.#rows = [];
    this.#bookmark = null;
    this.isComplete = false;
    await this.open();
    this.changed();
  }

  // One page more, which is asked for once.
  #read() {
    this.#reading ??= this.#page().finally(() => { this.#reading = null; });
    return this.#reading;
  }

  async #page() {
    const body = `{"selector":${this.selector},"fields":["_id","_rev"],"limit":${PAGE},"bookmark":${JSON.stringify(this.#bookmark)}}`;
    const {docs, bookmark} = await send('POST', path(this.db, '_find'), {body, signal: this.signal});
    this.#rows.push(...docs.map(({_id, _rev}) => ({id: _id, rev: _rev})));
    this.#bookmark = bookmark;
    this.isComplete = docs.length < PAGE;
  }
}
