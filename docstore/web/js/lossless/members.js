// Members of an object's text, read and replaced without touching a character of the others.

import {parseNodes, sliceOf, Values} from '../merge/json-nodes.js';
import {pretty} from '../merge/pretty.js';

export const nodesOf = (text) => parseNodes(text, new Values());

// The text with another value for a member, which is put first if it is not there. `value` is JSON text.
export function withMember(text, name, value) {
  const node = nodesOf(text);
  const found = node.members.get(name)?.node;
  if (found) return text.slice(0, found.start) + value + text.slice(found.end);
  const at = node.start + 1;
  return `${text.slice(0, at)}${JSON.stringify(name)}:${value}${node.members.size ? ',' : ''}${text.slice(at)}`;
}

// The text of the object without some members, in the form for people.
export function without(text, names) {
  const node = nodesOf(text);
  for (const name of names) node.members.delete(name);
  return pretty(node);
}

// A text in the form for people: everything spelt as it was, in other lines.
export const formatted = (text) => pretty(nodesOf(text));
