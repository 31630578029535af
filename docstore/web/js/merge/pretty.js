// Nodes written out for people: a member a line, two spaces a level; names, numbers and strings as they were spelt.
//
// Owns the form. It must not know what is merged or compared.

import {sliceOf} from './json-nodes.js';

const SHORT = 80;
const DEEPEST = 500;

// The spaces of a level.
export function indent(depth) {
  return '  '.repeat(depth);
}

// The text of a node whose first line begins at a level of `depth`; what is nested too deep stays as it was.
export function pretty(node, depth = 0) {
  if (node.kind === 'object' && node.members.size > 0 && depth < DEEPEST) {
    const lines = [...node.members.values()].map((member) => prettyMember(member, depth + 1));
    return `{\n${indent(depth + 1)}${joined(lines, depth + 1)}\n${indent(depth)}}`;
  }
  if (node.kind === 'array' && node.items.length > 0 && depth < DEEPEST) {
    const short = oneLine(node);
    if (short !== null) return short;
    const lines = node.items.map((item) => pretty(item, depth + 1));
    return `[\n${indent(depth + 1)}${joined(lines, depth + 1)}\n${indent(depth)}]`;
  }
  if (node.kind === 'object' && node.members.size === 0) return '{}';
  if (node.kind === 'array' && node.items.length === 0) return '[]';
  return sliceOf(node);
}

// A member with its name.
export function prettyMember({token, node}, depth) {
  return `${token}: ${pretty(node, depth)}`;
}

// Lines of one level with commas between them.
export function joined(lines, depth) {
  return lines.join(`,\n${indent(depth)}`);
}

// An array of a few short scalars as one line; null for others.
function oneLine(node) {
  if (node.items.length > SHORT / 2) return null;
  let text = '[';
  for (const item of node.items) {
    if (item.kind === 'object' || item.kind === 'array') return null;
    if (item.end - item.start > SHORT) return null;
    text += `${text === '[' ? '' : ', '}${sliceOf(item)}`;
  }
  return text.length <= SHORT ? `${text}]` : null;
}
