// The journal of a test server, followed: what is new, and what of the last look was still under way.

import {json} from '../api.js';

const MOST = 5000;
const AT_ONCE = 500;

export class JournalFeed {
  rows = []; // oldest first
  #behind = 0;

  // Look again. Answers whether anything is different.
  async look(signal) {
    const {requests} = await json('_docstore/requests', {query: {since: this.#behind, limit: AT_ONCE}, signal});
    if (!requests.length) return false;
    this.rows = [...this.rows.filter((row) => row.number <= this.#behind), ...requests].slice(-MOST);
    const open = requests.find((row) => row.outcome === 'under way');
    const before = this.#behind;
    this.#behind = open ? open.number - 1 : requests.at(-1).number;
    return this.#behind !== before || requests.length > 1 || !open;
  }

  clear() {
    this.rows = [];
  }
}
