// Which members the table of documents shows, and a document as a row of texts.

import {sliceOf} from '../merge/json-nodes.js';
import {contents} from './bodies.js';

const MOST = 5;
const LONGEST = 400;

// The most frequent members of these documents, the earlier ones first among equals.
export function frequentMembers(nodes) {
  const counts = new Map();
  for (const node of nodes) {
    for (const [name] of contents(node)) if (!name.startsWith('_')) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([name]) => name);
}

// The text of a member in a cell: strings without their quotes, everything else as it is spelt.
export function cellText(node, name) {
  const found = node.members.get(name)?.node;
  if (!found) return '';
  return found.kind === 'string' && found.end - found.start < LONGEST ? JSON.parse(sliceOf(found)) : found.text.slice(found.start, Math.min(found.end, found.start + LONGEST));
}

// The document on one line, without its id and revision.
export function lineOf(node) {
  let line = '';
  for (const [name, value] of contents(node)) {
    line += `${line ? ', ' : ''}${JSON.stringify(name)}: ${value.slice(0, LONGEST)}`;
    if (line.length > LONGEST) break;
  }
  return `{${line}}`;
}
