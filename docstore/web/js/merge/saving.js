// A merged document, written in one step.
//
// Owns the requests: `_resolve` where leaves are in conflict, PUT where an edit follows the winner; and that attachments go
// along which the revision before has not got. The text is sent as it was edited.

import {call, path, send, text} from '../api.js';
import {parseNodes, sliceOf, Values} from './json-nodes.js';
import {stringMember} from './document-text.js';

const MOST_BYTES = 32 * 1024 * 1024;

// Raises ApiError (409 if somebody was faster), JsonTextError for a text that is no JSON. Answers the new revision.
export async function saveMerged(db, id, {target, leaves, sources}, result, signal) {
  const body = await withAttachments(db, id, target, sources, result, signal);
  if (leaves === null) {
    return (await send('PUT', path(db, id), {query: {rev: target}, body, signal})).rev;
  }
  const asked = `{"leaves":${JSON.stringify(leaves)},"body":${body}}`;
  return (await send('POST', path(db, id, '_resolve'), {body: asked, signal})).rev;
}

// The text, with the content of those attachments in it that are stubs and that the revision before has not got.
async function withAttachments(db, id, target, sources, result, signal) {
  const stubs = stubsOf(result);
  if (!stubs.length) return result;
  const known = target === null ? new Map() : await digests(db, id, target, signal);
  let text = result;
  for (const stub of stubs.reverse()) {
    if (known.get(stub.name) === stub.digest) continue;
    const content = await contentOf(db, id, stub, sources, signal);
    text = text.slice(0, stub.start) + content + text.slice(stub.end);
  }
  return text;
}

// `{name, digest, type, start, end}` of the stubs of a text, in its order.
function stubsOf(result) {
  const attachments = parseNodes(result, new Values()).members?.get('_attachments')?.node;
  if (attachments?.kind !== 'object') return [];
  return [...attachments.members]
    .filter(([, {node}]) => node.kind === 'object' && node.members.get('stub') && sliceOf(node.members.get('stub').node) === 'true')
    .map(([name, {node}]) => ({name, digest: stringMember(node, 'digest'), type: stringMember(node, 'content_type'), start: node.start, end: node.end}));
}

async function digests(db, id, rev, signal) {
  const stubs = stubsOf(await text(path(db, id), {query: {rev}, signal}));
  return new Map(stubs.map((stub) => [stub.name, stub.digest]));
}

// The attachment from the first of the revisions that has it, as the member of a document.
async function contentOf(db, id, {name, digest, type}, sources, signal) {
  for (const rev of sources) {
    const known = await digests(db, id, rev, signal).catch(() => new Map());
    if (known.get(name) !== digest) continue;
    const blob = await (await call('GET', path(db, id, name), {query: {rev}, signal})).blob();
    if (blob.size > MOST_BYTES) throw new Error(`The attachment ${name} is too large to be merged by this page.`);
    return JSON.stringify({content_type: type, data: await base64(blob)});
  }
  throw new Error(`The attachment ${name} is in none of the revisions any more.`);
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result.slice(reader.result.indexOf(',') + 1)));
    reader.addEventListener('error', () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
