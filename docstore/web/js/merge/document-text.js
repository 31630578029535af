// A document's text, without what is the server's own.
//
// Owns which members are no content: names with an underscore that a revision does not hold itself, and of attachments what
// differs between revisions though the attachment is the same. It must not know how documents are merged.

import {JsonTextError, parseNodes, sliceOf} from './json-nodes.js';

const OF_THE_SERVER = new Set([
  '_id',
  '_rev',
  '_revisions',
  '_revs_info',
  '_conflicts',
  '_deleted_conflicts',
  '_local_seq',
]);
const OF_A_STUB = new Set(['revpos', 'length', 'stub']);

// The content of a document as a node. Throws JsonTextError if the text is no object.
export function contentOf(text, values) {
  const node = parseNodes(text, values);
  if (node.kind !== 'object') throw new JsonTextError('A document is an object.', node.start);
  const members = [...node.members].filter(([name]) => !OF_THE_SERVER.has(name));
  const written = members.map(([name, member]) =>
    `${member.token}:${name === '_attachments' ? attachmentsText(member.node) : sliceOf(member.node)}`,
  );
  return parseNodes(`{${written.join(',')}}`, values);
}

// Stubs as `{"stub":true,"digest":...,"content_type":...}`: equal for equal attachments.
function attachmentsText(node) {
  if (node.kind !== 'object') return sliceOf(node);
  const written = [...node.members.values()].map(({token, node: entry}) => {
    if (entry.kind !== 'object' || !entry.members.has('stub')) return `${token}:${sliceOf(entry)}`;
    const kept = [...entry.members].filter(([name]) => !OF_A_STUB.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
    return `${token}:{"stub":true${kept.map(([, member]) => `,${member.token}:${sliceOf(member.node)}`).join('')}}`;
  });
  return `{${written.join(',')}}`;
}

// The value of a string member of an object text, such as `_rev`; null where there is none.
export function stringMember(node, name) {
  const member = node.members?.get(name);
  return member?.node.kind === 'string' ? JSON.parse(sliceOf(member.node)) : null;
}
