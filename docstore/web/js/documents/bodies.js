// The documents of rows that are seen, as nodes of the text that came: numbers and members are shown as they are stored.

import {call, path} from '../api.js';
import {debounced} from '../dom.js';
import {parseNodes, sliceOf, Values} from '../merge/json-nodes.js';

const KEPT = 3000;
const AT_ONCE = 60;
const QUIET = 60; // milliseconds without scrolling before documents are asked for

export class Bodies {
  #nodes = new Map(); // id -> node of the document, null if there is none
  #asked = new Set();

  constructor(db, signal, {changed, failed}) {
    this.where = `${path(db)}/_all_docs`;
    this.signal = signal;
    this.changed = changed;
    this.failed = failed;
    this.want = debounced((ids) => this.#fetch(ids), QUIET);
  }

  // The node of a document: undefined while it is not known.
  get(id) {
    return this.#nodes.get(id);
  }

  forget() {
    this.#nodes.clear();
  }

  async #fetch(ids) {
    const wanted = ids.filter((id) => !this.#nodes.has(id) && !this.#asked.has(id)).slice(0, AT_ONCE);
    if (!wanted.length || this.signal.aborted) return;
    wanted.forEach((id) => this.#asked.add(id));
    try {
      if (this.#nodes.size > KEPT) this.#nodes.clear();
      for (const [id, doc] of await documentsOf(this.where, {keys: wanted}, this.signal)) this.#nodes.set(id, doc);
      this.changed();
    } catch (error) {
      if (!this.signal.aborted) this.failed(error);
    } finally {
      wanted.forEach((id) => this.#asked.delete(id));
    }
  }
}

// Pairs [id, node of the document] of a listing, whose parameters are a POST's.
export async function documentsOf(where, body, signal) {
  const reply = await call('POST', where, {query: {include_docs: true}, json: body, signal});
  const rows = parseNodes(await reply.text(), new Values()).members.get('rows').node.items;
  return rows.map(({members}) => {
    const id = JSON.parse(sliceOf((members.get('id') ?? members.get('key')).node));
    const doc = members.get('doc')?.node;
    return [id, doc?.kind === 'object' ? doc : null];
  });
}

// Members of a document that are its content: [name, text of the value].
export function contents(node) {
  return [...node.members].filter(([name]) => name !== '_id' && name !== '_rev').map(([name, member]) => [name, sliceOf(member.node)]);
}
