// Three versions of a document as one text, with the places at which they differ.
//
// Owns the rule of the merge by hand. It follows the server's (`core/merging.py`): a place that one side changed takes that
// side's value, objects are merged member by member, arrays of unique scalars as sets; members stand in the ancestor's
// order, then in ours, then in theirs. It goes further than the server with other arrays: those are compared item by item (diff3), so a
// change here and another there are both kept. A place that both sides changed differently is a clash: the text holds our side
// until somebody chooses. It must not know the page, the network or revisions.
//
// A place is `{id, pointer, kind, base, ours, theirs, both, choice, start, end}`: `kind` is "clash", or who changed it:
// "ours", "theirs", "both" (the same on both sides, or merged as a set). The alternatives are texts, null where there is nothing;
// `both` is null unless there is a text that has both. `start` and `end` say where the place stands in the text.

import {sliceOf, pointerTo} from './json-nodes.js';
import {threeWayRuns} from './matching.js';
import {mergedSet} from './ordered-sets.js';
import {indent, joined, pretty, prettyMember} from './pretty.js';

const DEEPEST = 200;

// `{text, places}` of three objects; `base` may be null: then every difference is a clash. All nodes are of one `Values`.
export function mergeThreeWay(base, ours, theirs) {
  const merge = new Merge(base === null);
  merge.object(base ?? EMPTY, ours, theirs, '', 0);
  return {text: merge.out.text(), places: merge.places};
}

const EMPTY = { kind: 'object', text: '{}', start: 0, end: 2, id: -1, members: new Map() };

// The text so far. Commas are written when something follows.
class Writer {
  #parts = [];
  #first = true;
  length = 0;

  raw(text) {
    this.#parts.push(text);
    this.length += text.length;
  }

  open(mark) {
    this.raw(mark);
    this.#first = true;
  }

  close(mark, depth) {
    this.raw(this.#first ? mark : `\n${indent(depth)}${mark}`);
    this.#first = false;
  }

  // What stands before a member or an item.
  lead(depth) {
    this.raw(`${this.#first ? '' : ','}\n${indent(depth)}`);
    this.#first = false;
  }

  text() {
    return this.#parts.join('');
  }
}

class Merge {
  places = [];
  out = new Writer();
  #twoWay;

  constructor(twoWay) {
    this.#twoWay = twoWay;
  }

  object(base, ours, theirs, pointer, depth) {
    this.out.open('{');
    const names = new Set([...base.members.keys(), ...ours.members.keys(), ...theirs.members.keys()]);
    for (const name of names) {
      const members = [base.members.get(name), ours.members.get(name), theirs.members.get(name)];
      this.member(members, pointerTo(pointer, name), depth + 1);
    }
    this.out.close('}', depth);
  }

  member([base, ours, theirs], pointer, depth) {
    const token = (ours ?? theirs ?? base).token;
    const nodes = [base?.node ?? null, ours?.node ?? null, theirs?.node ?? null];
    if (this.inside(nodes, `${token}: `, pointer, depth)) return;
    const write = (node) => (node === null ? null : prettyMember({token, node}, depth));
    this.value(nodes, write, pointer, depth);
  }

  // Two objects, or arrays that can be compared item by item: what is in them is merged. Says whether it was.
  inside([base, ours, theirs], lead, pointer, depth) {
    if (ours === null || theirs === null || depth >= DEEPEST || ours.id === theirs.id) return false;
    const kinds = `${ours.kind} ${theirs.kind}`;
    if (kinds === 'object object') {
      this.out.lead(depth);
      this.out.raw(lead);
      this.object(base?.kind === 'object' ? base : EMPTY, ours, theirs, pointer, depth);
      return true;
    }
    if (kinds !== 'array array' || base?.kind !== 'array' || this.#twoWay) return false;
    if (mergedSet(base, ours, theirs) !== null) return false;
    this.out.lead(depth);
    this.out.raw(lead);
    this.array(base, ours, theirs, pointer, depth);
    return true;
  }

  array(base, ours, theirs, pointer, depth) {
    this.out.open('[');
    const ids = (node) => node.items.map((item) => item.id);
    for (const run of threeWayRuns(ids(base), ids(ours), ids(theirs))) {
      const items = [base.items.slice(...run.base), ours.items.slice(...run.ours), theirs.items.slice(...run.theirs)];
      if (run.same) this.plain(pretty(spelt(items[0][0], items[1][0], items[2][0]), depth + 1), depth + 1);
      else this.run(items, pointer, run.ours[0], depth + 1);
    }
    this.out.close(']', depth);
  }

  // A run of items that differ: each by itself where nothing came or went, otherwise as a whole.
  run([base, ours, theirs], outer, first, depth) {
    if (base.length === ours.length && base.length === theirs.length) {
      for (let i = 0; i < base.length; i += 1) {
        const nodes = [base[i], ours[i], theirs[i]];
        const at = pointerTo(outer, first + i);
        if (!this.inside(nodes, '', at, depth)) this.value(nodes, (node) => pretty(node, depth), at, depth);
      }
      return;
    }
    const write = (items) => (items.length === 0 ? null : joined(items.map((item) => pretty(item, depth)), depth));
    const key = (items) => items.map((item) => item.id).join();
    const kind = whoChanged(key(base), key(ours), key(theirs));
    const both = kind === 'clash' ? write([...ours, ...theirs]) : null;
    const pointer = pointerTo(outer, first);
    this.place({kind, pointer, base: write(base), ours: write(ours), theirs: write(theirs), both}, depth);
  }

  // A place that is no object, or is one on one side only.
  value([base, ours, theirs], write, pointer, depth) {
    const key = (node) => (node === null ? '' : node.id);
    if (key(ours) === key(theirs) && (this.#twoWay || key(base) === key(ours))) {
      const text = ours === null ? null : write(spelt(base, ours, theirs));
      if (text !== null) this.plain(text, depth);
      return;
    }
    let kind = this.#twoWay ? 'clash' : whoChanged(key(base), key(ours), key(theirs));
    let both = null;
    if (kind === 'clash' && !this.#twoWay) {
      const items = mergedSet(base, ours, theirs);
      if (items !== null) {
        kind = 'both';
        both = write(arrayOf(items));
      }
    }
    this.place({kind, pointer, base: write(base), ours: write(ours), theirs: write(theirs), both}, depth);
  }

  plain(text, depth) {
    this.out.lead(depth);
    this.out.raw(text);
  }

  place(place, depth) {
    const choice = place.kind === 'theirs' ? 'theirs' : place.both !== null && place.kind === 'both' ? 'both' : 'ours';
    const text = place[choice];
    let start = this.out.length;
    if (text !== null) {
      this.out.lead(depth);
      start = this.out.length;
      this.out.raw(text);
    }
    const decided = place.kind !== 'clash';
    this.places.push({id: this.places.length, ...place, choice: decided ? choice : null, start, end: this.out.length});
  }
}

function whoChanged(base, ours, theirs) {
  if (ours === theirs) return 'both';
  if (base === ours) return 'theirs';
  return base === theirs ? 'ours' : 'clash';
}

// Of three nodes that are the same JSON the one whose spelling is newest.
function spelt(base, ours, theirs) {
  if (base === null || theirs === null || ours === null) return ours ?? theirs;
  return sliceOf(ours) === sliceOf(base) ? theirs : ours;
}

function arrayOf(items) {
  const text = `[${items.map(sliceOf).join(', ')}]`;
  return {kind: 'array', text, start: 0, end: text.length, id: -1, items};
}
