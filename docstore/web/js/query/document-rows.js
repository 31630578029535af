// The rows of a reply as texts: what is shown of a document is what the server sent, letter for letter.
//
// Owns the cutting. It must not know the page.

import {parseNodes, sliceOf, Values} from '../merge/json-nodes.js';
import {stringMember} from '../merge/document-text.js';

const SHOWN = 2000; // characters of a document or a value

// Of `{"docs": [...], "bookmark": ...}`: `{docs: [{id, text}], others}` with the beginning of each document as its text; `others` are
// the other members as values.
export function findReply(text) {
  const node = parseNodes(text, new Values());
  const docs = node.members.get('docs').node.items.map((item) => ({id: stringMember(item, '_id'), text: cut(sliceOf(item))}));
  return {docs, others: othersOf(node, 'docs')};
}

// Of `{"rows": [...]}`: `{rows: [{id, key, value}], others}` with `key` and the beginning of `value` as texts, null where
// there is none.
export function viewReply(text) {
  const node = parseNodes(text, new Values());
  const rows = (node.members.get('rows')?.node.items ?? []).map((item) => ({
    id: stringMember(item, 'id'), key: memberText(item, 'key'), value: cut(memberText(item, 'value')),
  }));
  return {rows, others: othersOf(node, 'rows')};
}

const cut = (text) => text?.slice(0, SHOWN) ?? null;

const memberText = (node, name) => {
  const member = node.members.get(name);
  return member ? sliceOf(member.node) : null;
};

function othersOf(node, left) {
  return Object.fromEntries([...node.members].filter(([name]) => name !== left).map(([name, member]) => [name, JSON.parse(sliceOf(member.node))]));
}
