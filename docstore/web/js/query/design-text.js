// The functions of a design document, edited within its text: whatever else it holds stays letter for letter.
//
// Owns where functions are, and how a member is set in a text. It must not know the page.

import {parseNodes, sliceOf, Values} from '../merge/json-nodes.js';

const GROUPS = ['filters', 'updates', 'shows', 'lists'];

// The functions: `{path, label, code}` with the names that lead to each, in the order of the text.
export function functionsOf(text) {
  const root = parseNodes(text, new Values());
  const found = [];
  const add = (path, node) => {
    if (node?.kind === 'string') found.push({path, label: path.join(' / '), code: JSON.parse(sliceOf(node))});
  };
  const inside = (name) => {
    const node = root.members.get(name)?.node;
    return node?.kind === 'object' ? [...node.members].map(([key, member]) => [key, member.node]) : [];
  };
  for (const [name, view] of inside('views')) {
    if (view.kind !== 'object' || name === 'lib') continue;
    for (const part of ['map', 'reduce']) add(['views', name, part], view.members.get(part)?.node);
  }
  for (const group of GROUPS) for (const [name, node] of inside(group)) add([group, name], node);
  add(['validate_doc_update'], root.members.get('validate_doc_update')?.node);
  return found;
}

// The text with this value (a text too) at a path of names; objects on the way are made where there are none.
export function withMember(text, path, value) {
  let node = parseNodes(text, new Values());
  for (const [depth, name] of path.entries()) {
    if (node.kind !== 'object') throw new Error(`${path.slice(0, depth).join(' / ')} is no object.`);
    const member = node.members.get(name);
    if (member === undefined) {
      const inner = path.slice(depth + 1).reduceRight((made, key) => `{${JSON.stringify(key)}: ${made}}`, value);
      const end = node.end - 1;
      const comma = node.members.size ? ',' : '';
      return `${text.slice(0, end).trimEnd()}${comma}\n  ${JSON.stringify(name)}: ${inner}\n${text.slice(end)}`;
    }
    node = member.node;
  }
  return text.slice(0, node.start) + value + text.slice(node.end);
}
