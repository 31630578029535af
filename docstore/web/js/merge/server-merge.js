// A merge without the ancestor's text, decided where the server has decided: it may have the ancestor for merges alone.
//
// Owns the comparison of its outcome with the alternatives. It must not know where that outcome comes from.

import {parseNodes} from './json-nodes.js';
import {prettyMember} from './pretty.js';
import {choose} from './result-text.js';

const MOST_TOLD = 60_000; // characters of pointers, beyond which the server may have told not all

// `work` is a merge of two sides, `merged` the node of the server's outcome, `clashes` its JSON Pointers. What the server merged
// without a clash is chosen and is no clash any more.
export function decidedBy(work, merged, clashes, values) {
  if (clashes.join('\n').length > MOST_TOLD) return work;
  const open = new Set(clashes);
  let state = work;
  for (const place of work.places) {
    const found = at(merged, place.pointer);
    if (open.has(place.pointer) || found === null) continue;
    const idOf = (text) => (text === null ? null : [...parseNodes(`{${text}}`, values).members.values()][0].node.id);
    const id = found.member?.node.id ?? null;
    const side = ['ours', 'theirs'].find((one) => idOf(place[one]) === id) ?? 'both';
    const told = {...place, kind: side};
    if (side === 'both') told.both = prettyMember(found.member, found.depth);
    const places = state.places.with(place.id, {...state.places[place.id], kind: told.kind, both: told.both});
    state = choose({text: state.text, places}, place.id, side);
  }
  return state;
}

// `{member, depth}` of a JSON Pointer whose names are all of objects; `member` is undefined where there is none, all null where it leads elsewhere.
function at(root, pointer) {
  const names = pointer.split('/').slice(1).map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  let node = root;
  for (const name of names.slice(0, -1)) {
    node = node.members?.get(name)?.node;
    if (node === undefined) return {member: undefined, depth: names.length};
  }
  return node.kind === 'object' ? {member: node.members.get(names.at(-1)), depth: names.length} : null;
}
